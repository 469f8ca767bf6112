// What the cameras in memory can be told: trees in the form of GenICam's, whose limits move with each other.
import { type Access, type Feature, type FeatureKind, type FeatureValue, StationError, type Visibility } from "../types";

interface Extra {
  unit?: string;
  visibility?: Visibility;
  access?: Access;
  increment?: number;
  description?: string;
}

const spaced = (name: string) => name.replace(/([a-z])([A-Z])/g, "$1 $2");

function feature(category: string, name: string, kind: FeatureKind, value: FeatureValue | null, extra: Extra): Feature {
  return {
    name, display_name: spaced(name), category, visibility: extra.visibility ?? "beginner", access: extra.access ?? "read_write",
    kind, value, unit: extra.unit ?? "", description: extra.description ?? "",
  };
}
const integer = (category: string, name: string, value: number, min: number, max: number, extra: Extra = {}) =>
  feature(category, name, { type: "integer", min, max, increment: extra.increment ?? 1 }, value, extra);
const float = (category: string, name: string, value: number, min: number, max: number, extra: Extra = {}) =>
  feature(category, name, { type: "float", min, max, increment: extra.increment ?? null }, value, extra);
const choice = (category: string, name: string, value: string, entries: string[], extra: Extra = {}) =>
  feature(category, name, { type: "enumeration", entries }, value, extra);
const onOff = (category: string, name: string, value: boolean, extra: Extra = {}) =>
  feature(category, name, { type: "boolean" }, value, extra);
const text = (category: string, name: string, value: string, extra: Extra = {}) =>
  feature(category, name, { type: "string" }, value, { access: "read_only", ...extra });
const deed = (category: string, name: string, extra: Extra = {}) => feature(category, name, { type: "command" }, null, extra);

const DEVICE = "DeviceControl", FORMAT = "ImageFormatControl", ACQUISITION = "AcquisitionControl";
const ANALOG = "AnalogControl", LAYER = "TransportLayerControl", ENCODER = "EncoderControl", SETS = "UserSetControl";

/** So many further features of lookup tables and the like: a large tree. */
function ballast(count: number): Feature[] {
  return Array.from({ length: count }, (_, n) =>
    integer(["LUTControl", "ChunkDataControl", "EventControl", "SequencerControl"][n % 4]!, `${["LUTValue", "ChunkCounter", "EventNotification", "SequencerSet"][n % 4]}${n}`, n, 0, 4095, { visibility: n % 3 ? "guru" : "expert" }));
}

/** A GigE area camera, after a Basler ace: 2590 × 1942, monochrome. */
export function areaCamera(): Feature[] {
  return [
    text(DEVICE, "DeviceVendorName", "Basler"), text(DEVICE, "DeviceModelName", "acA2500-14gm"), text(DEVICE, "DeviceSerialNumber", "22512345"),
    text(DEVICE, "DeviceFirmwareVersion", "106204-23;U;acA2500_14g;V3.6-3;0", { visibility: "expert" }),
    float(DEVICE, "DeviceTemperature", 47.5, -40, 120, { unit: "C", access: "read_only", visibility: "expert" }), choice(DEVICE, "DeviceScanType", "Areascan", ["Areascan"], { access: "read_only" }),
    deed(DEVICE, "DeviceReset", { visibility: "guru", description: "Restarts the camera; the stream breaks off." }),
    integer(FORMAT, "SensorWidth", 2592, 0, 2592, { access: "read_only" }), integer(FORMAT, "SensorHeight", 1944, 0, 1944, { access: "read_only" }),
    integer(FORMAT, "Width", 2592, 64, 2592, { increment: 4, access: "locked", unit: "px" }), integer(FORMAT, "Height", 1944, 64, 1944, { increment: 2, access: "locked", unit: "px" }),
    integer(FORMAT, "OffsetX", 0, 0, 0, { increment: 4, unit: "px" }), integer(FORMAT, "OffsetY", 0, 0, 0, { increment: 2, unit: "px" }),
    choice(FORMAT, "PixelFormat", "Mono8", ["Mono8", "Mono12", "Mono12Packed"], { access: "locked" }),
    onOff(FORMAT, "ReverseX", false, { visibility: "expert" }), choice(FORMAT, "TestImageSelector", "Off", ["Off", "GreyDiagonalRamp", "GreyHorizontalRamp"]),
    choice(ACQUISITION, "ExposureAuto", "Off", ["Off", "Once", "Continuous"]),
    float(ACQUISITION, "ExposureTimeAbs", 3500, 35, 71_000, { unit: "us", description: "Time that the sensor is exposed." }),
    float(ACQUISITION, "AcquisitionFrameRate", 14, 0.1, 14.6, { unit: "Hz" }), onOff(ACQUISITION, "AcquisitionFrameRateEnable", true),
    choice(ACQUISITION, "TriggerSelector", "FrameStart", ["FrameStart", "AcquisitionStart"]), choice(ACQUISITION, "TriggerMode", "Off", ["Off", "On"]),
    choice(ACQUISITION, "TriggerSource", "Line1", ["Software", "Line1", "Action1"]), choice(ACQUISITION, "TriggerActivation", "RisingEdge", ["RisingEdge", "FallingEdge"]),
    float(ACQUISITION, "TriggerDelayAbs", 0, 0, 1_000_000, { unit: "us", visibility: "expert" }), deed(ACQUISITION, "TriggerSoftware"),
    choice(ANALOG, "GainAuto", "Off", ["Off", "Once", "Continuous"]), integer(ANALOG, "GainRaw", 136, 136, 542),
    integer(ANALOG, "BlackLevelRaw", 32, 0, 511, { visibility: "expert" }), float(ANALOG, "Gamma", 1, 0, 3.99998, { visibility: "expert" }),
    integer(LAYER, "GevSCPSPacketSize", 1500, 220, 16_404, { increment: 4, access: "locked", unit: "B", visibility: "expert" }),
    integer(LAYER, "GevSCPD", 0, 0, 50_000_000, { unit: "ticks", visibility: "expert" }), text(LAYER, "GevCurrentIPAddress", "192.168.40.11", { visibility: "guru" }),
    choice(SETS, "UserSetSelector", "Default", ["Default", "UserSet1", "UserSet2"]), deed(SETS, "UserSetLoad"), deed(SETS, "UserSetSave"),
    ...ballast(260),
  ];
}

/** A GigE line-scan camera: 4096 pixels, triggered by an encoder. */
export function lineCamera(): Feature[] {
  return [
    text(DEVICE, "DeviceVendorName", "Teledyne DALSA"), text(DEVICE, "DeviceModelName", "Linea LA-GM-04K"), choice(DEVICE, "DeviceScanType", "Linescan", ["Linescan"], { access: "read_only" }),
    integer(FORMAT, "SensorWidth", 4096, 0, 4096, { access: "read_only" }), integer(FORMAT, "Width", 4096, 64, 4096, { increment: 16, access: "locked", unit: "px" }),
    integer(FORMAT, "Height", 256, 1, 16_384, { access: "locked", unit: "px" }), integer(FORMAT, "OffsetX", 0, 0, 0, { increment: 16, unit: "px" }), choice(FORMAT, "PixelFormat", "Mono8", ["Mono8", "Mono12"], { access: "locked" }),
    choice(ACQUISITION, "ExposureAuto", "Off", ["Off"]), float(ACQUISITION, "ExposureTime", 90, 4, 180, { unit: "us" }),
    float(ACQUISITION, "AcquisitionLineRate", 5000, 300, 10_500, { unit: "Hz" }), choice(ACQUISITION, "TriggerSelector", "LineStart", ["LineStart", "FrameStart"]),
    choice(ACQUISITION, "TriggerMode", "On", ["Off", "On"]), choice(ACQUISITION, "TriggerSource", "Encoder0", ["Line1", "Line2", "Encoder0"]),
    float(ANALOG, "Gain", 2.5, 1, 10, { unit: "x" }), choice(ENCODER, "EncoderSourceA", "Line1", ["Off", "Line1", "Line2"]),
    choice(ENCODER, "EncoderSourceB", "Line2", ["Off", "Line1", "Line2"]), integer(ENCODER, "EncoderDivider", 4, 1, 255),
    ...ballast(60),
  ];
}

/** A USB webcam: its controls by their SFNC names. */
export function webcam(): Feature[] {
  return [
    integer(FORMAT, "Width", 1920, 640, 1920, { increment: 640, access: "locked", unit: "px" }), integer(FORMAT, "Height", 1080, 360, 1080, { increment: 360, access: "locked", unit: "px" }),
    choice(FORMAT, "PixelFormat", "JPEG", ["JPEG", "YUV422_8"], { access: "locked" }), choice(ACQUISITION, "ExposureAuto", "Off", ["Off", "Continuous"]),
    float(ACQUISITION, "ExposureTime", 9_990, 100, 33_300, { unit: "us", increment: 100 }), float(ACQUISITION, "AcquisitionFrameRate", 30, 5, 30, { unit: "Hz" }),
    integer(ANALOG, "Gain", 12, 0, 100), choice(ANALOG, "BalanceWhiteAuto", "Off", ["Off", "Continuous"]),
    integer(ANALOG, "WhiteBalanceTemperature", 4600, 2800, 6500, { unit: "K", increment: 10, visibility: "expert" }), onOff(ANALOG, "BacklightCompensation", false, { visibility: "expert" }),
  ];
}

const find = (features: Feature[], ...names: string[]) => features.find(({ name }) => names.includes(name));
const number = (feature: Feature | undefined, otherwise: number) => (typeof feature?.value === "number" ? feature.value : otherwise);

/** How bright a picture is with these settings, 1 for as it was set up. */
export function brightness(features: Feature[], exposureUs: number): number {
  if (find(features, "ExposureAuto")?.value === "Continuous") return 1;
  return Math.min(8, number(find(features, "ExposureTime", "ExposureTimeAbs"), exposureUs) / exposureUs);
}

/** Sets what hangs on other settings: limits, and what can be set at all. */
function settle(features: Feature[]) {
  const exposure = find(features, "ExposureTime", "ExposureTimeAbs");
  const auto = find(features, "ExposureAuto")?.value;
  const rate = find(features, "AcquisitionFrameRate", "AcquisitionLineRate");
  const triggered = find(features, "TriggerMode")?.value === "On";
  if (exposure?.kind.type === "float") {
    exposure.access = auto === "Continuous" ? "unavailable" : "read_write";
    if (rate) exposure.kind.max = Math.floor(1_000_000 / number(rate, 30)) - 20;
    exposure.value = Math.min(number(exposure, 0), exposure.kind.max ?? Infinity);
  }
  if (rate?.name === "AcquisitionFrameRate") rate.access = triggered ? "unavailable" : "read_write";
  for (const name of ["TriggerSource", "TriggerActivation"]) {
    const of = find(features, name);
    if (of) of.access = triggered ? "read_write" : "unavailable";
  }
  const gain = find(features, "Gain", "GainRaw");
  if (gain) gain.access = find(features, "GainAuto")?.value === "Continuous" ? "unavailable" : "read_write";
  for (const [offset, size, sensor] of [["OffsetX", "Width", "SensorWidth"], ["OffsetY", "Height", "SensorHeight"]] as const) {
    const of = find(features, offset);
    const whole = find(features, sensor);
    if (of?.kind.type === "integer" && whole) of.kind.max = number(whole, 0) - number(find(features, size), 0);
  }
}

/** Sets one feature as a camera would: refuses what is out of its limits, moves those of others. */
export function setFeature(features: Feature[], name: string, value: FeatureValue) {
  const of = find(features, name);
  const refuse = (why: string): never => {
    throw new StationError({ code: "camera_setting", message: `${name}${why}` });
  };
  if (!of) return refuse(" is not known to the camera");
  if (of.access === "read_only") refuse(" can only be read");
  if (of.access === "unavailable") refuse(" cannot be set with the other settings as they are: look at its automatic mode or selector");
  if (of.kind.type === "integer" || of.kind.type === "float") {
    const { min, max, increment } = of.kind;
    if (typeof value !== "number" || value < (min ?? -Infinity) || value > (max ?? Infinity)) refuse(`: ${value} is out of range; it takes ${min} to ${max} ${of.unit}`);
    if (of.kind.type === "integer" && ((value as number) - (min ?? 0)) % (increment ?? 1) !== 0) refuse(`: ${value} is between two steps; it takes ${min} and so on in steps of ${increment}`);
  }
  if (of.kind.type === "enumeration" && !of.kind.entries.includes(String(value))) refuse(` has no entry ${value}; it has ${of.kind.entries.join(", ")}`);
  if (of.kind.type !== "command") of.value = value;
  settle(features);
}

/** The tree as it is with its own settings. */
export function settled(features: Feature[]): Feature[] {
  settle(features);
  return features;
}
