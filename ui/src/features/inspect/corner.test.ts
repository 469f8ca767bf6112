import { describe, expect, it } from "vitest";
import { freeCorner } from "./corner";

describe("the small live picture", () => {
  it("lies at the bottom right where nothing is found", () => {
    expect(freeCorner([], 1920, 1080)).toBe("bottom-right");
  });

  it("gives way to a box", () => {
    expect(freeCorner([{ x: 1700, y: 900, width: 100, height: 100 }], 1920, 1080)).toBe("bottom-left");
    const bottom = [{ x: 1700, y: 900, width: 100, height: 100 }, { x: 10, y: 1000, width: 50, height: 50 }];
    expect(freeCorner(bottom, 1920, 1080)).toBe("top-right");
  });
});
