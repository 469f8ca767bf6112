//! Where the part lies in a frame that shows it before an even background.
//!
//! Invariant: a region is named only where it is clear-cut. Where the background is not even, or anything else is in
//! doubt, there is none, and the frame is for the caller to show whole.

use crate::{refusal::ImageRefused, resize::resize_rgb};
use image::RgbImage;
use wiko_core::geometry::BoxPx;

/// The frame is looked at in so many pixels an edge at the most.
const EDGE_PX: u32 = 512;
/// The background is what lies so close to the rim.
const RIM_PX: u32 = 6;
/// Half of an even rim differs by no more levels from its middle.
const MOST_DEVIATION: u8 = 4;
/// A pixel that differs by fewer levels is background.
const LEAST_DIFFERENCE: u8 = 16;
/// And so is one that differs by fewer times what half of the rim does.
const DEVIATIONS: u8 = 6;
/// So much of an even rim is background; the rest is a part that reaches beyond the frame.
const LEAST_EVEN: f64 = 0.6;

/// Pixels are gathered in squares, so that gaps of fewer pixels do not count.
const CELL_PX: u32 = 8;
/// A square of which fewer pixels differ holds noise.
const LEAST_IN_CELL: usize = 6;
/// A piece of less than this share of the largest one is a speck.
const LEAST_PIECE: f64 = 0.005;
/// So much of all that differs is in pieces that count.
const LEAST_GATHERED: f64 = 0.95;

/// A region of a smaller share of the frame may be anything.
const LEAST_COVERED: f64 = 0.05;
/// One of a larger share shows hardly more than the frame.
const MOST_COVERED: f64 = 0.7;
/// Left around the part on every side, as a share of its own size.
const MARGIN: f64 = 0.05;

/// The region of the part, with a margin; none where it is not clear-cut.
pub fn part_region(frame: &RgbImage) -> Result<Option<BoxPx>, ImageRefused> {
    part_region_of(frame, frame.dimensions())
}

/// The same, of a frame of that width and height, looked for in a smaller picture of it.
pub fn part_region_of(
    seen: &RgbImage,
    (width, height): (u32, u32),
) -> Result<Option<BoxPx>, ImageRefused> {
    let longest = f64::from(width.max(height));
    let scale = (f64::from(EDGE_PX) / longest).min(1.0);
    let sized = |edge: u32| ((f64::from(edge) * scale).round() as u32).max(1);
    let small = resize_rgb(seen, sized(width), sized(height))?;
    Ok(clear_cut(&small).map(|found| {
        let (x, across) = enlarged(found.x, found.width, small.width(), width);
        let (y, down) = enlarged(found.y, found.height, small.height(), height);
        BoxPx {
            x,
            y,
            width: across,
            height: down,
        }
    }))
}

/// A span of the small picture on the frame, with its margin: start and length.
fn enlarged(start: u32, length: u32, small: u32, original: u32) -> (u32, u32) {
    let scale = f64::from(original) / f64::from(small);
    let margin = f64::from(length) * MARGIN;
    let from = ((f64::from(start) - margin) * scale).floor().max(0.0);
    let to = ((f64::from(start + length) + margin) * scale).ceil();
    let to = to.min(f64::from(original));
    (from as u32, (to - from) as u32)
}

/// The box around everything that is no background.
fn clear_cut(small: &RgbImage) -> Option<BoxPx> {
    let (width, height) = small.dimensions();
    let background = Background::of(small)?;
    let differs = |x, y| background.differs(small.get_pixel(x, y).0);
    let pieces = pieces(width, height, differs);
    let largest = pieces.iter().map(|piece| piece.pixels).max()? as f64;
    let counts = |piece: &&Piece| piece.pixels as f64 >= largest * LEAST_PIECE;
    let kept: Vec<&Piece> = pieces.iter().filter(counts).collect();
    let gathered: usize = kept.iter().map(|piece| piece.pixels).sum();
    let all = small
        .pixels()
        .filter(|pixel| background.differs(pixel.0))
        .count();
    if (gathered as f64) < LEAST_GATHERED * all as f64 {
        return None;
    }
    let found = kept
        .iter()
        .map(|piece| piece.bounds)
        .reduce(|a, b| a.union(&b))?;
    let covered = found.area() as f64 / BoxPx::whole(width, height).area() as f64;
    (LEAST_COVERED..=MOST_COVERED)
        .contains(&covered)
        .then_some(found)
}

/// An even background: its colour, and how far a pixel of it may differ.
struct Background {
    middle: [u8; 3],
    tolerance: [u8; 3],
}

impl Background {
    /// What the rim shows, where most of it is even.
    fn of(small: &RgbImage) -> Option<Self> {
        let (width, height) = small.dimensions();
        let near = |at: u32, limit: u32| at < RIM_PX || at + RIM_PX >= limit;
        let rim: Vec<[u8; 3]> = small
            .enumerate_pixels()
            .filter(|(x, y, _)| near(*x, width) || near(*y, height))
            .map(|(_, _, pixel)| pixel.0)
            .collect();
        let mut background = Self {
            middle: [0; 3],
            tolerance: [0; 3],
        };
        for channel in 0..3 {
            let levels = || rim.iter().map(|pixel| pixel[channel]);
            let middle = median(levels().collect())?;
            let deviation = median(levels().map(|level| level.abs_diff(middle)).collect())?;
            if deviation > MOST_DEVIATION {
                return None;
            }
            background.middle[channel] = middle;
            background.tolerance[channel] = LEAST_DIFFERENCE.max(deviation * DEVIATIONS);
        }
        let even = rim.iter().filter(|pixel| !background.differs(**pixel));
        (even.count() as f64 >= LEAST_EVEN * rim.len() as f64).then_some(background)
    }

    fn differs(&self, pixel: [u8; 3]) -> bool {
        (0..3)
            .any(|channel| pixel[channel].abs_diff(self.middle[channel]) >= self.tolerance[channel])
    }
}

fn median(mut levels: Vec<u8>) -> Option<u8> {
    let middle = levels.len() / 2;
    (middle < levels.len()).then(|| *levels.select_nth_unstable(middle).1)
}

/// What hangs together.
struct Piece {
    bounds: BoxPx,
    pixels: usize,
}

/// A square of the picture: how many of its pixels differ, and the box around those.
#[derive(Clone, Copy, Default)]
struct Cell {
    pixels: usize,
    bounds: Option<BoxPx>,
}

/// Squares with something in them that touch, also by a corner, are one piece.
fn pieces(width: u32, height: u32, differs: impl Fn(u32, u32) -> bool) -> Vec<Piece> {
    let (columns, rows) = (
        width.div_ceil(CELL_PX) as usize,
        height.div_ceil(CELL_PX) as usize,
    );
    let mut cells = vec![Cell::default(); columns * rows];
    for y in 0..height {
        for x in 0..width {
            if differs(x, y) {
                let cell = &mut cells[(y / CELL_PX) as usize * columns + (x / CELL_PX) as usize];
                let pixel = BoxPx {
                    x,
                    y,
                    width: 1,
                    height: 1,
                };
                cell.pixels += 1;
                cell.bounds = Some(cell.bounds.map_or(pixel, |bounds| bounds.union(&pixel)));
            }
        }
    }
    // What was taken is not found again.
    let take = |cells: &mut Vec<Cell>, at: usize| {
        let enough = cells[at].pixels >= LEAST_IN_CELL;
        let cell = enough.then(|| std::mem::take(&mut cells[at]))?;
        Some((cell.bounds?, cell.pixels))
    };
    let mut pieces = Vec::new();
    for start in 0..cells.len() {
        let Some((bounds, pixels)) = take(&mut cells, start) else {
            continue;
        };
        let mut piece = Piece { bounds, pixels };
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            let (x, y) = (at % columns, at / columns);
            for y in y.saturating_sub(1)..(y + 2).min(rows) {
                for x in x.saturating_sub(1)..(x + 2).min(columns) {
                    if let Some((bounds, pixels)) = take(&mut cells, y * columns + x) {
                        piece.bounds = piece.bounds.union(&bounds);
                        piece.pixels += pixels;
                        open.push(y * columns + x);
                    }
                }
            }
        }
        pieces.push(piece);
    }
    pieces
}
