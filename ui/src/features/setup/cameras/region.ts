// The region of interest as it is drawn: whole pixels of the picture, on the camera's steps, never beyond the picture.

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Point {
  x: number;
  y: number;
}
export interface Frame {
  width: number;
  height: number;
  /** Steps of the left and upper edge, and of the size. */
  stepX: number;
  stepY: number;
  stepWidth: number;
  stepHeight: number;
}

/** Corners and edges by their compass point, and the whole box. */
export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"] as const;
export type Handle = (typeof HANDLES)[number] | "move";
/** No smaller: what is drawn by mistake is not taken for a region. */
const LEAST_PX = 16;

const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), Math.max(least, most));
const down = (value: number, step: number) => Math.floor(value / step) * step;

/** The nearest box that the camera can take. */
export function fitBox(box: Box, frame: Frame): Box {
  const [leastWidth, leastHeight] = [Math.max(LEAST_PX, frame.stepWidth), Math.max(LEAST_PX, frame.stepHeight)];
  const width = clamp(down(Math.round(box.width), frame.stepWidth), Math.ceil(leastWidth / frame.stepWidth) * frame.stepWidth, down(frame.width, frame.stepWidth));
  const height = clamp(down(Math.round(box.height), frame.stepHeight), Math.ceil(leastHeight / frame.stepHeight) * frame.stepHeight, down(frame.height, frame.stepHeight));
  return {
    x: down(clamp(Math.round(box.x), 0, frame.width - width), frame.stepX),
    y: down(clamp(Math.round(box.y), 0, frame.height - height), frame.stepY),
    width, height,
  };
}

/** The box between two corners. */
export function boxBetween(a: Point, b: Point, frame: Frame): Box {
  return fitBox({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) }, frame);
}

/** The box after a handle was dragged so far: the opposite edge stays where it is. */
export function dragBox(box: Box, handle: Handle, by: Point, frame: Frame): Box {
  if (handle === "move") {
    return fitBox({ ...box, x: box.x + by.x, y: box.y + by.y }, frame);
  }
  let [left, top, right, bottom] = [box.x, box.y, box.x + box.width, box.y + box.height];
  if (handle.includes("w")) left = clamp(left + by.x, 0, right - LEAST_PX);
  if (handle.includes("e")) right = clamp(right + by.x, left + LEAST_PX, frame.width);
  if (handle.includes("n")) top = clamp(top + by.y, 0, bottom - LEAST_PX);
  if (handle.includes("s")) bottom = clamp(bottom + by.y, top + LEAST_PX, frame.height);
  return fitBox({ x: left, y: top, width: right - left, height: bottom - top }, frame);
}

/** How far an arrow key moves; none for another key. One step of the camera, ten with Shift. */
export function arrow(key: string, shift: boolean, stepX: number, stepY: number): Point | null {
  const far = shift ? 10 : 1;
  switch (key) {
    case "ArrowLeft": return { x: -far * stepX, y: 0 };
    case "ArrowRight": return { x: far * stepX, y: 0 };
    case "ArrowUp": return { x: 0, y: -far * stepY };
    case "ArrowDown": return { x: 0, y: far * stepY };
    default: return null;
  }
}

/** The part of the picture that lies under a point of the window. */
export function pointAt(clientX: number, clientY: number, shown: { left: number; top: number; width: number; height: number }, size: { width: number; height: number }): Point {
  const at = (client: number, from: number, length: number, pixels: number) =>
    length <= 0 ? 0 : clamp(Math.floor(((client - from) / length) * pixels), 0, pixels - 1);
  return { x: at(clientX, shown.left, shown.width, size.width), y: at(clientY, shown.top, shown.height, size.height) };
}
