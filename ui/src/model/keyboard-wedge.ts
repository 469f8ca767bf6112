// Tells a barcode scanner from a person: both are keyboards, and only the rhythm differs.
//
// Invariants:
// - A scan is at least `MIN_CHARACTERS` characters, each within `gapMs` of the one before, ended by Enter, Tab or the
//   set suffix within the same time. Nothing slower is one.
// - A code is given whole or not at all: what breaks into the run of characters, a gap too, makes it unreadable, never
//   shorter.
// - Characters of a scan are swallowed, so that none acts as a shortcut; a key of a person acts at once. So the
//   shortcuts that are characters act where they begin a run, and are characters within one.
// - Other keys, such as a pedal's or F8, act also in the middle of a scan and are no part of it.

/** Fewer characters are a person's, or too few to tell one part from another. */
export const MIN_CHARACTERS = 6;

/** Scanners send a character each 1 to 40 ms; the fastest typists one each 60 ms for as long. */
export const GAP_MS = 50;

/** Nobody scans the next part so soon: characters after a shorter gap may be the rest of a scan that faltered. */
const PAUSE_MS = 500;

/** Longer than any code of a part; what goes on is a key that is stuck. */
const MAX_CHARACTERS = 256;

/** The trigger key, and the way to the search of the history. */
const SHORTCUTS = new Set([" ", "/"]);

/** Keys that change or hide a character. */
const UNREADABLE_KEYS = new Set(["Backspace", "Delete", "Dead", "Process", "Unidentified"]);

/** A key as it went down. `KeyboardEvent` has all of this. */
export interface KeyPress {
  key: string;
  code: string;
  /** Of the key, not of its handling: a busy window must not slow a scan down. */
  timeStamp: number;
  repeat: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** What is to be done with a key: let it act, or keep it from acting. */
export interface KeyVerdict {
  swallow: boolean;
  /** The key ended a scan. */
  scan?: { text: string } | "unreadable";
}

export interface WedgeOptions {
  gapMs?: number;
  /** Ends a scan where the scanner sends neither Enter nor Tab; no code has it but at its end. It is part of the text. */
  suffix?: string;
}

const PASS: KeyVerdict = { swallow: false };
const SWALLOW: KeyVerdict = { swallow: true };

export class KeyboardWedge {
  #text = "";
  #lastAt = -Infinity;
  #isBroken = false;
  /** Characters of the longest run that a gap cut off just before this one. */
  #cutOff = 0;
  /** A scan that its suffix has ended: the Enter that may follow belongs to it. */
  #hasEnded = false;
  readonly #swallowed = new Set<string>();
  readonly #gapMs: number;
  readonly #suffix: string;

  constructor({ gapMs = GAP_MS, suffix = "" }: WedgeOptions = {}) {
    this.#gapMs = gapMs;
    this.#suffix = suffix;
  }

  /** A key went down. */
  down(press: KeyPress): KeyVerdict {
    const verdict = this.#judge(press);
    if (verdict.swallow) this.#swallowed.add(press.code);
    // A repeat is no new press: what became of the first holds.
    else if (!press.repeat) this.#swallowed.delete(press.code);
    return verdict;
  }

  /** A key went up; true where it is to be swallowed as it was when it went down. */
  up(code: string): boolean {
    return this.#swallowed.delete(code);
  }

  /** Forgets what was begun, as where another page is opened. */
  reset() {
    this.#begin(-Infinity);
  }

  #begin(at: number) {
    this.#text = "";
    this.#isBroken = false;
    this.#cutOff = 0;
    this.#hasEnded = false;
    this.#lastAt = at;
  }

  #pause(gapMs: number) {
    const cutOff = Math.max(this.#cutOff, this.#text.length);
    const lastAt = this.#lastAt;
    this.#begin(-Infinity);
    if (gapMs > PAUSE_MS) return;
    this.#cutOff = cutOff;
    this.#lastAt = lastAt;
  }

  #judge(press: KeyPress): KeyVerdict {
    const { key, timeStamp: at } = press;
    const gap = at - this.#lastAt;
    if (!(gap >= 0 && gap <= this.#gapMs)) this.#pause(gap);
    const isRunning = this.#text !== "" || this.#isBroken;
    const isCharacter = [...key].length === 1;

    if (key === "Enter" || key === "Tab") return this.#end();
    const isCommand = press.ctrlKey || press.altKey || press.metaKey;
    if (isCharacter ? press.repeat || isCommand : UNREADABLE_KEYS.has(key)) {
      // Scanners send control characters so. Without them the code would be another one.
      if (isRunning) {
        this.#isBroken = true;
        this.#lastAt = at;
      }
      return PASS;
    }
    if (!isCharacter) return PASS;
    if (this.#hasEnded) this.#begin(at);
    const acts = this.#text === "" && !this.#isBroken && SHORTCUTS.has(key);
    // No code begins with a space; a trigger just before a scan is none of it.
    if (acts && key === " ") return PASS;
    this.#lastAt = at;
    if (this.#text.length < MAX_CHARACTERS) this.#text += key;
    else this.#isBroken = true;
    if (!this.#isBroken && this.#suffix !== "" && this.#text.length >= MIN_CHARACTERS + this.#suffix.length && this.#text.endsWith(this.#suffix)) {
      const { scan } = this.#end();
      this.#hasEnded = true;
      this.#lastAt = at;
      return { swallow: true, scan: scan! };
    }
    return acts ? PASS : SWALLOW;
  }

  #end(): KeyVerdict {
    const [text, cutOff, hasEnded] = [this.#text, this.#cutOff, this.#hasEnded];
    const isWhole = !this.#isBroken && cutOff === 0;
    this.#begin(-Infinity);
    if (hasEnded) return SWALLOW;
    if (Math.max(text.length, cutOff) < MIN_CHARACTERS) return PASS;
    return { swallow: true, scan: isWhole ? { text } : "unreadable" };
  }
}
