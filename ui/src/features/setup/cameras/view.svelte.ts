// How the live picture is looked at: marks, lines, loupe, and what is being drawn on it. All in pixels of the camera's picture.
import { boxBetween, type Box, fitBox, type Frame, type Point } from "./region";

export type Mode = "look" | "region" | "scale";

export class PictureView {
  peaking = $state(false);
  clipped = $state(false);
  dark = $state(false);
  cross = $state(false);
  grid = $state(false);
  loupe = $state(false);
  mode = $state<Mode>("look");
  /** The camera's picture; 0 until a frame came. */
  size = $state.raw({ width: 0, height: 0 });
  /** What is looked at, by pointer or keys. */
  point = $state.raw<Point | null>(null);
  box = $state.raw<Box | null>(null);
  /** The two points of known distance. */
  ends = $state.raw<Point[]>([]);

  enter(mode: Mode) {
    this.mode = this.mode === mode ? "look" : mode;
    this.box = null;
    this.ends = [];
  }

  /** A region to begin with: the middle of the picture. */
  startBox(frame: Frame) {
    this.box ??= fitBox({ x: frame.width * 0.2, y: frame.height * 0.2, width: frame.width * 0.6, height: frame.height * 0.6 }, frame);
  }

  drawBox(from: Point, to: Point, frame: Frame) {
    this.box = boxBetween(from, to, frame);
  }

  /** Marks an end; with a third the measure begins anew. */
  mark(point: Point) {
    this.ends = this.ends.length >= 2 ? [point] : [...this.ends, point];
  }

  get distancePx(): number | null {
    const [a, b] = this.ends;
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : null;
  }

  /** Moves what is looked at by keys. */
  step(by: Point) {
    const from = this.point ?? { x: this.size.width / 2, y: this.size.height / 2 };
    const held = (value: number, most: number) => Math.round(Math.min(most - 1, Math.max(0, value)));
    this.point = { x: held(from.x + by.x, this.size.width), y: held(from.y + by.y, this.size.height) };
  }
}
