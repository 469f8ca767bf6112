// The whole window over the station in memory, with time in the test's hands.
import { fireEvent, render, screen } from "@testing-library/svelte";
import { vi } from "vitest";
import App from "./App.svelte";
import { FakeStation, type FakeOptions } from "./platform/fake/station";

/** When the tests happen. */
export const NOW = Date.UTC(2026, 2, 1, 8);

/** Opens the window and waits until the station has answered. */
export async function openWindow(options: FakeOptions = {}) {
  vi.useFakeTimers({ now: NOW });
  const station = new FakeStation({
    history: 20, delaysMs: { capture: 20, screen: 100, decide: 1000 }, ...options,
  });
  render(App, { platform: station });
  await settle();
  return station;
}

/** Lets all that is due happen. */
export const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

export const get = (testid: string) => screen.getByTestId(testid);
export const find = (testid: string) => screen.queryByTestId(testid);

export async function press(testid: string) {
  await fireEvent.click(get(testid));
  await settle();
}

export async function key(code: string, repeat = false) {
  const event = { key: code === "Space" ? " " : code, code, repeat };
  await fireEvent.keyDown(window, event);
  await fireEvent.keyUp(window, event);
  await settle();
}

let scannedAt = 1_000_000;

/** A scanner types these keys and Enter, a key each 5 milliseconds. */
export async function scan(keys: string | string[], target: EventTarget = document.body) {
  scannedAt += 10_000;
  for (const key of [...keys, "Enter"]) {
    scannedAt += 5;
    for (const type of ["keydown", "keyup"]) {
      const event = new KeyboardEvent(type, { key, code: key === " " ? "Space" : `Key${key}`, bubbles: true, cancelable: true });
      Object.defineProperty(event, "timeStamp", { value: scannedAt });
      target.dispatchEvent(event);
    }
  }
  await settle();
}
