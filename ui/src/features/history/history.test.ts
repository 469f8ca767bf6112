import { dateTime, useTimeZone } from "../../i18n/index.svelte";
import { fireEvent, screen } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { find, get, key, NOW, openWindow, press, settle } from "../../test-window";
import { RUST_AND_SCRATCH } from "../../platform/fake/scenes";
import { NO_FILTERS, spanOf } from "./history.svelte";
import type { HistoryQueryDto } from "../../platform/types";
import type { FakeStation } from "../../platform/fake/station";

async function openHistory(options = {}) {
  const station = await openWindow({ history: 150, ...options });
  await press("nav-history");
  await settle(20);
  return station;
}
const rows = () => screen.queryAllByTestId("history-row");
const lastQuery = (station: FakeStation) =>
  station.calls.filter(({ command }) => command === "historyPage").at(-1)?.args[0] as HistoryQueryDto;

describe("the history", () => {
  it("lists the newest first and pages by keyset", async () => {
    const station = await openHistory();
    expect(rows()).toHaveLength(60);
    expect(rows()[0]!.dataset.id).toBe(station.parts[0]!.id);
    await press("history-more");
    await settle(20);
    expect(rows()).toHaveLength(120);
    expect(lastQuery(station).after).toBe(station.parts[59]!.sequence);
    expect(new Set(rows().map((row) => row.dataset.id)).size).toBe(120);
  });

  it("asks for what the filters say", async () => {
    const station = await openHistory();
    await press("filter-verdict-fail");
    await press("filter-severity-critical");
    await fireEvent.change(get("filter-stage"), { target: { value: "blade_glazing" } });
    await fireEvent.change(get("filter-sku"), { target: { value: "WK-KN-200" } });
    await press("filter-time-7_days");
    await settle(20);
    expect(lastQuery(station)).toMatchObject({
      disposition: "fail", severity: "critical", stage: "blade_glazing", product_sku: "WK-KN-200", to: null, after: null,
    });
    expect(lastQuery(station).from).toBeGreaterThan(NOW - 7 * 86_400_000 - 1);
    expect(rows().length).toBeGreaterThan(0);
    expect(rows().every((row) => row.dataset.verdict === "fail")).toBe(true);
    await press("filter-clear");
    await settle(20);
    expect(lastQuery(station)).toMatchObject({ disposition: null, severity: null, stage: null, product_sku: null, from: null });
  });

  it("takes the filter of a second press away", async () => {
    const station = await openHistory();
    await press("filter-verdict-pass");
    expect(get("filter-verdict-pass").getAttribute("aria-pressed")).toBe("true");
    await press("filter-verdict-pass");
    expect(lastQuery(station).disposition).toBeNull();
  });

  it("does not list a pass that a person rejected among the passes", async () => {
    const station = await openHistory();
    const part = station.parts.find(({ verdict }) => verdict.code === "pass")!;
    part.operator_decisions.push({ call: "reject", operator: "op-9", reason: "missed_defect", decided_at: NOW });
    const listed = () => rows().map((row) => row.dataset.id);
    await press("filter-verdict-pass");
    await settle(20);
    expect(listed()).not.toContain(part.id);
    await press("filter-verdict-rejected");
    await settle(20);
    expect(listed()).toContain(part.id);
    expect(rows().every((row) => row.dataset.verdict === "rejected")).toBe(true);
  });

  it("searches a moment after the last letter, and never while an input method is at work", async () => {
    const station = await openHistory();
    const asked = () => station.calls.filter(({ command }) => command === "historyPage").length;
    const before = asked();
    const box = get("history-search");
    await fireEvent.input(box, { target: { value: "xiu" }, isComposing: true });
    await settle(1000);
    expect(asked()).toBe(before);
    await fireEvent.input(box, { target: { value: "锈" } });
    await settle(100);
    await fireEvent.input(box, { target: { value: "锈斑" } });
    await settle(400);
    expect(asked()).toBe(before + 1);
    expect(lastQuery(station)).toMatchObject({ text: "锈斑", after: null });
    expect(rows().length).toBeGreaterThan(0);
    await press("filter-clear");
    await settle(20);
    expect(lastQuery(station).text).toBeNull();
    expect(box).toHaveProperty("value", "");
  });

  it("goes to the search by the slash key and empties it by escape", async () => {
    const station = await openHistory();
    const box = get("history-search");
    await key("/");
    expect(document.activeElement).toBe(box);
    await fireEvent.input(box, { target: { value: "鲸鱼" } });
    await fireEvent.keyDown(box, { key: "Enter" });
    await settle(20);
    expect(get("history-empty").textContent).toContain("没有找到“鲸鱼”");
    await fireEvent.keyDown(box, { key: "Escape" });
    await settle(20);
    expect(box).toHaveProperty("value", "");
    expect(lastQuery(station).text).toBeNull();
    expect(rows().length).toBeGreaterThan(0);
    await fireEvent.keyDown(box, { key: "Escape" });
    expect(document.activeElement).not.toBe(box);
  });

  it("leaves the slash key to a part that is open", async () => {
    await openHistory();
    await fireEvent.click(rows()[0]!);
    await settle();
    await key("/");
    expect(document.activeElement).not.toBe(get("history-search"));
  });

  it("goes on where a page of a search is empty and not the last", async () => {
    const station = await openHistory();
    const answer = station.historyPage.bind(station);
    let pieces = 0;
    station.historyPage = async (query) => {
      const page = await answer(query);
      if (query.text === null || pieces === 3) return page;
      pieces += 1;
      return { rows: [], next: (query.after ?? 1000) - 1 };
    };
    await fireEvent.input(get("history-search"), { target: { value: "锈" } });
    await settle(500);
    expect(pieces).toBe(3);
    expect(rows().length).toBeGreaterThan(0);
    expect(find("history-empty")).toBeNull();
  });

  it.each([["Asia/Shanghai", 8], ["America/New_York", -5]])("reads its times in the station's zone, %s", (zone, hoursEast) => {
    useTimeZone(zone);
    const midnight = Date.UTC(2026, 2, 1) - hoursEast * 3_600_000;
    const custom = { ...NO_FILTERS, period: "custom" as const, customFrom: "2026-03-01T07:00", customTo: "" };
    expect(spanOf(custom, NOW, null)).toEqual({ from: midnight + 7 * 3_600_000, to: null });
    expect(spanOf({ ...NO_FILTERS, period: "today" }, NOW, null).from).toBe(midnight);
    expect(dateTime(midnight + 1000)).toBe("2026-03-01 00:00:01");
  });

  it("asks for the parts since the shift began", async () => {
    const station = await openHistory();
    await press("filter-time-shift");
    await settle(20);
    expect(lastQuery(station).from).toBe(station.state.live.shift_started_at);
    expect(rows().length).toBeGreaterThan(0);
  });

  it("says that nothing matches", async () => {
    await openHistory({ history: 0 });
    expect(find("history-empty")?.textContent).toContain("没有符合条件的工件");
  });

  it("follows the verdict of a part that it lists", async () => {
    await openWindow({ scenes: [RUST_AND_SCRATCH] });
    await press("trigger");
    await settle(200);
    await press("nav-history");
    await settle(20);
    expect(rows()[0]!.dataset.verdict).toBe("pending");
    await settle(1200);
    expect(rows()[0]!.dataset.verdict).toBe("fail");
  });

  it("shows a sign, not a broken picture, where a small picture is gone", async () => {
    await openHistory();
    await fireEvent.error(rows()[0]!.querySelector("img")!);
    expect(rows()[0]!.querySelector("[data-testid=thumb-missing]")?.getAttribute("aria-label")).toBe("图像无法显示");
    expect(rows()[0]!.querySelector("img")).toBeNull();
    expect(rows()[1]!.querySelector("img")).not.toBeNull();
  });

  it("says what failed and tries again", async () => {
    const station = await openWindow();
    station.fail("historyPage", { code: "storage_fault", message: "storage fault: I/O error" });
    await press("nav-history");
    await settle(20);
    expect(get("history-error").textContent).toContain("storage fault: I/O error");
    await fireEvent.click(get("history-error").querySelector("button")!);
    await settle(20);
    expect(find("history-error")).toBeNull();
    expect(rows().length).toBeGreaterThan(0);
  });
});

describe("a part of the history", () => {
  it("opens with its boxes, its causes and everything recorded", async () => {
    const station = await openHistory();
    const part = station.parts.find(({ verdict, analysis }) => verdict.code === "fail" && analysis?.cause)!;
    await fireEvent.click(rows().find((row) => row.dataset.id === part.id)!);
    await settle();
    expect(get("part-verdict").dataset.verdict).toBe("fail");
    expect(get("box-1").dataset.x).toBe("520");
    expect(get("analysis-decided").textContent).toContain("锈斑");
    expect(get("analysis-screening").textContent).toContain("未知异常");
    await press("tab-cause");
    expect(get("cause").textContent).toContain("真空淬火");
    await press("tab-record");
    for (const told of [part.id, part.image_sha256, part.analysis!.model, part.analysis!.prompt_sha256, "2,841 / 512", "$0.0214", "simulated"]) {
      expect(get("record").textContent).toContain(told);
    }
    await press("part-copy");
    expect(station.copied).toEqual([part.id]);
  });

  it("goes to the next and the one before by arrow keys, and past the page's end", async () => {
    const station = await openHistory();
    await fireEvent.click(rows()[58]!);
    await settle();
    await key("ArrowRight");
    await key("ArrowRight");
    await settle(20);
    expect(get("part").dataset.id).toBe(station.parts[60]!.id);
    await key("ArrowLeft");
    expect(get("part").dataset.id).toBe(station.parts[59]!.id);
    await key("Escape");
    expect(find("part")).toBeNull();
  });

  it("is overridden with a reason, and its line follows", async () => {
    const station = await openHistory();
    await fireEvent.click(rows()[0]!);
    await settle();
    await press("part-override");
    await press("override-reject");
    await press("reason-missed_defect");
    await press("override-apply");
    expect(station.parts[0]!.operator_decisions.at(-1)).toMatchObject({ call: "reject", reason: "missed_defect" });
    await press("part-back");
    expect(rows()[0]!.textContent).toContain("判为不合格");
  });

  it("is never called good or bad while another is still shown", async () => {
    const station = await openHistory();
    await fireEvent.click(rows()[0]!);
    await settle();
    const shown = station.parts[0]!;
    station.readMs = 300;
    await key("ArrowDown");
    expect(get("part").dataset.id).toBe(station.parts[1]!.id);
    expect(get("part-verdict").dataset.id).toBe(shown.id);
    expect(get("part-confirm")).toHaveProperty("disabled", true);
    expect(get("part-override")).toHaveProperty("disabled", true);
    await press("part-copy");
    expect(station.copied).toEqual([shown.id]);
    await settle(400);
    expect(get("part-override")).toHaveProperty("disabled", false);
    await press("part-confirm");
    expect(station.calls.findLast(({ command }) => command === "operatorDecide")?.args).toMatchObject([{ id: station.parts[1]!.id }]);
  });

  it("leaves the arrow keys to its facts while they scroll", async () => {
    const station = await openHistory();
    await fireEvent.click(rows()[0]!);
    await settle();
    const facts = screen.getByRole("tabpanel");
    expect(await fireEvent.keyDown(facts, { key: "ArrowDown", code: "ArrowDown" })).toBe(true);
    expect(get("part").dataset.id).toBe(station.parts[0]!.id);
    await key("ArrowDown");
    expect(get("part").dataset.id).toBe(station.parts[1]!.id);
  });

  it("zooms its picture and keeps its boxes in the picture's pixels", async () => {
    await openHistory();
    await fireEvent.click(rows().find((row) => row.dataset.verdict === "fail")!);
    await settle();
    await press("zoom-in");
    expect(get("zoom-picture").dataset.zoom).toBe("1.50");
    expect(get("box-1").closest("svg")?.getAttribute("viewBox")).toBe("0 0 1920 1080");
    await press("zoom-reset");
    expect(get("zoom-picture").dataset.zoom).toBe("1.00");
    await press("zoom-boxes");
    expect(find("box-1")).toBeNull();
  });

  it("says of a removed picture when it went and where it lies, not that it is damaged", async () => {
    const station = await openHistory();
    const part = station.parts[20]!;
    const image_url = `s3://bucket/${part.id}.jpg`;
    part.image_removed = { at: part.captured_at + 91 * 86_400_000, image_url };
    await fireEvent.click(rows()[20]!);
    await settle(20);
    const told = get("picture-removed").textContent ?? "";
    expect(told).toContain("91");
    expect(told).toContain(image_url);
    expect(find("zoom-picture")).toBeNull();
    await press("tab-record");
    expect(get("record").textContent).toContain("本机清理");
    await press("part-back");
    station.parts[20]!.image_removed = { at: part.captured_at + 60_000, image_url };
    await fireEvent.click(rows()[20]!);
    await settle(20);
    expect(get("picture-removed").textContent).toContain("拍摄当天");
  });
});
