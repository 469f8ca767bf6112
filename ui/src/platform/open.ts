import type { Platform } from "./types";

/**
 * The station behind this window. In a browser without Tauri it is the one in memory; a release has no
 * such thing in it.
 */
export async function openPlatform(): Promise<Platform> {
  if ("__TAURI_INTERNALS__" in window) return (await import("./tauri")).tauriPlatform();
  if (import.meta.env.PROD) throw new Error("this page runs in the station's window only");
  return (await import("./fake/open")).openFake(new URLSearchParams(location.search));
}
