import { fireEvent } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { GIGE_MISSING } from "../../../platform/fake/camera-scenes";
import type { FakeStation } from "../../../platform/fake/station";
import { find, get, key, openWindow, press, settle } from "../../../test-window";

async function openCameras(prepare: (station: FakeStation) => void = () => {}) {
  const station = await openWindow();
  prepare(station);
  await press("nav-setup");
  await press("open-cameras");
  await settle(600);
  return station;
}
const calls = (station: FakeStation, name: string) => station.calls.filter(({ command }) => command === name);
const input = (testid: string) => get(testid) as HTMLInputElement;
async function type(testid: string, value: string) {
  await fireEvent.input(get(testid), { target: { value } });
  await fireEvent.change(get(testid), { target: { value } });
  await settle();
}

describe("the page of the cameras", () => {
  it("opens from the set-up, and goes back by its key and by Escape", async () => {
    await openCameras();
    expect(find("setup")).toBeNull();
    await press("camera-setup-back");
    expect(get("setup")).toBeTruthy();
    await press("open-cameras");
    await key("Escape");
    expect(get("setup")).toBeTruthy();
  });

  it("lists each camera with its stage and device, and what is wrong in words", async () => {
    await openCameras();
    expect(get("cam-glaze-top").textContent).toMatch(/刀面抛光.*Basler acA2500-14gm.*14\.0 fps.*2592×1944.*Mono8/s);
    expect(get("cam-cause-spine-top").textContent).toMatch(/相机已断开.*检查电缆/s);
    expect(get("cam-mismatch-pack-usb").textContent).toMatch(/未就绪.*ExposureTime：要求 10000，实际 9990/s);
    expect(get("cam-lost-edge-line").textContent).toContain("丢 2 帧 · 缺 118 个数据包");
    expect(find("cam-lost-glaze-top"), "packets that came after all are no loss").toBeNull();
  });

  it("says what to check where there is no camera at all", async () => {
    await openCameras(({ rig }) => { rig.cameras = []; rig.devices = []; });
    expect(get("camera-none").textContent).toContain("电源和电缆");
    expect(get("found-none").textContent).toContain("同一网段");
  });

  it("says which kind cannot be looked for and what to install", async () => {
    await openCameras(({ rig }) => { rig.unavailable = [GIGE_MISSING]; });
    expect(get("unavailable-gige_vision").textContent).toMatch(/GigE Vision.*apt install libaravis/s);
  });

  it("searches again, and once at a time", async () => {
    const station = await openCameras();
    await fireEvent.click(get("find-cameras"));
    expect(input("find-cameras").disabled).toBe(true);
    await settle(600);
    expect(input("find-cameras").disabled).toBe(false);
    expect(calls(station, "findCameras")).toHaveLength(2);
  });

  it("says why the cameras cannot be listed, and lists them once they can", async () => {
    const station = await openCameras();
    station.fail("cameras", { code: "storage_fault", message: "input/output error" });
    await settle(1000);
    expect(get("camera-setup-error").textContent).toContain("input/output error");
    await settle(1000);
    expect(find("camera-setup-error")).toBeNull();
  });

  it("shows a device that cannot be opened with the reason, and offers no stage for it", async () => {
    await openCameras();
    expect(get("found-192.168.40.19").textContent).toContain("close pylon Viewer");
    expect(find("assign-192.168.40.19")).toBeNull();
  });
});

describe("assigning a camera", () => {
  it("names it after stage and model, asks for the lines of a line-scan camera, and shows it then", async () => {
    const station = await openCameras();
    await press("assign-192.168.40.17");
    expect(input("assign-id").value).toBe("glazing-mv-cl042-91gm");
    await fireEvent.change(get("assign-stage"), { target: { value: "logo_print" } });
    expect(input("assign-id").value).toBe("print-mv-cl042-91gm");
    expect(input("assign-line").checked).toBe(true);
    await fireEvent.input(get("line-belt"), { target: { value: "350" } });
    await press("assign-apply");
    await settle(600);
    expect(calls(station, "assignCamera")[0]!.args[0]).toMatchObject({
      id: "print-mv-cl042-91gm", stage: "logo_print", device: { serial: "DA0214587" }, line_scan: { mode: "part_triggered", belt_mm_per_s: 350 },
    });
    expect(find("assign-dialog")).toBeNull();
    expect(get("cam-print-mv-cl042-91gm").getAttribute("aria-pressed")).toBe("true");
    expect(find("found-192.168.40.17")).toBeNull();
  });

  it("refuses an id that cannot stand in a record, and warns of one that is taken", async () => {
    await openCameras();
    await press("assign-/dev/video2");
    await fireEvent.input(get("assign-id"), { target: { value: "刀面 1" } });
    expect(input("assign-apply").disabled).toBe(true);
    await fireEvent.input(get("assign-id"), { target: { value: "glaze-top" } });
    expect(input("assign-apply").disabled).toBe(false);
    expect(get("assign-dialog").textContent).toContain("此编号已有相机");
  });

  it("keeps the dialog open with the reason where the station refuses", async () => {
    const station = await openCameras();
    station.fail("assignCamera", { code: "invalid_input", message: "the camera is assigned to another stage" });
    await press("assign-/dev/video2");
    await press("assign-apply");
    expect(get("assign-error").textContent).toContain("assigned to another stage");
  });

  it("asks which of several a camera is, and gives it that one", async () => {
    const station = await openCameras();
    await press("cam-is-handle-left-/dev/video4");
    expect(input("assign-id").value).toBe("handle-left");
    expect(input("assign-id").disabled).toBe(true);
    await press("assign-apply");
    await settle(600);
    expect(calls(station, "assignCamera")[0]!.args[0]).toMatchObject({ id: "handle-left", stage: "handle_polishing", device: { usb: { port: "1-4.2" } }, line_scan: null });
    expect(find("cam-cause-handle-left")).toBeNull();
    expect(get("feature-ExposureTime-field")).toBeTruthy();
  });
});

describe("the settings of a camera", () => {
  it("are set from the field, and move the limits of others", async () => {
    const station = await openCameras();
    expect(get("feature-ExposureTimeAbs").textContent).toContain("35 – 71408 µs");
    await type("feature-AcquisitionFrameRate-field", "10");
    expect(calls(station, "setCameraFeature")[0]!.args[0]).toEqual({ camera: "glaze-top", name: "AcquisitionFrameRate", value: 10 });
    expect(get("feature-ExposureTimeAbs").textContent).toContain("35 – 99980 µs");
  });

  it("go back to what the camera has where it refuses, with its sentence beside them", async () => {
    await openCameras();
    await type("feature-ExposureTimeAbs-field", "99000");
    expect(get("feature-ExposureTimeAbs-refused").textContent).toBe("ExposureTimeAbs: 99000 is out of range; it takes 35 to 71408 us");
    expect(input("feature-ExposureTimeAbs-field").value).toBe("3500");
    await type("feature-ExposureTimeAbs-field", "5000");
    expect(find("feature-ExposureTimeAbs-refused")).toBeNull();
    expect(input("feature-ExposureTimeAbs-field").value).toBe("5000");
  });

  it("send nothing where what was typed is no number", async () => {
    const station = await openCameras();
    for (const text of ["", "abc", "3500"]) await type("feature-ExposureTimeAbs-field", text);
    expect(calls(station, "setCameraFeature")).toHaveLength(0);
    expect(input("feature-ExposureTimeAbs-field").value).toBe("3500");
  });

  it("put a refused choice back", async () => {
    const station = await openCameras();
    station.fail("setCameraFeature", { code: "internal", message: "the camera refused PixelFormat" });
    const select = get("feature-PixelFormat-field") as unknown as HTMLSelectElement;
    await fireEvent.change(select, { target: { value: "Mono12" } });
    await settle();
    expect(get("feature-PixelFormat-refused").textContent).toBe("the camera refused PixelFormat");
    expect(select.value).toBe("Mono8");
  });

  it("follow the slider without a queue: while one is set, only the last wanted goes next", async () => {
    const station = await openCameras();
    const set = station.setCameraFeature.bind(station);
    const waiting: (() => void)[] = [];
    station.setCameraFeature = async (form) => {
      await new Promise<void>((go) => waiting.push(go));
      return set(form);
    };
    for (const value of ["300", "400", "500", "1000"]) await fireEvent.input(get("feature-GainRaw-slider"), { target: { value } });
    waiting[0]!();
    await settle();
    expect(waiting).toHaveLength(2);
    waiting[1]!();
    await settle();
    expect(calls(station, "setCameraFeature").map(({ args }) => (args[0] as { value: number }).value)).toEqual([258, 542]);
    expect(input("feature-GainRaw-field").value).toBe("542");
  });

  it("step by arrow keys as the camera steps", async () => {
    const station = await openCameras();
    await fireEvent.keyDown(get("feature-GainRaw-field"), { key: "ArrowUp" });
    await settle();
    expect(calls(station, "setCameraFeature")[0]!.args[0]).toMatchObject({ name: "GainRaw", value: 137 });
  });

  it("show what cannot be set now as text", async () => {
    await openCameras();
    expect(get("feature-TriggerSource").dataset.access).toBe("unavailable");
    expect(find("feature-TriggerSource-field")).toBeNull();
    await fireEvent.change(get("feature-TriggerMode-field"), { target: { value: "On" } });
    await settle();
    expect(get("feature-TriggerSource-field")).toBeTruthy();
  });

  it("stand all in the tree under Advanced, filtered, each with a control once it is opened", async () => {
    const station = await openCameras();
    expect(find("feature-tree")).toBeNull();
    await press("advanced");
    expect(find("row-DeviceReset"), "categories are closed at first").toBeNull();
    await fireEvent.input(get("feature-filter"), { target: { value: "reset" } });
    expect(get("feature-none")).toBeTruthy();
    await press("circle-guru");
    await press("row-DeviceReset");
    await press("feature-tree-DeviceReset-run");
    expect(calls(station, "setCameraFeature")[0]!.args[0]).toEqual({ camera: "glaze-top", name: "DeviceReset", value: true });
    await fireEvent.input(get("feature-filter"), { target: { value: "Width" } });
    await press("row-Width");
    expect(get("feature-tree").textContent).toContain("设置时会短暂停止采集");
  });

  it("of one camera never show at another that was chosen meanwhile", async () => {
    const station = await openCameras();
    const read = station.cameraFeatures.bind(station);
    let answer: () => void = () => {};
    station.cameraFeatures = async (id) => {
      const features = await read(id);
      if (id === "edge-line") await new Promise<void>((go) => (answer = go));
      return features;
    };
    await press("cam-edge-line");
    await press("cam-pack-usb");
    answer();
    await settle();
    expect(find("feature-AcquisitionLineRate")).toBeNull();
    expect(get("feature-AcquisitionFrameRate-field")).toBeTruthy();
  });

  it("are read once a lost camera is back", async () => {
    const station = await openCameras();
    await press("cam-spine-top");
    expect(get("features-lost")).toBeTruthy();
    expect(get("picture-none").textContent).toMatch(/断开.*检查电缆/s);
    Object.assign(station.rig.of("spine-top").dto, { state: "streaming", cause: null, reason: "" });
    await settle(1100);
    expect(get("feature-GainRaw-field")).toBeTruthy();
  });
});

describe("what is measured of the picture", () => {
  it("is asked for four times a second while the page is shown, and no more after", async () => {
    const station = await openCameras();
    const before = calls(station, "cameraLiveAids").length;
    await settle(2000);
    const asked = calls(station, "cameraLiveAids").length - before;
    expect(asked).toBeGreaterThanOrEqual(7);
    expect(asked).toBeLessThanOrEqual(9);
    await press("camera-setup-back");
    const then = calls(station, "cameraLiveAids").length;
    await settle(2000);
    expect(calls(station, "cameraLiveAids")).toHaveLength(then);
  });

  it("is not asked for while nobody can see it", async () => {
    const station = await openCameras();
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    const before = calls(station, "cameraLiveAids").length;
    await settle(2000);
    expect(calls(station, "cameraLiveAids").length - before).toBeLessThanOrEqual(1);
    Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
  });

  it("says what is wrong and what to do, and keeps the highest focus", async () => {
    const station = await openCameras();
    expect(get("live-faults").textContent).toContain("画面可以判定");
    await type("feature-ExposureTimeAbs-field", "12000");
    await settle(300);
    expect(get("live-faults").textContent).toMatch(/过亮.*缩短曝光.*另有 1 项/s);
    station.rig.focusAt = () => 52;
    await settle(300);
    station.rig.focusAt = () => 31.5;
    await settle(300);
    expect(get("focus-now").textContent).toBe("31.5");
    expect(get("focus-peak").textContent).toBe("最高 52.0");
    await press("focus-forget");
    expect(get("focus-peak").textContent).toBe("最高 31.5");
  });

  it("shows line rate and aspect of a line-scan camera alone", async () => {
    await openCameras();
    expect(find("aid-rate")).toBeNull();
    await press("cam-edge-line");
    await settle(300);
    expect(get("aid-rate").textContent).toMatch(/49\d\d Hz/);
    expect(get("aid-aspect").textContent).toContain("%");
  });
});

describe("a region", () => {
  it("is moved by arrow keys and numbers, applied, and says what has to be taken again", async () => {
    const station = await openCameras();
    await press("mode-region");
    expect(input("region-field-x").value).toBe("516");
    await fireEvent.keyDown(get("region-move"), { key: "ArrowRight" });
    await fireEvent.keyDown(get("region-e"), { key: "ArrowLeft", shiftKey: true });
    expect(input("region-field-x").value).toBe("520");
    await type("region-field-width", "801");
    expect(input("region-field-width").value, "on the camera's step").toBe("800");
    await press("region-apply");
    expect(calls(station, "setCameraRegion")[0]!.args[0]).toEqual({ camera: "glaze-top", region: { x: 520, y: 388, width: 800, height: 1166 } });
    expect(get("notice-done").textContent).toContain("需重新采集");
    expect(find("region-strip")).toBeNull();
    await settle(1000);
    await press("mode-region");
    await press("region-whole");
    expect(calls(station, "setCameraRegion")[1]!.args[0]).toEqual({ camera: "glaze-top", region: null });
  });

  it("is left by Escape, and only then the page", async () => {
    await openCameras();
    await press("mode-region");
    await key("Escape");
    expect(find("region-box")).toBeNull();
    expect(get("camera-setup")).toBeTruthy();
  });
});

describe("the scale", () => {
  it("comes from two points and their distance, by keys alone", async () => {
    const station = await openCameras();
    await press("mode-scale");
    const picture = get("picture");
    await fireEvent.keyDown(picture, { key: "ArrowLeft", shiftKey: true });
    await fireEvent.keyDown(picture, { key: "Enter" });
    for (let n = 0; n < 10; n += 1) await fireEvent.keyDown(picture, { key: "ArrowRight", shiftKey: true });
    await fireEvent.keyDown(picture, { key: "Enter" });
    expect(input("scale-apply").disabled).toBe(true);
    await fireEvent.input(get("scale-mm"), { target: { value: "25" } });
    await press("scale-apply");
    expect(calls(station, "calibrateCamera")[0]!.args[1]).toEqual({ method: "two_points", a_px: [1286, 972], b_px: [1386, 972], distance_mm: 25 });
    await press("tab-calibrate");
    expect(get("calibration").textContent).toContain("0.25 mm/px");
  });

  it("comes from a board, and the dialog says why it does not", async () => {
    const station = await openCameras();
    station.fail("calibrateCamera", { code: "bad_frame", message: "the board is not seen whole: move it into the picture" });
    await press("tab-calibrate");
    await press("scale-board");
    await press("board-measure");
    expect(get("board-error").textContent).toContain("not seen whole");
    await fireEvent.input(get("board-square"), { target: { value: "" } });
    expect(input("board-measure").disabled).toBe(true);
    await fireEvent.input(get("board-square"), { target: { value: "5" } });
    await press("board-measure");
    expect(find("board-dialog")).toBeNull();
    expect(calls(station, "calibrateCamera")[1]!.args[1]).toEqual({ method: "checkerboard", columns: 9, rows: 7, square_mm: 5 });
  });
});

describe("the tools", () => {
  it("take a flat field dark first, then white, with the refusal beside the step", async () => {
    const station = await openCameras();
    await press("cam-edge-line");
    await press("tab-calibrate");
    expect(get("flat-stale").textContent).toMatch(/需要重新采集.*was 60 us/s);
    await press("flat-take");
    await fireEvent.click(get("flat-step-take"));
    expect(get("flat-busy")).toBeTruthy();
    await settle(600);
    expect(get("flat-step-dark").dataset.done).toBe("true");
    station.fail("takeFlatField", { code: "camera_timeout", message: "the target is not even: 14 % from edge to edge" });
    await press("flat-step-take");
    expect(get("flat-step-error").textContent).toContain("not even");
    await press("flat-step-take");
    await settle(600);
    expect(find("flat-dialog")).toBeNull();
    expect(find("flat-stale")).toBeNull();
    expect(calls(station, "takeFlatField").map(({ args }) => args[1])).toEqual(["dark", "white", "white"]);
  });

  it("say why white cannot be balanced", async () => {
    await openCameras();
    await press("tab-calibrate");
    await press("balance-white");
    expect(get("white-error").textContent).toContain("monochrome");
  });

  it("show a test shot with what is wrong with it", async () => {
    await openCameras();
    await type("feature-ExposureTimeAbs-field", "12000");
    await press("tab-quality");
    await press("test-shot");
    expect(get("test-result").textContent).toMatch(/63 ms.*2592 × 1944.*过亮.*缩短曝光/s);
  });

  it("set limits, show shares in percent, and an empty one as none", async () => {
    const station = await openCameras();
    await press("tab-quality");
    expect(input("limit-most_clipped_on_part").value).toBe("2");
    expect(input("limits-save").disabled).toBe(true);
    await type("limit-most_clipped_on_part", "1.5");
    await type("limit-most_noise", "");
    await type("limit-least_focus", "x");
    expect(input("limits-save").disabled).toBe(true);
    await type("limit-least_focus", "60");
    expect(get("now-least_focus").className).toContain("broken");
    await settle(1100);
    expect(input("limit-least_focus").value, "what is typed stays while the camera is read again").toBe("60");
    await press("limits-save");
    expect(calls(station, "setQualityLimits")[0]!.args[1]).toMatchObject({ least_focus: 60, most_clipped_on_part: 0.015, most_noise: null, most_mean_level: 170 });
    expect(input("limits-save").disabled).toBe(true);
  });

  it("learn limits from the picture", async () => {
    await openCameras();
    await press("tab-quality");
    await press("learn");
    expect(input("limit-least_focus").value).toBe("22");
    expect(get("reference").textContent).toContain("2026-03-01 16:00");
  });

  it("chart the days and warn of what drifts", async () => {
    await openCameras();
    await press("tab-quality");
    expect(get("drift-focus").textContent).toMatch(/-27%.*清洁镜头/s);
    expect(find("drift-noise")).toBeNull();
    await press("cam-edge-line");
    await press("tab-quality");
    expect(get("drift-none")).toBeTruthy();
  });

  it("export to a file and import from text, listing what the camera did not take", async () => {
    const station = await openCameras();
    await press("tab-file");
    await press("export");
    expect(get("exported").textContent).toContain("/var/lib/wiko-station/cameras/glaze-top.json");
    await press("export-copy");
    expect(station.copied[0]).toContain("ExposureTimeAbs");
    await fireEvent.input(get("import-text"), { target: { value: '{"features":{"ExposureTimeAbs":5000,"GainRaw":9000}}' } });
    await press("import");
    expect(get("imported").textContent).toContain("已设定 1 项");
    expect(get("import-mismatch-GainRaw").textContent).toMatch(/要求 9000，实际 136.*136 to 542/s);
    expect(get("cam-mismatch-glaze-top")).toBeTruthy();
    await press("tab-settings");
    expect(input("feature-ExposureTimeAbs-field").value).toBe("5000");
  });

  it("remove a camera once it was asked twice, and never the one of the configuration", async () => {
    const station = await openCameras();
    await press("tab-file");
    await press("remove");
    expect(calls(station, "removeCamera")).toHaveLength(0);
    await press("remove-sure");
    await settle(600);
    expect(find("cam-glaze-top")).toBeNull();
    await press("cam-simulated");
    await press("tab-file");
    expect(find("remove")).toBeNull();
    expect(get("not-removable")).toBeTruthy();
  });

  it("tell the part from the empty belt by levels that can be set, where parts are found in the lines", async () => {
    const station = await openCameras();
    await press("cam-edge-line");
    await press("tab-calibrate");
    await type("line-background_level", "12");
    await type("line-contrast_levels", "25");
    await press("lines-save");
    expect(calls(station, "setLineScan")[0]!.args).toMatchObject(["edge-line", { background_level: 12, contrast_levels: 25 }]);
  });

  it("ask for no such levels where pictures follow each other whatever lies on the belt", async () => {
    await openCameras(({ rig }) => { rig.of("edge-line").dto.line_scan!.mode = "continuous"; });
    await press("cam-edge-line");
    await press("tab-calibrate");
    expect(get("line-overlap_rows")).toBeTruthy();
    expect([find("line-background_level"), find("line-contrast_levels")]).toEqual([null, null]);
  });

  it("ask how lines become pictures where a camera sees lines and nobody has said so", async () => {
    const station = await openCameras(({ rig }) => { rig.of("edge-line").dto.line_scan = null; });
    await press("cam-edge-line");
    await press("tab-calibrate");
    await press("lines-begin");
    await press("lines-save");
    expect(calls(station, "setLineScan")[0]!.args).toMatchObject(["edge-line", { mode: "part_triggered", background_level: 50, contrast_levels: 35 }]);
    expect(find("lines-none")).toBeNull();
  });
});
