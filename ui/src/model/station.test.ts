import { describe, expect, it } from "vitest";
import { FakeStation } from "../platform/fake/station";
import { GOOD, RUST_AND_SCRATCH } from "../platform/fake/scenes";
import { Notices } from "./notices.svelte";
import { StationModel } from "./station.svelte";

async function model(scenes = [RUST_AND_SCRATCH]) {
  const station = new FakeStation({ history: 12, scenes, delaysMs: { capture: 0, screen: 0, decide: 0 } });
  const model = new StationModel(station, new Notices());
  await model.load();
  return { station, model };
}
const soon = () => new Promise((done) => setTimeout(done, 20));

describe("the window's picture of the station", () => {
  it("never takes a decided part back to pending", async () => {
    const { station, model: window } = await model();
    await window.trigger();
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
    await window.trigger();
    await soon();
    expect(window.shown?.size).toEqual({ widthPx: 1920, heightPx: 1080 });
    expect(window.shown?.record?.id).toBe(station.parts[0]?.id);
  });

  it("keeps ten parts in the strip, the newest first", async () => {
    const { station, model: window } = await model();
    await window.trigger();
    await soon();
    expect(window.station?.recent).toHaveLength(10);
    expect(window.station?.recent[0]?.id).toBe(station.parts[0]?.id);
    expect(new Set(window.station?.recent.map(({ id }) => id)).size).toBe(10);
  });

  it("leaves the part on the screen alone when another is decided", async () => {
    const { station, model: window } = await model([GOOD]);
    await window.trigger();
    await soon();
    const shown = window.shown?.row.id;
    const other = station.parts[3]!;
    station.emit({ kind: "decided", id: other.id, verdict: { code: "fail", reason: null, obstacle: null, detail: "", decided_at: 1 }, analysis: null });
    expect(window.shown?.row.id).toBe(shown);
    expect(window.shown?.verdict.code).toBe("pass");
    expect(window.station?.recent[3]?.verdict).toBe("fail");
  });
});
