// The cameras that the station in memory has: one of each kind, and what goes wrong with them.
import type { CameraDto, DeviceIdentity, Feature, FoundCameraDto, UnavailableDto } from "../types";
import { areaCamera, lineCamera, settled, webcam } from "./features";

export interface FakeCamera {
  dto: CameraDto;
  features: Feature[];
  /** The exposure at which the picture is as it should be. */
  exposureUs: number;
  halfFlat: boolean;
}

const NO_LOSS = { frames: 18_204, frames_lost: 0, packets_resent: 0, packets_missing: 0, underruns: 0, parts_overflowed: 0 };
const HOUR_MS = 3_600_000;

const BARE: Omit<CameraDto, "id" | "transport"> = {
  device: null, stage: null, inspecting: false, removable: true, state: "streaming", cause: null, reason: "",
  frames_per_second: 0, width_px: null, height_px: null, pixel_format: null, statistics: NO_LOSS, mismatches: [], calibration: null,
  flat_field: null, limits: {}, reference_taken_at: null, line_scan: null,
};

const device = (transport: DeviceIdentity["transport"], vendor: string, model: string, rest: Partial<DeviceIdentity> = {}): DeviceIdentity =>
  ({ transport, vendor, model, serial: null, mac: null, usb: null, ...rest });

const BASLER = device("gige_vision", "Basler", "acA2500-14gm", { serial: "22512345", mac: "00:30:53:1a:2b:3c" });
const LINEA = device("gige_vision", "Teledyne DALSA", "Linea LA-GM-04K", { serial: "H1088214", mac: "00:01:0d:c2:88:14" });
const C920 = device("v4l2", "Logitech", "HD Pro Webcam C920", { serial: "8D5C2F1E", usb: { vid: 0x046d, pid: 0x082d, port: "1-2.4" } });
const twin = (port: string) => device("v4l2", "Sonix", "USB 2.0 Camera", { usb: { vid: 0x0c45, pid: 0x6366, port } });
const MAKO = device("gige_vision", "Allied Vision", "Mako G-319B", { serial: "50-0503328", mac: "00:0f:31:02:9a:40" });

export function labelOf({ vendor, model, serial, mac, usb }: DeviceIdentity): string {
  const name = model.startsWith(vendor) ? model : `${vendor} ${model}`;
  const mark = serial ?? mac ?? usb?.port;
  return mark ? `${name} (${mark})` : name;
}

export function fakeCameras(nowMs: number): FakeCamera[] {
  const camera = (dto: Partial<CameraDto> & Pick<CameraDto, "id" | "transport">, features: Feature[], exposureUs = 10_000): FakeCamera =>
    ({ dto: { ...structuredClone(BARE), ...dto }, features: settled(features), exposureUs, halfFlat: false });
  return [
    camera({ id: "simulated", transport: "simulated", inspecting: true, removable: false, frames_per_second: 29.97, width_px: 1920, height_px: 1080, pixel_format: "JPEG" }, []),
    camera({
      id: "glaze-top", transport: "gige_vision", device: BASLER, stage: "blade_glazing", frames_per_second: 14, width_px: 2592, height_px: 1944, pixel_format: "Mono8",
      calibration: { mm_per_px: 0.0842, method: "checkerboard", residual_px: 0.18, distortion_percent: -0.6, taken_at: nowMs - 30 * HOUR_MS },
      flat_field: { taken_at: nowMs - 20 * HOUR_MS, stale: false, reason: "" }, reference_taken_at: nowMs - 19 * HOUR_MS,
      limits: { least_focus: 24, least_mean_level: 70, most_mean_level: 170, most_clipped_on_part: 0.02, most_noise: 4, most_motion_blur: 2, least_likeness: 0.7, most_shift_px: 12 },
      statistics: { ...NO_LOSS, packets_resent: 3 },
    }, areaCamera(), 3500),
    camera({
      id: "edge-line", transport: "gige_vision", device: LINEA, stage: "cutting_edge_honing", frames_per_second: 0.8, width_px: 4096, height_px: 2304, pixel_format: "Mono8",
      flat_field: { taken_at: nowMs - 41 * 24 * HOUR_MS, stale: true, reason: "the exposure is 90 us and was 60 us when it was taken: take it again" },
      line_scan: { mode: "part_triggered", pre_roll_rows: 64, post_roll_rows: 64, longest_rows: 16_000, overlap_rows: 0, belt_mm_per_s: 420, background_level: 50, contrast_levels: 35 },
      statistics: { ...NO_LOSS, frames: 911, frames_lost: 2, packets_missing: 118, packets_resent: 240 },
    }, lineCamera(), 90),
    camera({
      id: "pack-usb", transport: "v4l2", device: C920, stage: "packaging", frames_per_second: 30, width_px: 1920, height_px: 1080, pixel_format: "JPEG",
      mismatches: [{ name: "ExposureTime", told: 10_000, read: 9_990, reason: "the camera rounds it to its own steps: set 9990" }],
    }, webcam()),
    camera({
      id: "handle-left", transport: "v4l2", device: twin("1-3"), stage: "handle_polishing", state: "lost", cause: "ambiguous",
      reason: "two cameras may be USB 2.0 Camera: say which one it is",
    }, webcam()),
    camera({
      id: "spine-top", transport: "gige_vision", device: MAKO, stage: "back_edge_polishing", state: "lost", cause: "unplugged",
      reason: "the camera went away: check its cable and power", width_px: 2064, height_px: 1544, pixel_format: "Mono8",
    }, areaCamera(), 3500),
  ];
}

export function fakeDevices(): FoundCameraDto[] {
  const found = (identity: DeviceIdentity, address: string, rest: Partial<FoundCameraDto> = {}): FoundCameraDto =>
    ({ device: identity, label: labelOf(identity), address, obstacle: null, assigned: null, ...rest });
  return [
    found(BASLER, "192.168.40.11", { assigned: "glaze-top" }), found(LINEA, "192.168.40.12", { assigned: "edge-line" }),
    found(C920, "/dev/video0", { assigned: "pack-usb" }), found(twin("1-4.1"), "/dev/video2"), found(twin("1-4.2"), "/dev/video4"),
    found(device("gige_vision", "Hikrobot", "MV-CL042-91GM", { serial: "DA0214587", mac: "34:bd:20:11:08:77" }), "192.168.40.17"),
    found(device("gige_vision", "Basler", "acA1300-60gm", { serial: "21988001", mac: "00:30:53:22:10:01" }), "192.168.40.19", { obstacle: "another program has it: close pylon Viewer on 192.168.40.2" }),
  ];
}

export const GIGE_MISSING: UnavailableDto = {
  transport: "gige_vision", cause: "no_driver", reason: "libaravis-0.8.so.0 is not installed: run `apt install libaravis-0.8-0`, then search again",
};
