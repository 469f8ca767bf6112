import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync("src/design/tokens.css", "utf8");
const banner = readFileSync("src/design/VerdictBanner.svelte", "utf8");

function rgb(hex: string): [number, number, number] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
function token(name: string): string {
  const found = css.match(new RegExp(`--${name}: (#[0-9a-f]{6});`));
  if (!found) throw new Error(`no token ${name}`);
  return found[1]!;
}
function luminance(hex: string): number {
  const [r, g, b] = rgb(hex).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}
/** True where an eye sees green: the green channel leads clearly. */
function isGreen(hex: string): boolean {
  const [r, g, b] = rgb(hex);
  return g > r * 1.25 && g > b * 1.15;
}

describe("colours", () => {
  it.each([
    ["ink", "ground"], ["ink", "panel"], ["ink", "raised"], ["ink-2", "ground"], ["ink-2", "panel"],
    ["ink-2", "raised"], ["ink-2", "well"], ["ink-dark", "rail"], ["ink-dark-2", "rail"],
    ["pass-ink", "pass"], ["fail-ink", "fail"], ["undetermined-ink", "undetermined"],
    ["pending-ink", "pending"], ["ready-ink", "ready"], ["ink", "caution"], ["ink-dark", "key-main"],
    ["fault", "raised"],
  ])("show %s on %s with a contrast of 4.5 at least", (ink, ground) => {
    expect(contrast(token(ink), token(ground))).toBeGreaterThanOrEqual(4.5);
  });

  it("keep green for a pass alone", () => {
    expect(isGreen(token("pass"))).toBe(true);
    const others = [...css.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].filter(([, name]) => name !== "pass");
    expect(others.length).toBeGreaterThan(20);
    for (const [, name, hex] of others) expect(isGreen(hex!), name).toBe(false);
  });

  it("give each verdict's banner its own ground", () => {
    const rule = (verdict: string) => banner.match(new RegExp(`\\n  \\.${verdict} \\{[^}]*\\}`))?.[0] ?? "";
    expect(rule("pass")).toContain("var(--pass)");
    for (const verdict of ["fail", "rejected", "accepted", "undetermined", "pending", "ready", "stopped"]) {
      expect(rule(verdict), verdict).not.toBe("");
      expect(rule(verdict), verdict).not.toContain("--pass");
      for (const [hex] of rule(verdict).matchAll(/#[0-9a-f]{6}/g)) expect(isGreen(hex), verdict).toBe(false);
    }
  });

  it("keep the touch sizes of gloves", () => {
    expect(css).toContain("--touch: 76px");
    expect(css).toContain("--touch-verdict: 114px");
  });
});
