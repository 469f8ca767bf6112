import { screen } from "@testing-library/svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ContainedPartDto } from "../../platform/types";
import { find, get, NOW, openWindow, press, settle } from "../../test-window";

afterEach(() => vi.useRealTimers());

const part = (sequence: number, more: Partial<ContainedPartDto> = {}): ContainedPartDto => ({
  id: `019cb000-7a2c-7d41-9b0e-${String(sequence).padStart(12, "0")}`, sequence, captured_at: NOW - 7_200_000, decided_at: NOW - 60_000,
  disposition: "fail", product_sku: "WK-KN-200", stage: "blade_glazing", lot: "L2603-01", serial: null, shift: "A",
  worst_defect_type: "rust_spot", worst_severity: "critical", ...more,
});

describe("the containment list", () => {
  it("is told of in every page while a part is to be found, and not otherwise", async () => {
    const station = await openWindow();
    expect(find("banner-containment")).toBeNull();
    station.contain([part(7), part(9)]);
    await settle();
    expect(get("banner-containment").textContent).toContain("2");
    await press("nav-setup");
    expect(find("banner-containment")).not.toBeNull();
  });

  it("names the lot, the stage and the defect of each part, and how late its verdict was", async () => {
    const station = await openWindow();
    station.contain([part(7), part(9, { lot: null, disposition: "undetermined", worst_defect_type: null, worst_severity: null })]);
    await settle();
    await press("containment-open");
    await settle();
    const text = get("contained-7").textContent!;
    for (const word of ["#7", "L2603-01", "锈斑", "WK-KN-200", "A 班", "2小时"]) expect(text.replaceAll(" ", "")).toContain(word.replaceAll(" ", ""));
    expect(get("contained-9").textContent).toContain("无批次");
  });

  it("is left by the parts whose fate a supervisor has noted, and by no others", async () => {
    const station = await openWindow();
    station.contain([part(7), part(8), part(9)]);
    await settle();
    await press("containment-open");
    await settle();
    expect(get("containment-scrapped")).toHaveProperty("disabled", true);
    await press("contained-choose-7");
    await press("contained-choose-9");
    await press("containment-scrapped");
    await settle();
    const noted = station.calls.filter(({ command }) => command === "acknowledgeContained").map(({ args }) => args);
    expect(noted).toEqual([[part(7).id, "scrapped"], [part(9).id, "scrapped"]]);
    expect(find("contained-7")).toBeNull();
    expect(find("contained-8")).not.toBeNull();
  });

  it("keeps a part that could not be noted, and says why", async () => {
    const station = await openWindow();
    station.contain([part(7)]);
    await settle();
    await press("containment-open");
    await settle();
    station.fail("acknowledgeContained", { code: "storage_fault", message: "the disk failed" });
    await press("contained-choose-7");
    await press("containment-reworked");
    await settle();
    expect(find("contained-7")).not.toBeNull();
    expect(screen.getByText(/the disk failed/)).toBeTruthy();
  });

  it("is only read by an operator", async () => {
    const station = await openWindow({ station: { session: { role: "operator", operator: "op-1", demo: false, language: "zh-CN" } } });
    station.contain([part(7)]);
    await settle();
    await press("containment-open");
    await settle();
    expect(find("contained-7")).not.toBeNull();
    expect(find("containment-scrapped")).toBeNull();
  });
});

describe("the budget", () => {
  const spent = { state: "spent", spent_usd: 501.2, budget_usd: 500, sample_every: 20 } as const;

  it("is told of in every page once it is spent, with who judges now", async () => {
    const station = await openWindow();
    expect(find("banner-budget")).toBeNull();
    station.setLive({ budget: spent });
    await settle();
    expect(get("banner-budget").textContent).toContain("每 20 件");
    station.setLive({ budget: { ...spent, sample_every: 0 } });
    await settle();
    expect(get("banner-budget").textContent).toContain("不再送模型");
  });

  it("shows in the setup what the shift, the month and a part cost", async () => {
    await openWindow();
    await press("nav-setup");
    await settle(10);
    expect(get("budget").dataset.state).toBe("within");
    expect(get("budget").textContent).toContain("38.20");
    expect(get("spending-shift").textContent).toContain("0.0340");
    expect(get("spending-month").textContent).toContain("claude-opus-5");
  });
});
