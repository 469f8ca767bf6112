import { describe, expect, it } from "vitest";
import { FakeStation } from "../platform/fake/station";
import { GOOD, RUST_AND_SCRATCH } from "../platform/fake/scenes";
import type { StationUpdate } from "../platform/types";
import { Notices } from "./notices.svelte";
import { StationModel } from "./station.svelte";

async function model(scenes = [RUST_AND_SCRATCH]) {
  const station = new FakeStation({ history: 12, scenes, delaysMs: { capture: 0, screen: 0, decide: 0 } });
  // Nobody presses twice here: each trigger is a part.
  station.gate.settings.debounce_ms = 0;
  const model = new StationModel(station, new Notices());
  await model.load();
  return { station, model };
}
const soon = () => new Promise((done) => setTimeout(done, 20));

describe("the window's picture of the station", () => {
  it("never takes a decided part back to pending", async () => {
    const { station, model: window } = await model();
    await window.trigger("key");
    await soon();
    expect(window.shown?.verdict.code).toBe("fail");
    const part = station.parts[0]!;
    part.verdict = { code: "pending", reason: null, obstacle: null, detail: "", decided_at: null };
    station.emit({ kind: "changed", id: part.id });
    await soon();
    expect(window.shown?.verdict.code).toBe("fail");
    expect(window.station?.recent[0]?.verdict).toBe("fail");
  });

  it("reads the record after a capture, so that a lost message is made good", async () => {
    const { station, model: window } = await model([GOOD]);
    station.emit = () => {};
    await window.trigger("key");
    await soon();
    expect(window.shown?.size).toEqual({ widthPx: 1920, heightPx: 1080 });
    expect(window.shown?.record?.id).toBe(station.parts[0]?.id);
  });

  it("keeps ten parts in the strip, the newest first", async () => {
    const { station, model: window } = await model();
    await window.trigger("key");
    await soon();
    expect(window.station?.recent).toHaveLength(10);
    expect(window.station?.recent[0]?.id).toBe(station.parts[0]?.id);
    expect(new Set(window.station?.recent.map(({ id }) => id)).size).toBe(10);
  });

  it("leaves the part on the screen alone when another is decided", async () => {
    const { station, model: window } = await model([GOOD]);
    await window.trigger("key");
    await soon();
    const shown = window.shown?.row.id;
    const other = station.parts[3]!;
    station.emit({ kind: "decided", id: other.id, verdict: { code: "fail", reason: null, obstacle: null, detail: "", decided_at: 1 }, analysis: null });
    expect(window.shown?.row.id).toBe(shown);
    expect(window.shown?.verdict.code).toBe("pass");
    expect(window.station?.recent[3]?.verdict).toBe("fail");
  });

  it("gives eight verdicts that come in any order to their own parts, and keeps the newest on the screen", async () => {
    const { station, model: window } = await model();
    station.offline = true;
    for (let n = 0; n < 8; n += 1) await window.trigger("key");
    await soon();
    const newest = station.parts[0]!.id;
    const order = window.station!.recent.map(({ id }) => id);
    expect(order.slice(0, 8)).toEqual(station.parts.slice(0, 8).map(({ id }) => id));
    const codes = ["pass", "fail", "undetermined"] as const;
    const codeOf = (n: number) => codes[n % 3]!;
    const decided = new Set<number>();
    // 0 is the newest: its own verdict comes last but two.
    for (const n of [5, 2, 7, 1, 4, 0, 6, 3]) {
      const part = station.parts[n]!;
      const verdict = { code: codeOf(n), reason: null, obstacle: null, detail: "", decided_at: 1 };
      part.verdict = verdict;
      station.emit({ kind: "decided", id: part.id, verdict, analysis: null });
      decided.add(n);
      expect(window.shown?.row.id).toBe(newest);
      expect(window.shown?.verdict.code).toBe(decided.has(0) ? codeOf(0) : "pending");
      expect(window.station!.recent.map(({ id }) => id)).toEqual(order);
      for (let m = 0; m < 8; m += 1) {
        expect(window.station!.recent[m]!.verdict).toBe(decided.has(m) ? codeOf(m) : "pending");
      }
    }
  });

  it("shows the newest part although the message or the reply about an older one comes later", async () => {
    const { station, model: window } = await model([GOOD]);
    station.offline = true;
    const { emit } = station;
    const held: StationUpdate[] = [];
    station.emit = (update) => void held.push(structuredClone(update));
    const older = await station.triggerCapture("key");
    const newer = await station.triggerCapture("key");
    station.emit = emit;
    const captured = held.filter(({ kind }) => kind === "captured");
    for (const update of captured.reverse()) station.emit(update);
    expect(window.shown?.row.id).toBe(newer.id);
    expect(window.station!.recent.slice(0, 2).map(({ id }) => id)).toEqual([newer.id, older.id]);
    // Another part is captured while the reply about this one is under way.
    station.triggerCapture = async () => older;
    await window.trigger("key");
    expect(window.shown?.row.id).toBe(newer.id);
    // Only a person takes an older one onto the screen.
    await window.open(older);
    expect(window.shown?.row.id).toBe(older.id);
  });

  it("keeps a refusal on the screen until a part is taken after it, whatever message comes late", async () => {
    const { station, model: window } = await model([GOOD]);
    const held: StationUpdate[] = [];
    const { emit } = station;
    station.emit = (update) => void held.push(structuredClone(update));
    await window.trigger("key");
    station.fail("triggerCapture", { code: "camera_lost", message: "unplugged" });
    await window.trigger("key");
    expect(window.refused?.error.code).toBe("camera_lost");
    station.emit = emit;
    for (const update of held.filter(({ kind }) => kind === "captured")) station.emit(update);
    expect([window.refused?.error.code, window.shown]).toEqual(["camera_lost", null]);
    void station.triggeredBy("key");
    await soon();
    expect([window.refused, window.shown?.row.id]).toEqual([null, station.parts[0]!.id]);
  });

  it("does not bring back a serial number that the station has used up meanwhile", async () => {
    const { station, model: window } = await model();
    station.scan = async () => {
      station.setLive({ kept_serial: "A-0042" });
      station.setLive({ kept_serial: null });
      return { kind: "serial_kept", serial: "A-0042" };
    };
    await window.scan("A-0042");
    expect(window.live?.kept_serial).toBeNull();
  });

  it("tells nobody of an interval that came while a part was being saved, and of a sensor's in a notice", async () => {
    const { station, model: window } = await model();
    const busy = { code: "trigger_busy", message: "the part before is still being saved" } as const;
    for (const source of ["interval", "camera_line"] as const) station.emit({ kind: "trigger_failed", source, error: busy });
    expect(window.refused).toBeNull();
    expect(window.notices.list.map(({ kind, source }) => [kind, source])).toEqual([["untaken", "camera_line"]]);
  });
});
