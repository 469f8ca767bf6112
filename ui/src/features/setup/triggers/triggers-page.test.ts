import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { find, get, key, openWindow, press, settle } from "../../../test-window";
import type { FakeStation } from "../../../platform/fake/station";
import type { TriggerSettingsDto } from "../../../platform/types";
import { curlLine } from "./setup.svelte";

async function openTriggers(prepare: (station: FakeStation) => void = () => {}) {
  const station = await openWindow();
  prepare(station);
  await press("nav-setup");
  await press("open-triggers");
  await settle(10);
  return station;
}
const saved = (station: FakeStation) => station.calls.filter(({ command }) => command === "setTriggers").map(({ args }) => args[0] as TriggerSettingsDto);
const isOn = (testid: string) => get(testid).getAttribute("aria-checked") === "true";
const input = (testid: string) => get(testid) as HTMLInputElement;
async function type(testid: string, value: string) {
  await fireEvent.input(get(testid), { target: { value } });
  await settle();
}

describe("the page of the triggers", () => {
  it("opens from the set-up with each source and a sentence, and goes back", async () => {
    await openTriggers();
    expect([isOn("trig-key"), isOn("trig-on_screen"), isOn("trig-pedal"), isOn("trig-http")]).toEqual([true, true, false, false]);
    expect(get("source-camera_line").textContent).toContain("传感器接到相机的触发输入");
    expect(find("trig-unsaved")).toBeNull();
    await key("Escape");
    expect(get("triggers").textContent).toContain("空格键、屏幕按键");
    await press("open-triggers");
    await press("trigger-setup-back");
    expect(get("setup")).toBeTruthy();
  });

  it("saves what was changed at once, and the page of inspection goes by it", async () => {
    const station = await openTriggers();
    await press("trig-key");
    await press("trig-on_screen");
    await press("trig-interval");
    await type("trig-interval-ms", "4000");
    await type("trig-debounce", "500");
    expect(get("trig-unsaved").textContent).toContain("有未保存的修改");
    expect(saved(station)).toEqual([]);
    await press("trig-save");
    expect(saved(station)).toEqual([{ sources: ["interval"], debounce_ms: 500, interval_ms: 4000, pedal_key: null, barcode: { prefix: "", suffix: "", fills: "serial", triggers: false }, http_port: 8642 }]);
    expect(find("trig-unsaved")).toBeNull();
    expect(get("notice-done").textContent).toContain("已保存");
    await press("nav-inspect");
    expect(get("trigger-hint").textContent).toBe("按时间自动拍摄");
  });

  it("shows the station's refusal beside the form, marks the setting, and keeps what was typed", async () => {
    const station = await openTriggers();
    await type("trig-debounce", "20");
    await press("trig-save");
    expect(get("trig-refused").textContent).toMatch(/输入无效.*debounce_ms: must be from 50 to 10000/);
    expect(input("trig-debounce").getAttribute("aria-invalid")).toBe("true");
    expect(input("trig-debounce").value).toBe("20");
    expect(station.state.triggers.debounce_ms).toBe(350);
    await type("trig-debounce", "200");
    await press("trig-save");
    expect([find("trig-refused"), station.state.triggers.debounce_ms]).toEqual([null, 200]);
  });

  it("does not send a number that is missing, and takes changes back", async () => {
    await openTriggers();
    await type("trig-debounce", "");
    expect(input("trig-save").disabled).toBe(true);
    expect(get("trigger-setup").textContent).toContain("请输入整数");
    await press("trig-undo");
    await press("trig-http");
    await type("trig-port", "70000");
    expect([input("trig-save").disabled, input("trig-port").getAttribute("aria-invalid")]).toEqual([true, "true"]);
    await press("trig-undo");
    expect([input("trig-debounce").value, find("trig-unsaved")]).toEqual(["350", null]);
    await press("trig-pedal");
    await press("trig-pedal");
    expect(find("trig-unsaved"), "there and back is no change").toBeNull();
  });

  it("asks before changes are lost", async () => {
    const station = await openTriggers();
    await press("trig-key");
    await press("trigger-setup-back");
    await press("trig-stay");
    expect(isOn("trig-key")).toBe(false);
    await press("trigger-setup-back");
    await press("trig-discard");
    expect(get("setup")).toBeTruthy();
    expect(saved(station)).toEqual([]);
  });

  it("learns the pedal, which is refused without a key", async () => {
    const station = await openTriggers();
    await press("trig-pedal");
    expect(get("trig-pedal-key").textContent).toContain("还没有识别");
    await press("trig-save");
    expect(get("trig-refused").textContent).toContain("pedal_key: ");
    await press("trig-learn");
    await fireEvent.keyDown(get("pedal-dialog"), { code: "F13", key: "F13" });
    await press("pedal-apply");
    expect(find("pedal-dialog")).toBeNull();
    expect(get("trig-pedal-key").textContent).toContain("F13");
    await press("trig-save");
    expect(saved(station).at(-1)).toMatchObject({ sources: ["key", "on_screen", "pedal"], pedal_key: "F13" });
  });

  it("says what a scan does", async () => {
    const station = await openTriggers();
    await press("trig-barcode");
    await fireEvent.click(get("trig-fills-lot"));
    await press("trig-barcode-triggers");
    await type("trig-prefix", "L:");
    await type("trig-suffix", "#");
    await press("trig-save");
    expect(saved(station).at(-1)).toMatchObject({ sources: ["key", "on_screen", "barcode"], barcode: { prefix: "L:", suffix: "#", fills: "lot", triggers: true } });
  });

  it("shows where HTTP listens once that is saved, and copies a line without the token", async () => {
    const station = await openTriggers();
    await press("trig-http");
    expect(get("trig-http-facts").textContent).toContain("保存后");
    await type("trig-port", "9000");
    await press("trig-save");
    expect(get("trig-http-facts").textContent).toMatch(/127\.0\.0\.1:9000.*trigger\.token/s);
    await press("trig-copy");
    expect(station.copied).toEqual([`curl -sS -X POST http://127.0.0.1:9000/trigger -H "Authorization: Bearer $(cat '/var/lib/wiko-station/trigger.token')"`]);
    station.gate.httpError = "port 9000 is taken: choose another";
    await settle(1100);
    expect(get("trig-http-error").textContent).toMatch(/没有在监听.*port 9000 is taken/);
    expect(find("trig-curl")).toBeNull();
  });

  it("counts while it is open, and says how many parts may have passed unseen", async () => {
    const station = await openTriggers(({ gate }) => {
      gate.settings.sources.push("camera_line");
      Object.assign(gate.count("key"), { taken: 40, bounced: 6, last_at: 0 });
    });
    expect(get("count-key").dataset.missed, "a foot that rings is no part").toBe("0");
    expect([find("trig-missed"), find("count-http")]).toEqual([null, null]);
    Object.assign(station.gate.count("camera_line"), { taken: 90, bounced: 1, busy: 2, missed: 3, last_at: 0 });
    await settle(1100);
    expect(get("count-camera_line").dataset.missed).toBe("3");
    expect(get("count-camera_line").textContent).toMatch(/未检 3.*90/s);
    expect(get("trig-missed").textContent).toMatch(/可能有 3 件没有检测.*降低节拍/);
  });

  it("never takes back what is being typed when it counts", async () => {
    await openTriggers();
    await type("trig-debounce", "900");
    await settle(3000);
    expect(input("trig-debounce").value).toBe("900");
    expect(get("trig-unsaved")).toBeTruthy();
  });

  it("says why the triggers cannot be read, and shows them once they can", async () => {
    await openTriggers((station) => station.fail("triggers", { code: "internal", message: "no answer" }));
    expect(get("trig-error").textContent).toContain("no answer");
    await settle(1100);
    expect([find("trig-error"), isOn("trig-key")]).toEqual([null, true]);
  });
});

describe("the line for a shell", () => {
  it("goes to the address whatever its form, and survives any path", () => {
    for (const address of ["127.0.0.1:8642", "http://127.0.0.1:8642", "http://127.0.0.1:8642/", "http://127.0.0.1:8642/trigger"]) {
      expect(curlLine(address, "/a b/trigger.token"), address).toBe(`curl -sS -X POST http://127.0.0.1:8642/trigger -H "Authorization: Bearer $(cat '/a b/trigger.token')"`);
    }
    expect(curlLine("127.0.0.1:1", "/it's/t")).toContain(`$(cat '/it'\\''s/t')`);
  });
});
