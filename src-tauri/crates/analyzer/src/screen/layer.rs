//! The variation model at one scale: for each pixel the lowest and the highest level that good parts
//! show, and how far they spread.

use super::{
    model::{LearnOptions, Polarity},
    plane::{LEVEL, Plane, box_mean},
};
use image::GrayImage;

/// The threshold is never below this many spreads.
const LEAST_THRESHOLD: f32 = 4.0;
/// A piece that crosses the threshold is followed down to this share of it.
const FOLLOW: f32 = 0.4;
/// Below this share of its peak a piece is taken for smeared.
const SMEAR: f32 = 0.2;

/// One scale of the model.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Picture pixels to one pixel of this layer, each way: 1 or 4.
    pub(super) scale: usize,
    pub(super) lo: Plane,
    pub(super) hi: Plane,
    pub(super) spread: Plane,
    /// In spreads beyond lo or hi.
    pub(super) threshold: f32,
}

/// A connected piece beyond the threshold, in pixels of the working scale, ends exclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) x1: usize,
    pub(super) y1: usize,
    pub(super) x2: usize,
    pub(super) y2: usize,
    /// Its highest excess in thresholds: 1 and more.
    pub(super) strength: f32,
}

/// The picture as a layer of that scale sees it.
pub(super) fn seen_at(scale: usize, picture: &GrayImage) -> Plane {
    if scale == 1 {
        Plane::smoothed(picture)
    } else {
        Plane::quartered(picture)
    }
}

impl Layer {
    /// Learns from aligned good pictures, two or more. Also gives each picture's score against what
    /// the others taught.
    pub(super) fn learn(
        scale: usize,
        good: &[GrayImage],
        options: &LearnOptions,
    ) -> (Self, Vec<f32>) {
        let planes: Vec<Plane> = good.iter().map(|picture| seen_at(scale, picture)).collect();
        let sums = Sums::of(&planes);
        let least_spread = options.least_levels / LEAST_THRESHOLD;
        let radius = if scale == 1 {
            usize::from(options.edge_tolerance_px)
        } else {
            usize::from(options.edge_tolerance_px).div_ceil(2)
        };
        let scores: Vec<f32> = planes
            .iter()
            .map(|plane| {
                let others = sums.layer(scale, radius, least_spread, Some(plane));
                let excess = others.excess(plane, options);
                excess.into_iter().fold(0.0, f32::max)
            })
            .collect();
        let mut layer = sums.layer(scale, radius, least_spread, None);
        let worst = scores.iter().copied().fold(0.0, f32::max);
        layer.threshold = (worst * options.headroom).max(LEAST_THRESHOLD);
        (layer, scores)
    }

    /// How many spreads each pixel lies beyond lo or hi, as the mean of 3×3.
    pub(super) fn excess(&self, seen: &Plane, options: &LearnOptions) -> Vec<f32> {
        let beyond = |((level, lo), hi): ((&u16, &u16), &u16)| match options.polarity {
            Polarity::Both => lo.saturating_sub(*level).max(level.saturating_sub(*hi)),
            Polarity::Darker => lo.saturating_sub(*level),
        };
        let px: Vec<u16> = seen
            .px
            .iter()
            .zip(&self.lo.px)
            .zip(&self.hi.px)
            .map(beyond)
            .collect();
        let mut beyond = Plane {
            width: seen.width,
            height: seen.height,
            px,
        };
        let opening = usize::from(options.opening_px / 2);
        if opening > 0 && self.scale == 1 {
            beyond = beyond
                .extremum(opening, u16::min)
                .extremum(opening, u16::max);
        }
        let spreads: Vec<f32> = beyond
            .px
            .iter()
            .zip(&self.spread.px)
            .map(|(beyond, spread)| f32::from(*beyond) / f32::from((*spread).max(1)))
            .collect();
        mean_of_nine(&spreads, beyond.width)
    }

    /// The pieces of a picture that lie beyond the threshold.
    pub(super) fn pieces(&self, seen: &Plane, options: &LearnOptions) -> (Vec<Piece>, f32) {
        let mut excess = self.excess(seen, options);
        let worst = excess.iter().copied().fold(0.0, f32::max) / self.threshold;
        let follow = (self.threshold * FOLLOW).max(1.0);
        let width = seen.width;
        let mut pieces = Vec::new();
        let (mut open, mut members) = (Vec::new(), Vec::new());
        for start in 0..excess.len() {
            if excess[start] < self.threshold {
                continue;
            }
            let mut strongest = 0.0f32;
            members.clear();
            open.push(start);
            while let Some(at) = open.pop() {
                if excess[at] < follow {
                    continue;
                }
                strongest = strongest.max(excess[at]);
                members.push((at, excess[at]));
                // Zero marks what has been visited.
                excess[at] = 0.0;
                let (x, y) = (at % width, at / width);
                for ny in y.saturating_sub(1)..(y + 2).min(seen.height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(width) {
                        if excess[ny * width + nx] >= follow {
                            open.push(ny * width + nx);
                        }
                    }
                }
            }
            // What smoothing smeared around a strong defect is no part of it.
            let core = members
                .iter()
                .filter(|(_, excess)| *excess >= strongest * SMEAR);
            let (mut x1, mut y1, mut x2, mut y2) = (usize::MAX, usize::MAX, 0, 0);
            let mut count = 0;
            for (at, _) in core {
                let (x, y) = (at % width, at / width);
                (x1, y1) = (x1.min(x), y1.min(y));
                (x2, y2) = (x2.max(x + 1), y2.max(y + 1));
                count += 1;
            }
            if self.scale > 1 || count >= options.smallest_px as usize {
                pieces.push(Piece {
                    x1: x1 * self.scale,
                    y1: y1 * self.scale,
                    x2: x2 * self.scale,
                    y2: y2 * self.scale,
                    strength: strongest / self.threshold,
                });
            }
        }
        (pieces, worst)
    }
}

/// Mean of 3×3. Zero in the two outermost pixels, where a shifted part has no neighbours.
fn mean_of_nine(values: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0f32; values.len()];
    let height = values.len() / width.max(1);
    if width < 5 || height < 5 {
        return mean;
    }
    let mut column = vec![0f32; width];
    for y in 2..height - 2 {
        let row = |at: usize| &values[at * width..(at + 1) * width];
        for (((sum, a), b), c) in column
            .iter_mut()
            .zip(row(y - 1))
            .zip(row(y))
            .zip(row(y + 1))
        {
            *sum = a + b + c;
        }
        let out = &mut mean[y * width + 2..(y + 1) * width - 2];
        for (o, three) in out.iter_mut().zip(column[1..].windows(3)) {
            *o = (three[0] + three[1] + three[2]) / 9.0;
        }
    }
    mean
}

/// The two lowest and highest levels and the moments of each pixel: enough to leave any one out.
struct Sums<'a> {
    planes: &'a [Plane],
    lowest: Vec<[u16; 2]>,
    highest: Vec<[u16; 2]>,
    sum: Vec<f32>,
    squares: Vec<f32>,
}

impl<'a> Sums<'a> {
    fn of(planes: &'a [Plane]) -> Self {
        let count = planes.first().map_or(0, |plane| plane.px.len());
        let mut sums = Self {
            planes,
            lowest: vec![[u16::MAX; 2]; count],
            highest: vec![[0; 2]; count],
            sum: vec![0.0; count],
            squares: vec![0.0; count],
        };
        for plane in planes {
            for (i, level) in plane.px.iter().enumerate() {
                let [low, second] = &mut sums.lowest[i];
                if level < low {
                    (*second, *low) = (*low, *level);
                } else {
                    *second = (*second).min(*level);
                }
                let [high, second] = &mut sums.highest[i];
                if level > high {
                    (*second, *high) = (*high, *level);
                } else {
                    *second = (*second).max(*level);
                }
                let grey = f32::from(*level) / f32::from(LEVEL);
                sums.sum[i] += grey;
                sums.squares[i] += grey * grey;
            }
        }
        sums
    }

    /// What all of them teach, or all but one.
    fn layer(
        &self,
        scale: usize,
        radius: usize,
        least_spread: f32,
        without: Option<&Plane>,
    ) -> Layer {
        let (width, height) = self
            .planes
            .first()
            .map_or((0, 0), |plane| (plane.width, plane.height));
        let left = without.map_or(&[][..], |plane| &plane.px[..]);
        let extreme = |pairs: &[[u16; 2]]| Plane {
            width,
            height,
            px: pairs
                .iter()
                .enumerate()
                .map(|(i, [most, second])| match left.get(i) {
                    Some(level) if level == most => *second,
                    _ => *most,
                })
                .collect(),
        };
        let n = (self.planes.len() - usize::from(without.is_some())) as f32;
        let variance: Vec<f32> = (0..self.sum.len())
            .map(|i| {
                let grey = left
                    .get(i)
                    .map_or(0.0, |l| f32::from(*l) / f32::from(LEVEL));
                let sum = self.sum[i] - grey;
                let squares = self.squares[i] - grey * grey;
                if n > 1.0 {
                    ((squares - sum * sum / n) / (n - 1.0)).max(0.0)
                } else {
                    0.0
                }
            })
            .collect();
        let px = box_mean(&variance, width.max(1), 3)
            .into_iter()
            .map(|variance| (variance.sqrt().max(least_spread) * f32::from(LEVEL)) as u16)
            .collect();
        Layer {
            scale,
            lo: extreme(&self.lowest).extremum(radius, u16::min),
            hi: extreme(&self.highest).extremum(radius, u16::max),
            spread: Plane { width, height, px },
            threshold: f32::INFINITY,
        }
    }
}
