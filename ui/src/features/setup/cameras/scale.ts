// Between the place of a slider and a feature's value. Exposure spans microseconds to seconds: each step of its slider is
// the same factor, not the same difference.

/** Steps of a slider. */
export const SLIDER_STEPS = 1000;
const LEAST_FACTOR = 100;

export interface Limits {
  min: number;
  max: number;
  /** From one possible value to the next, counted from `min`; none where any is possible. */
  increment: number | null;
}

/** True where a slider goes by factors. */
export function byFactors(name: string, { min, max }: Limits): boolean {
  return /^(ExposureTime|AcquisitionLineRate|AcquisitionFrameRate)/.test(name) && min > 0 && max / min >= LEAST_FACTOR;
}

/** Where the slider stands for a value, 0 to {@link SLIDER_STEPS}. */
export function placeOf(value: number, limits: Limits, factors: boolean): number {
  const { min, max } = limits;
  if (max <= min) return 0;
  const held = Math.min(max, Math.max(min, value));
  const share = factors ? Math.log(held / min) / Math.log(max / min) : (held - min) / (max - min);
  return Math.round(share * SLIDER_STEPS);
}

/** The value for which a slider stands: a possible one, and no more digits than the slider can tell apart. */
export function valueAt(place: number, limits: Limits, factors: boolean): number {
  const { min, max } = limits;
  if (place <= 0) return min;
  if (place >= SLIDER_STEPS) return onStep(max, limits);
  const share = place / SLIDER_STEPS;
  const value = factors ? min * (max / min) ** share : min + (max - min) * share;
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))));
  return onStep(Number(value.toFixed(Math.min(12, digits))), limits);
}

/** The nearest possible value within the limits. */
export function onStep(value: number, { min, max, increment }: Limits): number {
  const held = Math.min(max, Math.max(min, value));
  if (!increment) return held;
  const last = Math.floor((max - min) / increment + 1e-9);
  const steps = Math.min(last, Math.round((held - min) / increment));
  return Number((min + steps * increment).toPrecision(12));
}
