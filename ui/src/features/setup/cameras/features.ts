// Which of a camera's features are shown where, and how their values read.
import { VISIBILITIES } from "../../../platform/codes";
import type { Feature, FeatureValue, LineScanDto, Visibility } from "../../../platform/types";
import type { Limits } from "./scale";

/** Those that matter, in the order in which they are looked for; the first name of a row that the camera has is shown. */
const MAIN: readonly (readonly string[])[] = [
  ["ExposureAuto"], ["ExposureTime", "ExposureTimeAbs", "ExposureTimeRaw"], ["GainAuto"], ["Gain", "GainAbs", "GainRaw"],
  ["AcquisitionFrameRate", "AcquisitionFrameRateAbs"], ["AcquisitionLineRate", "AcquisitionLineRateAbs"], ["PixelFormat"],
  ["TriggerMode"], ["TriggerSource"], ["TriggerActivation"], ["BalanceWhiteAuto"], ["EncoderSourceA"], ["EncoderSourceB"],
  ["EncoderDivider"],
];

/** The features of the short panel: what the camera lacks is left out. */
export function mainFeatures(features: readonly Feature[]): Feature[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  return MAIN.flatMap((names) => {
    const found = names.find((name) => byName.has(name));
    return found === undefined ? [] : [byName.get(found)!];
  });
}

export interface Category {
  name: string;
  features: Feature[];
}

/** The tree: categories in the camera's order, with the features that this circle sees and in which all the words stand. */
export function categoriesOf(features: readonly Feature[], circle: Visibility, words: string): Category[] {
  const widest = VISIBILITIES.indexOf(circle);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const categories = new Map<string, Feature[]>();
  for (const feature of features) {
    if (VISIBILITIES.indexOf(feature.visibility) > widest) continue;
    const said = `${feature.name} ${feature.display_name} ${feature.category}`.toLowerCase();
    if (!wanted.every((word) => said.includes(word))) continue;
    const known = categories.get(feature.category);
    if (known) known.push(feature);
    else categories.set(feature.category, [feature]);
  }
  return [...categories].map(([name, features]) => ({ name, features }));
}

/** Limits of a number; none where it has none or no number is. */
export function limitsOf({ kind }: Feature): Limits | null {
  if (kind.type !== "integer" && kind.type !== "float") return null;
  if (kind.min === null || kind.max === null) return null;
  return { min: kind.min, max: kind.max, increment: kind.increment };
}

/** A number without noise in its last digits: `33.3667`, `12000`. */
export function numberText(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** A value as a person reads it; `–` where there is none. */
export function valueText(value: FeatureValue | null, unit = ""): string {
  if (value === null) return "–";
  const text = typeof value === "number" ? numberText(value) : String(value);
  return unit === "" ? text : `${text} ${unitText(unit)}`;
}

/** A unit as it is written: cameras say `us` and `C`. */
export function unitText(unit: string): string {
  return { us: "µs", C: "°C", uS: "µs" }[unit] ?? unit;
}

/** True where the camera says of itself that it sees lines. */
export function isLineScan(features: readonly Feature[]): boolean {
  const type = features.find(({ name }) => name === "DeviceScanType")?.value;
  return typeof type === "string" && /^linescan/i.test(type);
}

/** How lines become pictures where nobody has said so yet: a picture a part, as long as a knife with room to spare. */
export function newLineScan(): LineScanDto {
  return { mode: "part_triggered", pre_roll_rows: 64, post_roll_rows: 64, longest_rows: 16_000, overlap_rows: 0, belt_mm_per_s: 0, background_level: 50, contrast_levels: 35 };
}

/** The step of a geometry feature, at least 1. */
export function stepOf(features: readonly Feature[], name: string): number {
  const kind = features.find((feature) => feature.name === name)?.kind;
  return kind?.type === "integer" ? Math.max(1, kind.increment ?? 1) : 1;
}
