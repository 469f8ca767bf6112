// Listens to the keys of the window for scans, before anything else of the page does.
import type { KeyboardWedge } from "../../model/keyboard-wedge";

/** The text of a scan; `unreadable` where it has to be scanned again. */
export type Scan = { text: string } | "unreadable";

/** There a person types, and a scan fills the field. */
const isField = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;

/** Until the returned function is called. Put it on before the page's own keys: what it swallows never gets to them. */
export function listenForScans(window: Window, wedge: KeyboardWedge, onscan: (scan: Scan) => void): () => void {
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };
  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };

  window.addEventListener("keydown", (event) => {
    if (event.isComposing || isField(event.target)) {
      wedge.reset();
      return;
    }
    const verdict = wedge.down(event);
    if (verdict.swallow) swallow(event);
    if (verdict.scan !== undefined) onscan(verdict.scan);
  }, options);
  window.addEventListener("keyup", (event) => {
    if (wedge.up(event.code)) swallow(event);
  }, options);
  return () => stop.abort();
}
