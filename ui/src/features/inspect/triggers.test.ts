import { describe, expect, it } from "vitest";
import { find, get, key, openWindow, press, scan, settle } from "../../test-window";
import { GOOD } from "../../platform/fake/scenes";
import type { FakeStation } from "../../platform/fake/station";
import type { BarcodeSettingsDto, TriggerSettingsDto } from "../../platform/types";

const BARCODE: BarcodeSettingsDto = { prefix: "", suffix: "", fills: "serial", triggers: false };
const triggers = (change: Partial<TriggerSettingsDto>): TriggerSettingsDto => ({
  sources: ["key", "on_screen"], debounce_ms: 350, interval_ms: 5000, pedal_key: null, barcode: BARCODE, http_port: 8642, ...change,
});
const open = (change: Partial<TriggerSettingsDto>) => openWindow({ scenes: [GOOD], station: { triggers: triggers(change) } });
const openScans = (barcode: Partial<BarcodeSettingsDto>) => open({ sources: ["key", "on_screen", "barcode"], barcode: { ...BARCODE, ...barcode } });
const sources = (station: FakeStation) => station.calls.filter(({ command }) => command === "triggerCapture").map(({ args }) => args[0]);
const phase = () => get("banner").dataset.phase;

describe("triggers of the operator", () => {
  it("tell the station which they are: key, screen and pedal", async () => {
    const station = await open({ sources: ["key", "on_screen", "pedal"], pedal_key: "F13" });
    for (const act of [() => key("Space"), () => press("trigger"), () => key("F13")]) {
      await act();
      await settle(1200);
    }
    expect(sources(station)).toEqual(["key", "on_screen", "pedal"]);
    expect(station.parts.slice(0, 3).map(({ conditions }) => conditions?.trigger)).toEqual(["pedal", "on_screen", "key"]);
    expect(get("trigger-hint").textContent).toBe("空格键 · 脚踏开关");
  });

  it("of the pedal do nothing while it is off, held, or a dialog is open", async () => {
    const station = await open({ pedal_key: "F13" });
    await key("F13");
    expect(sources(station)).toEqual([]);
    station.state.triggers.sources.push("pedal");
    station.emit({ kind: "reload" });
    await settle();
    await key("F13", true);
    await press("order");
    await key("F13");
    expect(sources(station)).toEqual([]);
    await press("order-apply");
    await key("F13");
    expect(sources(station)).toEqual(["pedal"]);
  });

  it("that are off do nothing, and the large key says what triggers instead", async () => {
    const station = await open({ sources: ["camera_line"] });
    expect(get("trigger")).toHaveProperty("disabled", true);
    expect(get("trigger-hint").textContent).toBe("工件到位，相机自动拍摄");
    expect(get("banner").textContent).toContain("工件到位，相机自动拍摄");
    await key("Space");
    expect(sources(station)).toEqual([]);
  });

  it("leave Space to a person who has no large key, and say so", async () => {
    const station = await open({ sources: ["key"] });
    expect(get("trigger-hint").textContent).toBe("请按空格键");
    await key("Space");
    expect(sources(station)).toEqual(["key"]);
  });

  it("say briefly that the part before is still being saved, and leave it on the screen", async () => {
    const station = await openWindow({ scenes: [GOOD], delaysMs: { capture: 600, screen: 100, decide: 100 } });
    await key("Space");
    await settle(400);
    await key("Space");
    expect(get("notice-brief").textContent).toContain("上一件还在保存");
    expect([phase(), find("notice-failed")]).toEqual(["capturing", null]);
    await settle(500);
    expect([phase(), station.gate.count("key").busy]).toEqual(["decided", 1]);
    await settle(4000);
    expect(find("notice-brief")).toBeNull();
  });

  it("that bounce do not take a refusal off the screen", async () => {
    const station = await open({});
    station.parts = [];
    const takes = key("Space");
    station.state.live.storage_fault = "input/output error";
    await takes;
    await settle(50);
    station.state.live.storage_fault = null;
    expect(phase()).toBe("refused");
    await key("Space");
    await settle();
    expect([phase(), station.gate.count("key").bounced]).toEqual(["refused", 1]);
    await settle(400);
    await key("Space");
    await settle(50);
    expect(phase()).toBe("captured");
  });
});

describe("triggers that nobody presses", () => {
  it("show their part, and where they take none say whose it was", async () => {
    const station = await open({ sources: ["interval"] });
    void station.triggeredBy("interval");
    await settle(50);
    expect(phase()).toBe("captured");
    await settle(1000);
    void station.triggeredBy("interval", { code: "camera_timeout", message: "no frame in 2 s" });
    await settle(50);
    expect([phase(), get("banner").dataset.verdict, find("shown-part")]).toEqual(["refused", "stopped", null]);
    expect(get("banner").textContent).toMatch(/定时：相机没有给出新画面.*no frame in 2 s/);
    expect(find("notice-untaken"), "the interval tells of no part").toBeNull();
    await settle(1000);
    void station.triggeredBy("interval");
    await settle(50);
    expect(phase()).toBe("captured");
  });

  it("count in one notice what may have passed unseen, and keep it when the next part is taken", async () => {
    const station = await open({ sources: ["http"] });
    for (let n = 0; n < 2; n += 1) {
      void station.triggeredBy("http", { code: "camera_lost", message: "unplugged" });
      await settle(500);
    }
    expect(get("notice-untaken").dataset).toMatchObject({ source: "http", count: "2" });
    expect(get("notice-untaken").textContent).toMatch(/PLC 网关.*2 次触发没有拍到工件.*请停线.*相机断开/);
    void station.triggeredBy("http");
    await settle(50);
    expect(phase()).toBe("captured");
    // One comes while the one before is being saved: the part on the screen is well, the other is not.
    void station.triggeredBy("http");
    await settle();
    expect([phase(), get("notice-untaken").dataset.count]).toEqual(["captured", "3"]);
  });
});

describe("a scan", () => {
  it("keeps the serial for the next part and that part alone, until a person forgets it", async () => {
    const station = await openScans({});
    await scan("A-0042");
    expect(get("kept-serial").textContent).toMatch(/下一件的序列号.*A-0042/);
    await press("forget-serial");
    expect([find("kept-serial"), station.gate.keptSerial]).toEqual([null, null]);
    await scan("A-0043");
    await key("Space");
    await settle(1200);
    expect([station.parts[0]!.serial, find("kept-serial")]).toEqual(["A-0043", null]);
  });

  it("shows the serial that the station keeps, whoever scanned it", async () => {
    const station = await openScans({});
    station.setLive({ kept_serial: "A-0050" });
    await settle();
    expect(get("kept-serial").dataset.serial).toBe("A-0050");
    station.setLive({ kept_serial: null });
    await settle();
    expect(find("kept-serial")).toBeNull();
  });

  it("says so where the serial could not be forgotten", async () => {
    const station = await openScans({});
    await scan("A-0042");
    station.fail("forgetSerial", { code: "internal", message: "try again" });
    await press("forget-serial");
    expect(get("kept-serial").dataset.serial).toBe("A-0042");
    expect(get("notice-failed").textContent).toContain("try again");
  });

  it("changes the lot of the order, and says so", async () => {
    const station = await openScans({ fills: "lot", prefix: "L:" });
    await scan("L:2611-07");
    expect(get("order").textContent).toContain("2611-07");
    expect(get("notice-done").textContent).toContain("批次已改为 2611-07");
    expect([station.state.order.lot, sources(station)]).toEqual(["2611-07", []]);
  });

  it("takes the part with its serial, like a trigger", async () => {
    const station = await openScans({ triggers: true });
    await scan("A-0042");
    expect(phase()).toBe("capturing");
    await settle(50);
    expect(phase()).toBe("captured");
    expect(station.parts[0]).toMatchObject({ serial: "A-0042", conditions: { trigger: "barcode" } });
    expect(find("kept-serial")).toBeNull();
    expect(sources(station)).toEqual([]);
  });

  it("acts as no key of the page: a space in it triggers nothing", async () => {
    const station = await openScans({});
    await scan("WK 2026 01");
    expect(sources(station)).toEqual([]);
    expect(get("kept-serial").dataset.serial).toBe("WK 2026 01");
  });

  it("ends with the suffix that is set", async () => {
    const station = await openScans({ suffix: "#" });
    await scan("A-0042#");
    expect(station.calls.filter(({ command }) => command === "scan").map(({ args }) => args)).toEqual([["A-0042#"]]);
    expect(get("kept-serial").dataset.serial).toBe("A-0042");
  });

  it("of another code says so where the verdict would stand, or beside the order", async () => {
    const station = await openScans({ triggers: true, prefix: "A-" });
    await scan("6901234567892");
    expect(phase()).toBe("refused");
    expect(get("banner").textContent).toMatch(/这不是工件的条码.*6901234567892/);
    station.state.triggers.barcode.triggers = station.gate.settings.barcode.triggers = false;
    station.emit({ kind: "reload" });
    await key("Escape");
    await scan("6901234567892");
    expect(phase()).toBe("ready");
    expect(get("notice-rescan").textContent).toMatch(/这不是工件的条码.*6901234567892/);
    await scan("A-0042");
    expect(find("notice-rescan"), "the right code settles it").toBeNull();
  });

  it("that was incomplete asks to scan again, until one is whole", async () => {
    const station = await openScans({});
    await scan(["W", "K", "-", "2", "0", "Dead", "2", "6", "0", "4"]);
    expect(get("notice-rescan").textContent).toContain("扫码不完整");
    expect(station.calls.some(({ command }) => command === "scan")).toBe(false);
    await scan("WK-2026-0042");
    expect(find("notice-rescan")).toBeNull();
    expect(get("kept-serial").dataset.serial).toBe("WK-2026-0042");
  });

  it("of the next part too soon after the last is not silent", async () => {
    const station = await openScans({ triggers: true });
    await scan("A-0042");
    await settle(50);
    await scan("A-0043");
    expect(get("notice-rescan").textContent).toContain("间隔太短");
    expect([phase(), station.gate.count("barcode").taken]).toEqual(["captured", 1]);
  });

  it("does nothing while a dialog is open but say so, and fills a field", async () => {
    const station = await openScans({ triggers: true });
    await press("order");
    await scan("A-0042", get("order-dialog"));
    expect(get("notice-rescan").textContent).toContain("请先关闭对话框");
    await scan("A-0042", get("order-lot"));
    expect(station.calls.some(({ command }) => command === "scan")).toBe(false);
  });

  it("is typing like any other where scanners are off", async () => {
    const station = await open({});
    await scan("A-0042");
    expect(station.calls.some(({ command }) => command === "scan")).toBe(false);
  });
});
