import { expect, it } from "vitest";
import { pedalKeyRefusal } from "./pedal-key";

it("lets a pedal have a key that nothing else is done with", () => {
  for (const code of ["F1", "F13", "F24", "PageDown", "Pause", "Home", "MediaPlayPause"]) expect(pedalKeyRefusal(code), code).toBeNull();
});

it("refuses each other key with its reason", () => {
  const cases = {
    trigger_key: ["Space"],
    window_key: ["F5", "F8", "F9", "Escape", "ArrowDown"],
    writing_key: ["KeyB", "Digit1", "Numpad5", "NumpadEnter", "Enter", "Tab", "BracketLeft"],
    modifier_key: ["ShiftLeft", "ControlRight", "MetaLeft", "CapsLock"],
    unknown_key: ["", "Unidentified", "F 13"],
  } as const;
  for (const [why, list] of Object.entries(cases)) for (const code of list) expect(pedalKeyRefusal(code), code).toBe(why);
});
