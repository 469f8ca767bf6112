// A measure over days as a small chart.
import type { QualityHourDto } from "../../../platform/types";

export interface Chart {
  /** SVG path in a box of 100 × 30; gaps where hours have no frames. */
  path: string;
  least: number;
  most: number;
  last: number;
}

const GAP_MS = 2.5 * 3_600_000;

/** The chart of one measure; none for less than two hours. A flat line stays flat: the scale spans a tenth of the value at least. */
export function chartOf(hours: readonly QualityHourDto[], valueOf: (hour: QualityHourDto) => number): Chart | null {
  const [first, last] = [hours[0], hours.at(-1)];
  if (!first || !last || hours.length < 2) return null;
  const values = hours.map(valueOf);
  let [least, most] = [Math.min(...values), Math.max(...values)];
  const seen = { least, most };
  const missing = Math.max(Math.abs(most) * 0.1, 1e-6) - (most - least);
  if (missing > 0) [least, most] = [least - missing / 2, most + missing / 2];
  let path = "";
  hours.forEach(({ from }, n) => {
    const x = ((from - first.from) / (last.from - first.from)) * 100;
    const y = 28 - ((values[n]! - least) / (most - least)) * 26;
    const apart = n === 0 || from - hours[n - 1]!.from > GAP_MS;
    path += `${apart ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`;
  });
  return { path, ...seen, last: values.at(-1)! };
}
