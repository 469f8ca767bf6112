// The cameras of the station in memory: found, assigned, set, measured. What is set changes what is measured.
import {
  type AssignCameraForm, type CalibrateForm, type CameraDto, type ErrorCode, type FeatureSetDto, type FlatFieldStep, type FoundCameraDto,
  type FrameFault, type FrameQuality, type ImportedSettingsDto, type LineScanDto, type LiveAidsDto, type PreviewSink, type QualityHistoryDto,
  type QualityLimits, type RegionForm, type SetFeatureForm, StationError, type TestShotDto, type UnavailableDto,
} from "../types";
import { brightness, lineCamera, setFeature, settled, webcam } from "./features";
import { type FakeCamera, fakeCameras, fakeDevices, labelOf } from "./camera-scenes";
import { knifePicture } from "./pictures";

const WIDEST_PREVIEW_PX = 1920;
const HOUR_MS = 3_600_000;
const refused = (code: ErrorCode, message: string) => new StationError({ code, message });

export class FakeCameras {
  cameras: FakeCamera[];
  devices: FoundCameraDto[] = fakeDevices();
  unavailable: UnavailableDto[] = [];
  /** The focus score at a time: as if somebody turned the lens to and fro. */
  focusAt = (ms: number) => 38 + 6 * Math.sin(ms / 4000);
  /** Milliseconds that a search takes. */
  searchMs = 400;
  #now: () => number;
  #sequence = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.cameras = fakeCameras(now());
  }

  of(id: string): FakeCamera {
    const camera = this.cameras.find(({ dto }) => dto.id === id);
    if (!camera) throw refused("invalid_input", `there is no camera ${id}: list them with \`cameras list\``);
    return camera;
  }

  list(): CameraDto[] {
    return structuredClone(this.cameras.map(({ dto }) => dto));
  }

  found() {
    return structuredClone({ devices: this.devices, unavailable: this.unavailable });
  }

  assign(form: AssignCameraForm) {
    if (!/^[\w-]+$/.test(form.id)) throw refused("invalid_input", "an id has letters, digits, - and _ only");
    const device = this.devices.find(({ device }) => labelOf(device) === labelOf(form.device));
    if (device?.obstacle) throw refused("camera_not_ready", device.obstacle);
    for (const other of this.devices) if (other.assigned === form.id) other.assigned = null;
    if (device) device.assigned = form.id;
    const line = form.line_scan !== null;
    const known = this.cameras.find(({ dto }) => dto.id === form.id);
    if (known) {
      Object.assign(known.dto, { device: form.device, stage: form.stage, line_scan: form.line_scan, state: "streaming", cause: null, reason: "", frames_per_second: 30, width_px: 1920, height_px: 1080, pixel_format: "JPEG" });
      return;
    }
    const [pattern] = fakeCameras(this.#now());
    this.cameras.push({
      dto: {
        ...structuredClone(pattern!.dto), id: form.id, transport: form.device.transport, device: form.device, stage: form.stage, inspecting: false,
        removable: true, line_scan: form.line_scan, ...(line ? { width_px: 4096, height_px: 2304, pixel_format: "Mono8" } : {}),
      },
      features: settled(line ? lineCamera() : webcam()), exposureUs: line ? 90 : 10_000, halfFlat: false,
    });
  }

  remove(id: string) {
    this.of(id);
    this.cameras = this.cameras.filter(({ dto }) => dto.id !== id);
    for (const device of this.devices) if (device.assigned === id) device.assigned = null;
  }

  features(id: string) {
    return structuredClone(this.#there(id).features);
  }

  set({ camera: id, name, value }: SetFeatureForm): FeatureSetDto {
    const camera = this.#there(id);
    setFeature(camera.features, name, value);
    camera.dto.mismatches = camera.dto.mismatches.filter((mismatch) => mismatch.name !== name);
    if (["Width", "Height", "PixelFormat"].includes(name)) return this.#resized(camera);
    return { features: structuredClone(camera.features), measured_again: false };
  }

  setRegion({ camera: id, region }: RegionForm): FeatureSetDto {
    const camera = this.#there(id);
    const put = (name: string, value: number) => {
      const feature = camera.features.find((feature) => feature.name === name);
      if (feature?.kind.type !== "integer") return;
      const step = feature.kind.increment ?? 1;
      feature.value = Math.round(value / step) * step;
    };
    const value = (name: string) => Number(camera.features.find((feature) => feature.name === name)?.value ?? 0);
    const wanted = region
      ? { x: value("OffsetX") + region.x, y: value("OffsetY") + region.y, width: region.width, height: region.height }
      : { x: 0, y: 0, width: value("SensorWidth") || 1920, height: value("SensorHeight") || 1080 };
    put("OffsetX", wanted.x);
    put("OffsetY", wanted.y);
    put("Width", wanted.width);
    put("Height", wanted.height);
    settled(camera.features);
    return this.#resized(camera);
  }

  setLineScan(id: string, lineScan: LineScanDto) {
    this.of(id).dto.line_scan = lineScan;
  }

  aids(id: string): LiveAidsDto {
    const camera = this.#there(id);
    const light = brightness(camera.features, camera.exposureUs);
    const quality = this.#quality(camera, light);
    const line = camera.dto.line_scan;
    return {
      sequence: this.#sequence++, age_ms: Math.round(18 + 14 * Math.abs(Math.sin(this.#sequence))), histogram: histogram(light, (camera.dto.width_px ?? 1920) * (camera.dto.height_px ?? 1080)), quality,
      faults: faultsOf(camera.dto.limits, quality), line_rate_hz: line ? 4987 + 9 * Math.sin(this.#sequence / 5) : null, aspect_error: line ? 0.023 + 0.002 * Math.sin(this.#sequence / 7) : null,
    };
  }

  calibrate(id: string, form: CalibrateForm) {
    const { dto } = this.#there(id);
    if (form.method === "two_points") {
      const pixels = Math.hypot(form.a_px[0] - form.b_px[0], form.a_px[1] - form.b_px[1]);
      if (pixels < 10) throw refused("invalid_input", "the points are too close together: choose two that lie 10 pixels apart at least");
      dto.calibration = { mm_per_px: form.distance_mm / pixels, method: "two_points", residual_px: null, distortion_percent: null, taken_at: this.#now() };
    } else {
      dto.calibration = { mm_per_px: 0.0837, method: "checkerboard", residual_px: 0.21, distortion_percent: -0.7, taken_at: this.#now() };
    }
    return structuredClone(dto);
  }

  flatField(id: string, step: FlatFieldStep) {
    const camera = this.#there(id);
    if (step === "white" && !camera.halfFlat) throw refused("camera_not_ready", "take the dark half first: cover the lens");
    camera.halfFlat = step === "dark";
    if (step === "white") camera.dto.flat_field = { taken_at: this.#now(), stale: false, reason: "" };
    return structuredClone(camera.dto);
  }

  clearFlatField(id: string) {
    const { dto } = this.of(id);
    dto.flat_field = null;
    return structuredClone(dto);
  }

  balanceWhite(id: string): FeatureSetDto {
    const camera = this.#there(id);
    const warmth = camera.features.find(({ name }) => name === "WhiteBalanceTemperature");
    if (!warmth) throw refused("camera_setting", "the camera has no white balance: it is monochrome");
    warmth.value = 5120;
    return { features: structuredClone(camera.features), measured_again: false };
  }

  reference(id: string) {
    const camera = this.#there(id);
    camera.dto.reference_taken_at = this.#now();
    camera.dto.limits = { least_focus: 22, least_mean_level: 80, most_mean_level: 160, most_clipped_on_part: 0.02, most_noise: 4, most_motion_blur: 2, least_likeness: 0.75, most_shift_px: 10 };
    return structuredClone(camera.dto);
  }

  setLimits(id: string, limits: QualityLimits) {
    const { dto } = this.of(id);
    dto.limits = { ...limits };
    return structuredClone(dto);
  }

  testShot(id: string): TestShotDto {
    const aids = this.aids(id);
    const { width_px, height_px } = this.of(id).dto;
    return { sequence: aids.sequence, waited_ms: 63, width_px: width_px ?? 0, height_px: height_px ?? 0, quality: aids.quality, faults: aids.faults };
  }

  export(id: string) {
    const camera = this.#there(id);
    const settings = Object.fromEntries(camera.features.filter(({ access, value }) => access !== "read_only" && value !== null).slice(0, 24).map(({ name, value }) => [name, value]));
    return { file_name: `${id}.json`, path: `/var/lib/wiko-station/cameras/${id}.json`, text: `${JSON.stringify({ camera: id, features: settings }, null, 2)}\n` };
  }

  import(id: string, text: string): ImportedSettingsDto {
    const camera = this.#there(id);
    let read: { features?: Record<string, SetFeatureForm["value"]> };
    try {
      read = JSON.parse(text) as typeof read;
    } catch {
      throw refused("invalid_input", "this is no file of settings: export one to see its form");
    }
    const result: ImportedSettingsDto = { set: 0, mismatches: [] };
    for (const [name, told] of Object.entries(read.features ?? {})) {
      try {
        setFeature(camera.features, name, told);
        result.set += 1;
      } catch (thrown) {
        const is = camera.features.find((feature) => feature.name === name)?.value ?? null;
        result.mismatches.push({ name, told, read: is, reason: StationError.of(thrown).message });
      }
    }
    camera.dto.mismatches = result.mismatches;
    return result;
  }

  history(id: string): QualityHistoryDto {
    this.of(id);
    if (id !== "glaze-top") return { hours: [], warnings: [] };
    const hours = Array.from({ length: 7 * 24 }, (_, n) => ({ n, from: this.#now() - (7 * 24 - n) * HOUR_MS })).filter(({ n }) => n % 24 > 7).map(({ n, from }) => ({
      from, frames: 340 + (n % 5) * 9, focus: 44 - n * 0.075 + Math.sin(n) * 1.4, mean_level: 122 + Math.sin(n / 3) * 2.4,
      clipped_on_part: 0.004 + 0.001 * Math.abs(Math.sin(n / 4)), noise: 1.9 + 0.1 * Math.sin(n / 2), unfit: n % 31 === 9 ? 3 : 0,
    }));
    return { hours, warnings: [{ measure: "focus", change: -0.27 }] };
  }

  /** Plays the picture of the camera whose id ends the address; without one, a knife. */
  play(url: string, sink: PreviewSink): () => void {
    const id = url.split("/preview/")[1];
    const camera = this.cameras.find(({ dto }) => dto.id === decodeURIComponent(id ?? ""));
    const image = new Image();
    image.src = knifePicture([]);
    sink.state("connecting");
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { alpha: false });
    let told = "connecting";
    const timer = setInterval(() => {
      const state = camera?.dto.state === "lost" ? "broken" : "playing";
      if (state !== told) sink.state((told = state));
      if (state === "broken") return;
      if (!image.complete || image.naturalWidth === 0 || !context) return;
      const [ownWidth, ownHeight] = [camera?.dto.width_px ?? 1920, camera?.dto.height_px ?? 1080];
      const scale = Math.min(1, WIDEST_PREVIEW_PX / ownWidth);
      const [width, height] = [Math.round(ownWidth * scale), Math.round(ownHeight * scale)];
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const grey = camera?.dto.pixel_format?.startsWith("Mono") ? "grayscale(1) " : "";
      context.filter = camera ? `${grey}brightness(${brightness(camera.features, camera.exposureUs)})` : "none";
      const cover = Math.max(width / 1920, height / 1080);
      context.drawImage(image, (width - 1920 * cover) / 2, (height - 1080 * cover) / 2, 1920 * cover, 1080 * cover);
      sink.draw({ sequence: this.#sequence++, exposedAtMs: this.#now(), picture: canvas, widthPx: width, heightPx: height });
    }, 100);
    return () => clearInterval(timer);
  }

  #there(id: string): FakeCamera {
    const camera = this.of(id);
    if (camera.dto.state === "lost") throw refused("camera_lost", camera.dto.reason);
    return camera;
  }

  #resized(camera: FakeCamera): FeatureSetDto {
    const size = (name: string) => Number(camera.features.find((feature) => feature.name === name)?.value ?? 0);
    const line = camera.dto.line_scan !== null;
    const before = [camera.dto.width_px, camera.dto.height_px];
    camera.dto.width_px = size("Width");
    if (!line) camera.dto.height_px = size("Height");
    const changed = before[0] !== camera.dto.width_px || before[1] !== camera.dto.height_px;
    if (changed) Object.assign(camera.dto, { calibration: null, flat_field: null, reference_taken_at: null });
    return { features: structuredClone(camera.features), measured_again: changed };
  }

  #quality(camera: FakeCamera, light: number): FrameQuality {
    const turn = this.#now() / 4000;
    const mean = Math.min(250, 122 * light);
    return {
      focus: this.focusAt(this.#now()), mean_level: mean, dark_share: Math.min(1, 0.02 / light), clipped_share: Math.max(0, (light - 1) * 0.3) + 0.004,
      clipped_on_part: Math.max(0, (light - 1) * 0.5) + 0.006, noise: 1.9 + 0.1 * Math.sin(turn * 3), motion_blur: 1.08,
      likeness: camera.dto.reference_taken_at === null ? null : 0.96, shift_px: camera.dto.reference_taken_at === null ? null : 0.8,
    };
  }
}

/** A dark bed and a bright blade, moved by the light. */
function histogram(light: number, pixels: number): number[] {
  const hill = (level: number, middle: number, width: number) => Math.exp(-(((level - middle) / width) ** 2));
  const shape = Array.from({ length: 256 }, (_, level) => hill(level, 48 * light, 16 * light) + 0.45 * hill(level, 176 * light, 22 * light) + 0.00002);
  const beyond = Array.from({ length: 700 }, (_, n) => 256 + n).reduce((sum, level) => sum + hill(level, 48 * light, 16 * light) + 0.45 * hill(level, 176 * light, 22 * light), 0);
  shape[255]! += beyond;
  const sum = shape.reduce((a, b) => a + b, 0);
  return shape.map((share) => Math.round((share / sum) * pixels));
}

function faultsOf(limits: QualityLimits, quality: FrameQuality): FrameFault[] {
  const faults: FrameFault[] = [];
  const below = (value: number | null, least: number | null | undefined) => least != null && (value ?? 0) < least;
  const above = (value: number | null, most: number | null | undefined) => most != null && (value ?? 0) > most;
  if (below(quality.mean_level, limits.least_mean_level)) faults.push("too_dark");
  if (above(quality.mean_level, limits.most_mean_level)) faults.push("too_bright");
  if (above(quality.clipped_on_part, limits.most_clipped_on_part)) faults.push("clipped_part");
  if (below(quality.focus, limits.least_focus)) faults.push("out_of_focus");
  if (above(quality.noise, limits.most_noise)) faults.push("noisy");
  return faults;
}
