// What a picture's pixels show to whoever sets up a camera. Pixels are RGBA, four bytes each, row by row.

/** At and above this level a pixel counts as clipped, below or at the other as black. */
export const CLIPPED_LEVEL = 250;
export const DARK_LEVEL = 5;
/** Least difference to the neighbours, in levels, at which an edge counts as sharp. */
export const SHARP_STEP = 44;
/** Widest small copy on which marks are computed: more would cost the window its frames. */
export const COPY_WIDTH_PX = 640;

export interface Marks {
  peaking: boolean;
  clipped: boolean;
  dark: boolean;
}

const CYAN = [0, 229, 255], RED = [255, 32, 32], BLUE = [70, 110, 255], NIGHT = [0, 0, 0];

/** Green weighs most, as in the eye; whole numbers, 0 to 255. */
const level = (rgba: Uint8ClampedArray, at: number) => (77 * rgba[at]! + 150 * rgba[at + 1]! + 29 * rgba[at + 2]!) >> 8;

/**
 * Writes the marks of a picture into `out`, of the same size: cyan where edges are sharp, red stripes where it is clipped,
 * blue where it is black, else nothing.
 */
export function markPixels(rgba: Uint8ClampedArray, width: number, height: number, marks: Marks, out: Uint8ClampedArray) {
  out.fill(0);
  const put = (at: number, [r, g, b]: number[], alpha: number) => {
    out[at] = r!;
    out[at + 1] = g!;
    out[at + 2] = b!;
    out[at + 3] = alpha;
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      const here = level(rgba, at);
      if (marks.clipped && Math.max(rgba[at]!, rgba[at + 1]!, rgba[at + 2]!) >= CLIPPED_LEVEL) {
        put(at, (x + y) % 8 < 4 ? RED : NIGHT, 235);
      } else if (marks.dark && here <= DARK_LEVEL) {
        put(at, BLUE, 190);
      } else if (marks.peaking && x > 0 && y > 0 && x < width - 1 && y < height - 1) {
        const across = Math.abs(level(rgba, at + 4) - level(rgba, at - 4));
        const down = Math.abs(level(rgba, at + width * 4) - level(rgba, at - width * 4));
        if (across + down >= SHARP_STEP) put(at, CYAN, 255);
      }
    }
  }
}

/** The size of the small copy of a picture. */
export function copySize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, COPY_WIDTH_PX / width);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** What is under the pointer: `142`, or `R 140 G 142 B 150` where the pixel has a colour. */
export function levelText(r: number, g: number, b: number): string {
  return r === g && g === b ? String(r) : `R ${r} G ${g} B ${b}`;
}
