import { describe, expect, it } from "vitest";
import { find, get, openWindow, press, settle } from "../test-window";
import { CAMERA_WARNINGS } from "../platform/codes";

describe("warnings of cameras", () => {
  it("say each kind once, with its cameras and what to do", async () => {
    const station = await openWindow();
    expect(find("warning-cameras")).toBeNull();
    station.setLive({ camera_warnings: [{ camera: "glaze-top", kind: "frames_lost" }, { camera: "edge-line", kind: "frames_lost" }, { camera: "edge-line", kind: "flat_field_stale" }] });
    await settle();
    expect(get("warning-frames_lost").textContent).toMatch(/丢帧.*glaze-top、edge-line.*检查电缆/);
    expect(get("warning-flat_field_stale").textContent).toMatch(/平场.*edge-line/);
    expect(find("warning-drift")).toBeNull();
  });

  it("lead to the set-up of that camera", async () => {
    const station = await openWindow();
    station.setLive({ camera_warnings: CAMERA_WARNINGS.map((kind) => ({ camera: "glaze-top", kind })) });
    await settle();
    await press("warning-open");
    await settle(600);
    expect(get("cam-glaze-top").getAttribute("aria-pressed")).toBe("true");
    station.setLive({ camera_warnings: [] });
    await settle();
    expect(find("warning-cameras")).toBeNull();
  });
});

describe("parts that passed unseen", () => {
  const missed_parts = [{ camera: "edge-line", parts: 3, counted: 7 }, { camera: "glaze-top", parts: 1, counted: 1 }];

  it("are an alarm that stays until a person has found those of each camera", async () => {
    const station = await openWindow({ live: { missed_parts } });
    await settle(60_000);
    expect(get("missed-parts").querySelectorAll("[role=alert]")).toHaveLength(1);
    expect(get("missed-parts").textContent).toMatch(/有工件未检.*停线.*edge-line.*3 件.*glaze-top.*1 件/s);
    await press("missed-parts-found-edge-line");
    expect(get("missed-parts-dialog").textContent).toMatch(/edge-line.*3 件.*审计/s);
    await press("missed-parts-cancel");
    expect([find("missed-parts-dialog"), station.calls.some(({ command }) => command === "foundMissedParts")]).toEqual([null, false]);
    await press("missed-parts-found-edge-line");
    await press("missed-parts-confirm");
    await settle();
    expect([find("missed-parts-dialog"), find("missed-parts-edge-line")]).toEqual([null, null]);
    expect(get("missed-parts-glaze-top")).toBeTruthy();
    await press("missed-parts-found-glaze-top");
    await press("missed-parts-confirm");
    await settle();
    expect(find("missed-parts")).toBeNull();
  });

  it("are answered for by the number that was shown, not by those that passed meanwhile", async () => {
    const station = await openWindow({ live: { missed_parts } });
    await press("missed-parts-found-edge-line");
    station.setLive({ missed_parts: [{ camera: "edge-line", parts: 5, counted: 9 }] });
    await settle();
    expect(get("missed-parts-confirm").textContent).toContain("3 件");
    await press("missed-parts-confirm");
    await settle();
    expect(station.calls.findLast(({ command }) => command === "foundMissedParts")?.args).toEqual(["edge-line", 7]);
    expect(get("missed-parts-edge-line").textContent).toContain("2 件");
  });

  it("lead the field tech to the set-up of that camera", async () => {
    await openWindow({ live: { missed_parts } });
    await press("missed-parts-open-edge-line");
    await settle(600);
    expect(get("cam-edge-line").getAttribute("aria-pressed")).toBe("true");
    expect(get("missed-parts")).toBeTruthy();
  });

  it("are seen by an operator, whom a supervisor helps", async () => {
    await openWindow({
      live: { missed_parts },
      station: { session: { role: "operator", operator: "op-7", demo: false, language: "zh-CN" } },
    });
    expect(get("missed-parts-edge-line")).toBeTruthy();
    expect([find("missed-parts-found-edge-line"), find("missed-parts-open-edge-line")]).toEqual([null, null]);
  });

  it("stand under the stage where no camera looks at it, and no cable is blamed", async () => {
    const station = await openWindow({ live: { stage_lacks_camera: true, camera_state: "lost", missed_parts: [{ camera: "packaging", parts: 1, counted: 1 }] } });
    expect(get("missed-parts-packaging").textContent).toMatch(/包装.*1 件/s);
    station.emit({ kind: "trigger_failed", source: "http", error: { code: "camera_lost", message: "no camera looks at packaging: assign one in set-up" } });
    await settle();
    expect(get("banner").textContent).toMatch(/本工序没有相机/);
    expect(get("banner").textContent).not.toMatch(/电缆/);
  });
});
