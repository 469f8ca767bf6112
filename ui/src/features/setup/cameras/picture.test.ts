import { describe, expect, it } from "vitest";
import { barHeights, barPath } from "./histogram";
import { RecentPeak } from "./peak";
import { copySize, levelText, markPixels } from "./pixels";
import { arrow, boxBetween, dragBox, fitBox, type Frame, pointAt } from "./region";

/** A grey picture of these rows as RGBA. */
const grey = (rows: number[][]) => new Uint8ClampedArray(rows.flat().flatMap((level) => [level, level, level, 255]));
const alphaAt = (out: Uint8ClampedArray, width: number, x: number, y: number) => out[(y * width + x) * 4 + 3]!;

describe("the marks on a picture", () => {
  const all = { peaking: true, clipped: true, dark: true };
  const marked = (rows: number[][], marks = all) => {
    const out = new Uint8ClampedArray(rows.length * rows[0]!.length * 4);
    markPixels(grey(rows), rows[0]!.length, rows.length, marks, out);
    return out;
  };

  it("stand where an edge is sharp, and not where it is soft", () => {
    const sharp = marked([[60, 60, 160, 160], [60, 60, 160, 160], [60, 60, 160, 160]]);
    expect([...sharp.slice(4 * 5, 4 * 5 + 3)]).toEqual([0, 229, 255]);
    const soft = marked([[60, 70, 80, 90], [60, 70, 80, 90], [60, 70, 80, 90]]);
    expect(soft.some((value) => value !== 0)).toBe(false);
  });

  it("begin at level 250 where the picture is clipped, also in one colour alone", () => {
    const out = marked([[249, 250]]);
    expect(alphaAt(out, 2, 0, 0)).toBe(0);
    expect(alphaAt(out, 2, 1, 0)).toBeGreaterThan(0);
    const red = new Uint8ClampedArray(4);
    markPixels(new Uint8ClampedArray([251, 10, 10, 255]), 1, 1, all, red);
    expect(red[3]).toBeGreaterThan(0);
  });

  it("show what is black, each only where it was asked for, and leave nothing of the frame before", () => {
    expect(alphaAt(marked([[5, 6]]), 2, 0, 0)).toBeGreaterThan(0);
    expect(alphaAt(marked([[5, 6]]), 2, 1, 0)).toBe(0);
    const out = new Uint8ClampedArray(8).fill(200);
    markPixels(grey([[0, 255]]), 2, 1, { peaking: true, clipped: false, dark: false }, out);
    expect([...out]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("are made on a copy that is never wider than 640 pixels, nor larger than the picture", () => {
    expect(copySize(1920, 1440)).toEqual({ width: 640, height: 480 });
    expect(copySize(320, 200)).toEqual({ width: 320, height: 200 });
    expect(copySize(4096, 1)).toEqual({ width: 640, height: 1 });
  });

  it("tell a level from a colour", () => {
    expect(levelText(142, 142, 142)).toBe("142");
    expect(levelText(140, 142, 150)).toBe("R 140 G 142 B 150");
  });
});

describe("the histogram", () => {
  it("shows few clipped pixels beside very many", () => {
    const counts = Array.from({ length: 256 }, (_, level) => (level === 40 ? 5_000_000 : level === 255 ? 12 : 0));
    const heights = barHeights(counts);
    expect(heights[40]).toBe(1);
    expect(heights[255]).toBeGreaterThan(0.1);
    expect(heights[0]).toBe(0);
  });

  it("has no shape without pixels", () => {
    expect(barPath(Array.from({ length: 256 }, () => 0), 256, 60)).toBe("");
    expect(barPath([1, 0], 10, 60)).toBe("M0 60L0 0H5L5 60H10L10 60Z");
  });
});

describe("the highest of the latest values", () => {
  it("stays while one turns past it, and goes after the window", () => {
    const peak = new RecentPeak(1000);
    expect(peak.push(10, 0)).toBe(10);
    expect(peak.push(44, 100)).toBe(44);
    expect(peak.push(30, 900)).toBe(44);
    expect(peak.push(20, 1050)).toBe(44);
    expect(peak.push(25, 1150)).toBe(30);
    expect(peak.push(25, 2000)).toBe(25);
    peak.clear();
    expect(peak.push(3, 2001)).toBe(3);
  });
});

describe("a region", () => {
  const frame: Frame = { width: 2592, height: 1944, stepX: 4, stepY: 2, stepWidth: 4, stepHeight: 2 };

  it("lies on the camera's steps and within its picture, from whichever corner it is drawn", () => {
    expect(boxBetween({ x: 401, y: 301 }, { x: 99, y: 98 }, frame)).toEqual({ x: 96, y: 98, width: 300, height: 202 });
    expect(fitBox({ x: -50, y: 1900, width: 9000, height: 3 }, frame)).toEqual({ x: 0, y: 1900, width: 2592, height: 16 });
  });

  it("keeps the opposite edge where a handle is dragged, also beyond it", () => {
    const box = { x: 400, y: 400, width: 800, height: 600 };
    expect(dragBox(box, "e", { x: 100, y: 55 }, frame)).toEqual({ ...box, width: 900 });
    expect(dragBox(box, "nw", { x: 100, y: 100 }, frame)).toEqual({ x: 500, y: 500, width: 700, height: 500 });
    expect(dragBox(box, "w", { x: 5000, y: 0 }, frame)).toEqual({ ...box, x: 1184, width: 16 });
    expect(dragBox(box, "se", { x: 9000, y: 9000 }, frame)).toEqual({ x: 400, y: 400, width: 2192, height: 1544 });
  });

  it("is moved as a whole and stops at the edge", () => {
    const box = { x: 400, y: 400, width: 800, height: 600 };
    expect(dragBox(box, "move", { x: 10_000, y: -10_000 }, frame)).toEqual({ x: 1792, y: 0, width: 800, height: 600 });
  });

  it("takes all rows where a step is as high as the picture, as of a line-scan camera", () => {
    const lines = { ...frame, stepHeight: 1944 };
    expect(boxBetween({ x: 100, y: 300 }, { x: 500, y: 400 }, lines)).toEqual({ x: 100, y: 0, width: 400, height: 1944 });
  });

  it("goes by arrow keys, one step or ten", () => {
    expect(arrow("ArrowLeft", false, 4, 2)).toEqual({ x: -4, y: 0 });
    expect(arrow("ArrowDown", true, 4, 2)).toEqual({ x: 0, y: 20 });
    expect(arrow("Tab", false, 4, 2)).toBeNull();
  });

  it("is pointed at in pixels of the picture, whatever its size on the screen", () => {
    const shown = { left: 100, top: 50, width: 500, height: 375 };
    expect(pointAt(350, 237.5, shown, { width: 2592, height: 1944 })).toEqual({ x: 1296, y: 972 });
    expect(pointAt(9999, -5, shown, { width: 2592, height: 1944 })).toEqual({ x: 2591, y: 0 });
    expect(pointAt(10, 10, { ...shown, width: 0, height: 0 }, { width: 10, height: 10 })).toEqual({ x: 0, y: 0 });
  });
});
