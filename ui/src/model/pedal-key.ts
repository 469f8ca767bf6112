// Which key a foot pedal may send. The same table as `wiko_core::trigger::PedalKey`, which has the last word.

export const PEDAL_KEY_REFUSALS = ["trigger_key", "window_key", "writing_key", "modifier_key", "unknown_key"] as const;
export type PedalKeyRefusal = (typeof PEDAL_KEY_REFUSALS)[number];

const WINDOW_KEYS = new Set(["F5", "F8", "F9", "Escape", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);
const WRITING_KEYS = new Set([
  "Enter", "Tab", "Minus", "Equal", "Backslash", "Semicolon", "Quote", "Comma", "Period", "Slash", "Backquote",
  "Backspace", "Delete",
]);
const MODIFIER_KEYS = new Set(["CapsLock", "NumLock", "ScrollLock", "Fn", "FnLock", "ContextMenu"]);

/** Why the key of this `KeyboardEvent.code` cannot be a pedal's; null where it can. */
export function pedalKeyRefusal(code: string): PedalKeyRefusal | null {
  if (!/^[A-Za-z0-9]{2,32}$/.test(code) || code === "Unidentified") return "unknown_key";
  if (code === "Space") return "trigger_key";
  if (WINDOW_KEYS.has(code)) return "window_key";
  if (WRITING_KEYS.has(code) || /^(Key|Digit|Numpad|Bracket|Intl|Lang)/.test(code)) return "writing_key";
  if (MODIFIER_KEYS.has(code) || /^(Shift|Control|Alt|Meta|OS)/.test(code)) return "modifier_key";
  return null;
}
