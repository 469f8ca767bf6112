// A histogram as a shape, and what it says.

/** The heights of the 256 bars, 0 to 1. The scale is logarithmic: a few clipped pixels are to be seen beside a full bed. */
export function barHeights(counts: readonly number[]): number[] {
  const most = Math.log1p(Math.max(0, ...counts));
  return counts.map((count) => (most === 0 ? 0 : Math.log1p(Math.max(0, count)) / most));
}

/** The outline of the bars in a box of `width` × `height`, as an SVG path; empty without pixels. */
export function barPath(counts: readonly number[], width: number, height: number): string {
  if (!counts.some((count) => count > 0)) return "";
  const bar = width / counts.length;
  const steps = barHeights(counts).map((share, n) => `L${round(n * bar)} ${round(height - share * height)}H${round((n + 1) * bar)}`);
  return `M0 ${height}${steps.join("")}L${width} ${height}Z`;
}

const round = (value: number) => Math.round(value * 10) / 10;
