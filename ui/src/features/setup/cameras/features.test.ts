import { describe, expect, it } from "vitest";
import { areaCamera, lineCamera, webcam } from "../../../platform/fake/features";
import { fakeCameras, fakeDevices } from "../../../platform/fake/camera-scenes";
import { chartOf } from "./drift";
import { categoriesOf, isLineScan, limitsOf, mainFeatures, stepOf, valueText } from "./features";
import { byFactors, onStep, placeOf, SLIDER_STEPS, valueAt } from "./scale";
import { candidates, featureLabel, idFor } from "./words";

const names = (list: { name: string }[]) => list.map(({ name }) => name);

describe("the features that matter", () => {
  it("come in one order from every camera, under the names that it has", () => {
    expect(names(mainFeatures(areaCamera()))).toEqual([
      "ExposureAuto", "ExposureTimeAbs", "GainAuto", "GainRaw", "AcquisitionFrameRate", "PixelFormat", "TriggerMode", "TriggerSource", "TriggerActivation",
    ]);
    expect(names(mainFeatures(lineCamera()))).toEqual([
      "ExposureAuto", "ExposureTime", "Gain", "AcquisitionLineRate", "PixelFormat", "TriggerMode", "TriggerSource", "EncoderSourceA", "EncoderSourceB", "EncoderDivider",
    ]);
    expect(names(mainFeatures([]))).toEqual([]);
  });

  it("have names in the window's language, old names the same as new ones", () => {
    expect(featureLabel("ExposureTimeAbs", "Exposure Time (Abs)")).toBe("曝光时间");
    expect(featureLabel("DeviceReset", "Device Reset")).toBe("Device Reset");
  });
});

describe("the tree", () => {
  it("grows with the circle that it is shown to", () => {
    const count = (circle: "beginner" | "expert" | "guru") => categoriesOf(areaCamera(), circle, "").reduce((sum, { features }) => sum + features.length, 0);
    expect(count("beginner")).toBeLessThan(count("expert"));
    expect(count("guru")).toBe(areaCamera().length);
  });

  it("is filtered by all the words, in names and categories, in any case", () => {
    expect(names(categoriesOf(areaCamera(), "guru", "EXPOSURE time"))).toEqual(["AcquisitionControl"]);
    expect(names(categoriesOf(areaCamera(), "guru", "analogcontrol gain")[0]!.features)).toEqual(["GainAuto", "GainRaw"]);
    expect(categoriesOf(areaCamera(), "guru", "no such thing")).toEqual([]);
  });

  it("filters three hundred features in a few milliseconds", () => {
    const features = areaCamera();
    expect(features.length).toBeGreaterThan(280);
    const start = performance.now();
    for (let n = 0; n < 20; n += 1) categoriesOf(features, "guru", "lut value 1");
    expect((performance.now() - start) / 20).toBeLessThan(25);
  });
});

describe("a value", () => {
  it("reads with its unit and without noise", () => {
    expect(valueText(3500, "us")).toBe("3500 µs");
    expect(valueText(33.36666666)).toBe("33.3667");
    expect(valueText(null)).toBe("–");
    expect(valueText(false)).toBe("false");
  });

  it("has limits where it is a number that has some", () => {
    const features = webcam();
    expect(limitsOf(features.find(({ name }) => name === "ExposureTime")!)).toEqual({ min: 100, max: 33_300, increment: 100 });
    expect(limitsOf(features.find(({ name }) => name === "PixelFormat")!)).toBeNull();
    expect(stepOf(areaCamera(), "Width")).toBe(4);
    expect(stepOf([], "Width")).toBe(1);
  });

  it("of a camera says whether it sees lines", () => {
    expect(isLineScan(lineCamera())).toBe(true);
    expect(isLineScan(areaCamera())).toBe(false);
  });
});

describe("a slider", () => {
  const exposure = { min: 35, max: 71_000, increment: null };

  it("goes by factors for exposure, so that short times have room", () => {
    expect(byFactors("ExposureTimeAbs", exposure)).toBe(true);
    expect(byFactors("Gain", { min: 1, max: 1000, increment: null })).toBe(false);
    expect(byFactors("ExposureTime", { min: 0, max: 1000, increment: null })).toBe(false);
    expect(placeOf(Math.sqrt(35 * 71_000), exposure, true)).toBe(SLIDER_STEPS / 2);
    expect(placeOf(35, exposure, true)).toBe(0);
    expect(placeOf(71_000, exposure, true)).toBe(SLIDER_STEPS);
  });

  it("comes back to where it was put", () => {
    for (const limits of [exposure, { min: -40, max: 120, increment: 0.5 }, { min: 64, max: 2592, increment: 4 }]) {
      for (const place of [0, 1, 250, 500, 999, SLIDER_STEPS]) {
        const factors = limits === exposure;
        expect(Math.abs(placeOf(valueAt(place, limits, factors), limits, factors) - place)).toBeLessThan(limits.increment ? 4 : 2);
      }
    }
  });

  it("gives possible values alone", () => {
    const width = { min: 8, max: 639, increment: 16 };
    expect(onStep(640, width)).toBe(632);
    expect(onStep(-5, width)).toBe(8);
    expect(onStep(31, width)).toBe(24);
    expect(onStep(0.30000000004, { min: 0, max: 1, increment: 0.1 })).toBe(0.3);
    expect(valueAt(SLIDER_STEPS, width, false)).toBe(632);
    for (let place = 0; place <= SLIDER_STEPS; place += 7) expect((valueAt(place, width, false) - 8) % 16).toBe(0);
  });

  it("stands at the left where there is nothing to choose", () => {
    expect(placeOf(3, { min: 3, max: 3, increment: 1 }, false)).toBe(0);
  });
});

describe("a camera that may be several devices", () => {
  it("is offered those of its kind that no other has", () => {
    const camera = fakeCameras(0).find(({ dto }) => dto.cause === "ambiguous")!.dto;
    expect(candidates(camera, fakeDevices()).map(({ address }) => address)).toEqual(["/dev/video2", "/dev/video4"]);
    const basler = fakeCameras(0).find(({ dto }) => dto.id === "glaze-top")!.dto;
    expect(candidates(basler, fakeDevices()).map(({ address }) => address), "its own").toEqual(["192.168.40.11"]);
    const taken = fakeDevices().map((found) => ({ ...found, assigned: "another" }));
    expect(candidates(camera, taken)).toEqual([]);
  });

  it("gets an id that none has", () => {
    const { device } = fakeDevices()[0]!;
    expect(idFor(device, "glazing", [])).toBe("glazing-aca2500-14gm");
    expect(idFor(device, "glazing", ["glazing-aca2500-14gm"])).toBe("glazing-aca2500-14gm-2");
  });
});

describe("the chart of a measure", () => {
  const hour = (n: number, focus: number) => ({ from: n * 3_600_000, frames: 10, focus, mean_level: 100, clipped_on_part: 0, noise: 2, unfit: 0 });

  it("breaks where hours are missing", () => {
    const chart = chartOf([hour(0, 10), hour(1, 12), hour(9, 11), hour(10, 14)], ({ focus }) => focus)!;
    expect(chart.path.match(/M/g)).toHaveLength(2);
    expect(chart).toMatchObject({ least: 10, most: 14, last: 14 });
  });

  it("keeps a steady line flat and in the middle", () => {
    const chart = chartOf([hour(0, 100), hour(1, 100.1), hour(2, 100)], ({ focus }) => focus)!;
    const heights = [...chart.path.matchAll(/ ([\d.]+)/g)].map(([, y]) => Number(y));
    expect(Math.max(...heights) - Math.min(...heights)).toBeLessThan(1);
    expect(heights[0]).toBeGreaterThan(10);
    expect(heights[0]).toBeLessThan(20);
  });

  it("needs two hours", () => {
    expect(chartOf([hour(0, 10)], ({ focus }) => focus)).toBeNull();
    expect(chartOf([], ({ focus }) => focus)).toBeNull();
  });
});
