import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { find, get, openWindow, press, settle } from "../../test-window";
import type { CaptureConditionsDto } from "../../platform/types";

async function openRecord(conditions: CaptureConditionsDto | null) {
  const station = await openWindow();
  station.parts[0]!.conditions = conditions;
  await press("nav-history");
  await settle(20);
  await fireEvent.click(screen.getAllByTestId("history-row")[0]!);
  await settle();
  await press("tab-record");
}

describe("the conditions of a part", () => {
  it("say what triggered, with which camera and settings, how good the frame was and what was wrong with it", async () => {
    await openRecord({
      trigger: "camera_line", pixel_format: "Mono8", mm_per_px: 0.0842,
      device: { transport: "gige_vision", vendor: "Basler", model: "acA2500-14gm", serial: "22512345", mac: null, usb: null },
      features: { ExposureTime: 3500, GainAuto: "Off", ReverseX: true },
      quality: { focus: 17.44, mean_level: 120, dark_share: null, clipped_share: null, clipped_on_part: 0.0123, noise: 1.9, motion_blur: null, likeness: null, shift_px: null },
      faults: ["out_of_focus", "missing_rows"], invalid_rows: [{ from: 6, until: 10 }, { from: 40, until: 41 }],
    });
    const text = get("conditions").textContent!;
    expect(text).toMatch(/相机触发输入.*Basler acA2500-14gm \(22512345\).*Mono8.*0\.0842 mm/s);
    expect(text).toMatch(/清晰度17\.4.*工件过曝1\.23%.*噪声1\.90/s);
    expect(text).not.toContain("拖影");
    expect(get("condition-fault-out_of_focus").textContent).toContain("失焦 转动镜头至清晰度最高");
    expect(get("condition-rows").textContent).toBe("6–9；40");
    expect(find("condition-feature-list")).toBeNull();
    await press("condition-features");
    expect(get("condition-feature-list").textContent).toMatch(/曝光时间3500.*自动增益关.*ReverseXtrue/s);
  });

  const nothing: CaptureConditionsDto = { trigger: null, device: null, features: {}, pixel_format: null, mm_per_px: null, quality: null, faults: [], invalid_rows: [] };

  it.each([null, nothing])("show nothing where nothing was kept", async (conditions) => {
    await openRecord(conditions);
    expect(get("record")).toBeTruthy();
    expect(find("conditions")).toBeNull();
  });
});
