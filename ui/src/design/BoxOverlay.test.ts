import { render, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { SEVERITIES } from "../platform/codes";
import type { FindingDto } from "../platform/types";
import BoxOverlay from "./BoxOverlay.svelte";

function finding(change: Partial<FindingDto> = {}): FindingDto {
  return {
    defect_type: "blade_scratch", severity: "major", confidence: 0.81, region: "blade_surface",
    box_px: { x: 480, y: 270, width: 96, height: 54 }, provenance: { kind: "native" },
    recommended_action: "rework", description: "", size_mm: null, ...change,
  };
}
const picture = { widthPx: 1920, heightPx: 1080 };

describe("boxes on a picture", () => {
  it("are drawn in the pixels of the original", () => {
    render(BoxOverlay, { ...picture, findings: [finding()] });
    const box = screen.getByTestId("box-1");
    expect(box.closest("svg")?.getAttribute("viewBox")).toBe("0 0 1920 1080");
    for (const [name, value] of Object.entries({ x: "480", y: "270", width: "96", height: "54" })) {
      expect(box.getAttribute(name)).toBe(value);
      expect(box.getAttribute(`data-${name}`)).toBe(value);
    }
    expect(box.getAttribute("vector-effect")).toBe("non-scaling-stroke");
  });

  it("carry a label at their corner with type, severity and confidence", () => {
    render(BoxOverlay, { ...picture, findings: [finding()] });
    const label = screen.getByTestId("box-label-1");
    expect([label.style.left, label.style.top]).toEqual(["25%", "25%"]);
    expect(label.textContent).toMatch(/刀面划痕.*严重.*81%/);
  });

  it("keep their label inside the picture at its top and right", () => {
    render(BoxOverlay, { ...picture, findings: [finding({ box_px: { x: 1800, y: 0, width: 120, height: 108 } })] });
    const label = screen.getByTestId("box-label-1");
    expect([label.style.left, label.style.top]).toEqual(["100%", "10%"]);
    expect(label.className).toContain("below");
    expect(label.className).toContain("leftwards");
  });

  it("tell severities apart by shape and not by colour alone", () => {
    render(BoxOverlay, { ...picture, findings: SEVERITIES.map((severity) => finding({ severity })) });
    const outlines = SEVERITIES.map((_, n) => screen.getByTestId(`box-label-${n + 1}`).querySelector("path")?.getAttribute("d"));
    expect(new Set(outlines).size).toBe(SEVERITIES.length);
  });

  it("show numbers alone where labels would cover the part", () => {
    render(BoxOverlay, { ...picture, findings: Array.from({ length: 9 }, () => finding()) });
    expect(screen.getByTestId("box-9")).toBeTruthy();
    expect(screen.getByTestId("box-label-9").textContent?.trim()).toBe("9");
  });
});
