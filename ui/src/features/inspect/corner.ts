// Where the small live picture lies while a result is shown: in a corner where no box is.
import type { BoxPx } from "../../platform/types";

export const CORNERS = ["bottom-right", "bottom-left", "top-right", "top-left"] as const;
export type Corner = (typeof CORNERS)[number];

/** Parts of the picture's width and height that the small picture takes, at the least window. */
const TAKEN = 0.32;

/** The first corner that hides no box; the one that hides least of them where each does. */
export function freeCorner(boxes: BoxPx[], widthPx: number, heightPx: number): Corner {
  const [takenX, takenY] = [widthPx * TAKEN, heightPx * TAKEN];
  const hidden = (corner: Corner) => {
    const left = corner.endsWith("left") ? 0 : widthPx - takenX;
    const top = corner.startsWith("top") ? 0 : heightPx - takenY;
    return boxes.reduce((sum, box) => {
      const across = Math.min(box.x + box.width, left + takenX) - Math.max(box.x, left);
      const down = Math.min(box.y + box.height, top + takenY) - Math.max(box.y, top);
      return sum + Math.max(0, across) * Math.max(0, down);
    }, 0);
  };
  return CORNERS.reduce((best, corner) => (hidden(corner) < hidden(best) ? corner : best));
}
