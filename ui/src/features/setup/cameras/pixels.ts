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

/** RGBA in the byte order of every machine that a browser runs on: little endian. */
const CYAN = 0xffffe500, RED = 0xeb2020ff, NIGHT = 0xeb000000, BLUE = 0xbeff6e46;

let levels = new Uint8Array(0);

/**
 * Writes the marks of a picture into `out`, of the same size: cyan where edges are sharp, red stripes where it is clipped,
 * blue where it is black, else nothing.
 */
export function markPixels(rgba: Uint8ClampedArray, width: number, height: number, { peaking, clipped, dark }: Marks, out: Uint8ClampedArray) {
  const marks = new Uint32Array(out.buffer, out.byteOffset, width * height);
  marks.fill(0);
  if (levels.length !== width * height) levels = new Uint8Array(width * height);
  // Green weighs most, as in the eye.
  for (let n = 0, at = 0; n < levels.length; n += 1, at += 4) {
    levels[n] = (77 * rgba[at]! + 150 * rgba[at + 1]! + 29 * rgba[at + 2]!) >> 8;
  }
  for (let y = 0, n = 0; y < height; y += 1) {
    const inner = y > 0 && y < height - 1;
    for (let x = 0; x < width; x += 1, n += 1) {
      const at = n * 4;
      if (clipped && (rgba[at]! >= CLIPPED_LEVEL || rgba[at + 1]! >= CLIPPED_LEVEL || rgba[at + 2]! >= CLIPPED_LEVEL)) {
        marks[n] = (x + y) % 8 < 4 ? RED : NIGHT;
      } else if (dark && levels[n]! <= DARK_LEVEL) {
        marks[n] = BLUE;
      } else if (peaking && inner && x > 0 && x < width - 1) {
        const across = levels[n + 1]! - levels[n - 1]!;
        const down = levels[n + width]! - levels[n - width]!;
        if (Math.abs(across) + Math.abs(down) >= SHARP_STEP) marks[n] = CYAN;
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
