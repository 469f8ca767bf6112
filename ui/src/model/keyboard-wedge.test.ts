import { describe, expect, it } from "vitest";
import { GAP_MS, KeyboardWedge, type KeyPress, type KeyVerdict, type WedgeOptions } from "./keyboard-wedge";

/** Milliseconds after the key before, and the key. */
type Stroke = [afterMs: number, key: string, more?: Partial<KeyPress>];

const codeOf = (key: string) => {
  if (/^[a-z]$/i.test(key)) return `Key${key.toUpperCase()}`;
  if (/^\d$/.test(key)) return `Digit${key}`;
  return { " ": "Space", "-": "Minus", "#": "Digit3", "]": "BracketRight" }[key] ?? key;
};

/** What became of each stroke. */
function play(strokes: Stroke[], options?: WedgeOptions) {
  const wedge = new KeyboardWedge(options);
  let timeStamp = 10_000;
  const verdicts: KeyVerdict[] = [];
  for (const [afterMs, key, more] of strokes) {
    timeStamp += afterMs;
    verdicts.push(wedge.down({ key, code: codeOf(key), timeStamp, repeat: false, ctrlKey: false, altKey: false, metaKey: false, ...more }));
  }
  return {
    wedge,
    scans: verdicts.flatMap(({ scan }) => (scan === undefined ? [] : [scan === "unreadable" ? scan : scan.text])),
    passed: strokes.filter((_, n) => !verdicts[n]!.swallow).map(([, key]) => key),
  };
}

/** A text at a steady pace, the first character after a pause. */
const typed = (text: string, everyMs: number): Stroke[] => [...text].map((key, n) => [n === 0 ? 900 : everyMs, key]);

/** A text in the gaps of a recording, which are used again from the start where the text is longer. */
const inGaps = (text: string, gapsMs: number[]): Stroke[] => [...text].map((key, n) => [n === 0 ? 900 : gapsMs[(n - 1) % gapsMs.length]!, key]);

const CODE = "WK20260142-07";
const ENTER: Stroke = [8, "Enter"];
// How scanners and people write: USB at 1 and at 8 ms a report with a report for each release, Bluetooth, and a
// typist of 120 words a minute with the pairs that two hands roll.
const USB_1_MS = [1, 2, 1, 1, 3, 1, 2];
const USB_8_MS = [16, 15, 17, 16, 24, 8, 16];
const BLUETOOTH = [22, 38, 12, 45, 30, 22, 49, 8, 31];
const TYPIST = [112, 84, 31, 140, 96, 28, 61, 125, 90];

describe("a scan", () => {
  for (const [name, gaps] of [["a fast scanner", USB_1_MS], ["a usual scanner", USB_8_MS], ["a slow scanner", BLUETOOTH]] as const) {
    it(`of ${name} is read whole, and none of its keys acts`, () => {
      const { scans, passed } = play([...inGaps(CODE, [...gaps]), ENTER]);
      expect(scans).toEqual([CODE]);
      expect(passed).toEqual([]);
    });
  }

  it("is ended by Tab as well", () => {
    expect(play([...typed(CODE, 5), [5, "Tab"]])).toMatchObject({ scans: [CODE], passed: [] });
  });

  it("is as fast as the limit says and not slower", () => {
    expect(play([...typed(CODE, GAP_MS), ENTER]).scans).toEqual([CODE]);
    expect(play([...typed(CODE, GAP_MS + 1), ENTER]).scans).toEqual([]);
    expect(play([...typed(CODE, 80), [80, "Enter"]], { gapMs: 90 }).scans).toEqual([CODE]);
  });

  it("has six characters or more", () => {
    expect(play([...typed("12345", 5), ENTER])).toMatchObject({ scans: [], passed: ["Enter"] });
    expect(play([...typed("123456", 5), ENTER]).scans).toEqual(["123456"]);
  });

  it("keeps upper case, signs and spaces within", () => {
    const shift: Stroke = [1, "Shift"];
    const strokes = typed("aB 12-Cd", 4).flatMap((stroke): Stroke[] => (/[A-Z]/.test(stroke[1]) ? [shift, stroke] : [stroke]));
    const { scans, passed } = play([...strokes, ENTER]);
    expect(scans).toEqual(["aB 12-Cd"]);
    expect(passed).toEqual(["Shift", "Shift"]);
  });

  it("follows another at once", () => {
    const { scans } = play([...typed("AAAAAA1", 2), ENTER, [3, "B"], ...typed("BBBBB2", 2).slice(1), ENTER]);
    expect(scans).toEqual(["AAAAAA1", "BBBBB2"]);
  });

  it("that was broken off is no beginning of the next", () => {
    expect(play([...typed("WK2026", 5), ...typed(CODE, 5), ENTER]).scans).toEqual([CODE]);
  });

  it("without an end is none", () => {
    expect(play([...typed(CODE, 5), [900, "Enter"]])).toMatchObject({ scans: [], passed: ["Enter"] });
  });

  it("is ended by its suffix, and the Enter that some scanners still send is of the scan", () => {
    expect(play(typed(`${CODE}#`, 5), { suffix: "#" })).toMatchObject({ scans: [`${CODE}#`], passed: [] });
    const both = play([...typed(`${CODE}#`, 5), ENTER, [700, "Enter"]], { suffix: "#" });
    expect(both.scans).toEqual([`${CODE}#`]);
    expect(both.passed).toEqual(["Enter"]);
    expect(play([...typed(`${CODE}#`, 5), ...typed("AB12345#", 5)], { suffix: "#" }).scans).toEqual([`${CODE}#`, "AB12345#"]);
  });

  it("is unreadable where a key within it cannot be written, and never a shorter code", () => {
    const within = (more: Stroke): Stroke[] => [...typed("AB12345678", 5), more, ...typed("CD12345678", 5).map(([, key]): Stroke => [5, key]), ENTER];
    for (const more of [[5, "]", { ctrlKey: true }], [5, "5", { altKey: true }], [5, "Backspace"], [5, "Unidentified"], [5, "Process"], [5, "8", { repeat: true }]] as Stroke[]) {
      const { scans } = play(within(more));
      expect(scans, JSON.stringify(more)).toEqual(["unreadable"]);
    }
    expect(play([...typed("x".repeat(300), 5), ENTER]).scans).toEqual(["unreadable"]);
  });

  it("that falters is unreadable, and neither its beginning nor its rest is a code", () => {
    for (const gap of [GAP_MS + 1, 200, 500, -5_000]) {
      for (const rest of ["0142-07", "07", ""]) {
        const strokes: Stroke[] = [...typed("WK2026", 5), ...[...rest, "Enter"].map((key, n): Stroke => [n === 0 ? gap : 5, key])];
        expect(play(strokes), `${gap} ms, then ${rest}`).toMatchObject({ scans: ["unreadable"], passed: [] });
      }
    }
  });

  it("just after a stray key is unreadable, because the key may be its beginning", () => {
    expect(play([[900, "W"], [100, "K"], ...typed("x20260142", 5).slice(1), ENTER]).scans).toEqual(["unreadable"]);
  });
});

describe("a person", () => {
  it("who presses the key of the search sees it act, and it is missing from no scan", () => {
    expect(play([[900, "/"]]).passed).toEqual(["/"]);
    const { scans, passed } = play([...typed("/WK2026/142", 5), ENTER]);
    expect(scans).toEqual(["/WK2026/142"]);
    expect(passed).toEqual(["/"]);
  });

  it("who types fast makes no scan", () => {
    const { scans, passed } = play([...inGaps("the quick brown fox", TYPIST), [95, "Enter"]]);
    expect(scans).toEqual([]);
    expect(passed).toContain("Enter");
  });

  it("who presses Space, Enter or F5 sees it act at once", () => {
    const { passed } = play([[900, " "], [900, "Enter"], [900, "F5"], [900, " "], [30, " "]]);
    expect(passed).toEqual([" ", "Enter", "F5", " ", " "]);
  });

  it("who presses Space just before a scan begins and just after it has ended sees both act", () => {
    const { scans, passed } = play([[900, " "], [10, "W"], ...typed("xK20260142", 5).slice(1), ENTER, [20, " "]]);
    expect(scans).toEqual(["WK20260142"]);
    expect(passed).toEqual([" ", " "]);
  });

  it("who holds a key down makes no scan", () => {
    for (const key of ["a", " ", "Enter"]) {
      const held: Stroke[] = [[900, key], [500, key, { repeat: true }], ...Array.from({ length: 40 }, (): Stroke => [33, key, { repeat: true }])];
      expect(play([...held, [20, "Enter"]]).scans, key).toEqual([]);
    }
  });
});

describe("a pedal in the middle of a scan", () => {
  it("acts, and the scan is read", () => {
    const strokes = inGaps(CODE, USB_8_MS);
    strokes.splice(6, 0, [3, "F13"]);
    const { scans, passed } = play([...strokes, ENTER]);
    expect(scans).toEqual([CODE]);
    expect(passed).toEqual(["F13"]);
  });

  it("holds no scan together that is too slow", () => {
    expect(play([...typed("WK2026", 5), [40, "F13"], [40, "0"], ...typed("x142", 5).slice(1), ENTER]).scans).toEqual(["unreadable"]);
  });
});

describe("a key that goes up", () => {
  it("is swallowed where it was when it went down", () => {
    const { wedge } = play([...typed("AB 123", 5), ENTER]);
    expect(["Space", "Enter", "KeyA"].map((code) => wedge.up(code))).toEqual([true, true, true]);
    expect(wedge.up("Space")).toBe(false);
    expect(play([[900, " "]]).wedge.up("Space")).toBe(false);
  });

  it("acts where it was pressed anew by a person before the scanner's came up", () => {
    expect(play([...typed("AB 123", 5), ENTER, [900, " "]]).wedge.up("Space")).toBe(false);
  });

  it("is forgotten with the scan that was begun", () => {
    const { wedge } = play(typed("WK2026", 5));
    wedge.reset();
    const enter = { key: "Enter", code: "Enter", timeStamp: 10_930, repeat: false, ctrlKey: false, altKey: false, metaKey: false };
    expect(wedge.down(enter)).toEqual({ swallow: false });
  });
});
