import { describe, expect, it } from "vitest";
import { find, get, openWindow, press, settle } from "../test-window";
import { CAMERA_WARNINGS } from "../platform/codes";

describe("warnings of cameras", () => {
  it("say each kind once, with its cameras and what to do", async () => {
    const station = await openWindow();
    expect([find("warning-cameras"), find("warning-parts_missed")]).toEqual([null, null]);
    station.setLive({ camera_warnings: [{ camera: "glaze-top", kind: "frames_lost" }, { camera: "edge-line", kind: "frames_lost" }, { camera: "edge-line", kind: "flat_field_stale" }] });
    await settle();
    expect(get("warning-frames_lost").textContent).toMatch(/丢帧.*glaze-top、edge-line.*检查电缆/);
    expect(get("warning-flat_field_stale").textContent).toMatch(/平场.*edge-line/);
    expect([find("warning-drift"), find("warning-parts_missed")]).toEqual([null, null]);
  });

  it("of a part that passed unseen are an alarm that stays, with the way to that camera", async () => {
    const station = await openWindow();
    station.setLive({ camera_warnings: CAMERA_WARNINGS.map((kind) => ({ camera: kind === "parts_missed" ? "edge-line" : "glaze-top", kind })) });
    await settle(60_000);
    expect(get("warning-parts_missed").getAttribute("role")).toBe("alert");
    expect(get("warning-parts_missed").textContent).toMatch(/有工件未检.*edge-line.*停线/s);
    await press("warning-open-edge-line");
    await settle(600);
    expect(get("cam-edge-line").getAttribute("aria-pressed")).toBe("true");
    expect(get("warning-parts_missed")).toBeTruthy();
    await press("warning-open-glaze-top");
    await settle(600);
    expect(get("cam-glaze-top").getAttribute("aria-pressed")).toBe("true");
    station.setLive({ camera_warnings: [] });
    await settle();
    expect([find("warning-cameras"), find("warning-parts_missed")]).toEqual([null, null]);
  });

  it("offer an operator no set-up", async () => {
    await openWindow({
      live: { camera_warnings: [{ camera: "edge-line", kind: "parts_missed" }] },
      station: { session: { role: "operator", operator: "op-7", demo: false, language: "zh-CN" } },
    });
    expect(get("warning-parts_missed")).toBeTruthy();
    expect(find("warning-open-edge-line")).toBeNull();
  });
});
