import { afterEach, describe, expect, it, vi } from "vitest";
import { KeyboardWedge } from "../../model/keyboard-wedge";
import { listenForScans, type Scan } from "./scan-keys";

let stop = () => {};
afterEach(() => {
  stop();
  document.body.replaceChildren();
});

function listen() {
  const scans: Scan[] = [];
  const page = vi.fn();
  stop = listenForScans(window, new KeyboardWedge(), (scan) => scans.push(scan));
  window.addEventListener("keydown", page);
  window.addEventListener("keyup", page);
  const stopListening = stop;
  stop = () => {
    stopListening();
    window.removeEventListener("keydown", page);
    window.removeEventListener("keyup", page);
  };
  return { scans, page };
}

let at = 1_000;

/** Presses and releases the keys of `text` and Enter; answers those that would have acted. */
function scan(text: string, target: EventTarget = document.body) {
  at += 1_000;
  const acted: string[] = [];
  for (const key of [...text, "Enter"]) {
    at += 5;
    for (const type of ["keydown", "keyup"]) {
      const event = new KeyboardEvent(type, { key, code: key === " " ? "Space" : `Key${key}`, bubbles: true, cancelable: true });
      Object.defineProperty(event, "timeStamp", { value: at });
      target.dispatchEvent(event);
      if (!event.defaultPrevented) acted.push(`${type} ${key}`);
    }
  }
  return acted;
}

describe("the keys of a scan", () => {
  it("are kept from the page, and the scan is told", () => {
    const { scans, page } = listen();
    const button = document.body.appendChild(document.createElement("button"));
    expect(scan("WK 2026-01", button)).toEqual([]);
    expect(scans).toEqual([{ text: "WK 2026-01" }]);
    expect(page).not.toHaveBeenCalled();
  });

  it("fill a field where one has the focus", () => {
    const { scans, page } = listen();
    const field = document.body.appendChild(document.createElement("input"));
    expect(scan("WK2026", field)).toHaveLength(14);
    expect(scans).toEqual([]);
    expect(page).toHaveBeenCalledTimes(14);
  });

  it("act as ever once nobody listens", () => {
    const { scans } = listen();
    stop();
    expect(scan("WK2026")).toHaveLength(14);
    expect(scans).toEqual([]);
  });
});
