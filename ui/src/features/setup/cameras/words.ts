// What cameras and their devices are called.
import { m } from "../../../i18n/index.svelte";
import type { CameraDto, DeviceIdentity, FeatureValue, FoundCameraDto } from "../../../platform/types";

/** `Basler acA2500 (22512345)`, as the station labels what it finds. */
export function deviceLabel({ vendor, model, serial, mac, usb }: DeviceIdentity): string {
  const name = model.startsWith(vendor) ? model : `${vendor} ${model}`;
  const mark = serial ?? mac ?? usb?.port;
  return mark ? `${name} (${mark})` : name;
}

/** Which device a camera is, for people. */
export const cameraLabel = (camera: CameraDto) => (camera.device ? deviceLabel(camera.device) : m[`cam_transport_${camera.transport}`]());

/** The stage that it looks at. */
export const stageLabel = (camera: CameraDto) => (camera.stage ? m[`stage_${camera.stage}`]() : m.cam_any_stage());

/** A feature in the window's language where it has such a name, else as the camera calls it. */
export function featureLabel(name: string, displayName: string): string {
  const stem = name.replace(/(Abs|Raw)$/, "");
  const text = m[`cam_feature_${stem}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? displayName;
}

/** A value of an enumeration such as Off and On: in the window's language where everybody knows it, else as the camera says. */
export function entryLabel(entry: FeatureValue): string {
  const text = m[`cam_entry_${entry}` as keyof typeof m] as (() => string) | undefined;
  return text?.() ?? String(entry);
}

/** An id for a device that is to be assigned: its model in small letters, not one of those that are taken. */
export function idFor({ model }: DeviceIdentity, stage: string, taken: readonly string[]): string {
  const stem = `${stage}-${model.split(/\s+/).at(-1) ?? ""}`.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "camera";
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? stem : `${stem}-${n}`;
    if (!taken.includes(id)) return id;
  }
}

/** The devices of which one may be this camera: of its kind and model, and nobody's. */
export function candidates(camera: CameraDto, found: readonly FoundCameraDto[]): FoundCameraDto[] {
  const own = camera.device;
  if (!own) return [];
  return found.filter(({ device, assigned }) =>
    (assigned === null || assigned === camera.id) && device.transport === own.transport && device.model === own.model &&
    (own.serial === null || own.serial === device.serial) && (own.mac === null || own.mac === device.mac));
}
