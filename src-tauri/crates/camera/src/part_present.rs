//! Tells from live frames when a part has come to rest in view, each part once.
//!
//! Invariants:
//! - A part counts once it lies still, and the next one only after it has left.
//! - Light that flickers or drifts, alike all over the frame, is no motion.
//! - In doubt a part is told again: one that is looked at twice is a nuisance, one that is never looked at is a danger.

use image::GrayImage;

/// The frame is looked at in so many cells along its longest side, at the most.
const CELLS: u32 = 128;
/// A cell has changed where it differs by more levels, and by a share of its level besides.
const LEAST_CHANGE: i32 = 6;
const CHANGE_OF_LEVEL: i32 = 12;
/// More changed cells than this share of the frame are motion.
const MOTION: f32 = 0.003;
/// A cell of this level may hold white pixels, which show no more how bright they are.
const WHITE: i32 = 220;
/// A cell shows the part where it differs from the frame's rim by more levels, and by a share of the rim's level.
const LEAST_CONTRAST: i32 = 18;
const CONTRAST_OF_LEVEL: i32 = 3;
/// A part of which so much shows the background has left.
const GONE: f32 = 0.5;
/// One of which so much has changed may have left.
const COVERED: f32 = 0.25;
/// Then it is the same one if no more of it has changed.
const SAME: f32 = 0.02;

/// When a part counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartPresentConfig {
    /// So many frames it has to lie still, the first of them included; at least 1.
    pub still_frames: u32,
    /// The share of the frame that the smallest part covers, 0 to 1.
    pub least_share: f32,
}

impl Default for PartPresentConfig {
    /// Still for a fifth of a second at 30 frames a second; a fiftieth of the frame.
    fn default() -> Self {
        Self {
            still_frames: 6,
            least_share: 0.02,
        }
    }
}

/// What a frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartView {
    /// No part.
    Empty,
    /// Something moves, or has not lain still for long enough.
    Moving,
    /// A part has come to rest: this frame is the first to tell.
    Arrived,
    /// A part that was told lies in view.
    Resting,
}

/// Follows live frames. No I/O, no clock: a frame after the other.
#[derive(Debug)]
pub struct PartPresent {
    config: PartPresentConfig,
    /// The first of the frames that are alike until now, and how many they are.
    anchor: Cells,
    still: u32,
    told: Option<Told>,
}

/// The part that was told last.
#[derive(Debug)]
struct Told {
    cells: Cells,
    /// Cells that show it.
    part: Vec<usize>,
    /// It was covered, or moved: it may have left unseen.
    perhaps_left: bool,
}

impl PartPresent {
    /// A part that lies in view at first counts too.
    pub fn new(config: PartPresentConfig) -> Self {
        Self {
            config,
            anchor: Cells::default(),
            still: 0,
            told: None,
        }
    }

    /// The next frame in grey. A small picture is enough: some 240 pixels across.
    pub fn see(&mut self, luma: &GrayImage) -> PartView {
        let cells = Cells::of(luma);
        if cells.levels.is_empty() {
            return PartView::Empty;
        }
        let moved = cells.changed_share(&self.anchor) > MOTION;
        if moved {
            self.anchor = cells.clone();
            self.still = 0;
        }
        self.still = self.still.saturating_add(1);
        let rests = self.still >= self.config.still_frames.max(1);

        let part = cells.part();
        let present = part.len() as f32 >= self.config.least_share * cells.levels.len() as f32;
        self.follow_told(&cells, present);
        if !present {
            return PartView::Empty;
        }
        match &mut self.told {
            Some(told) if !told.perhaps_left && !rests => PartView::Moving,
            Some(told) if !told.perhaps_left => {
                // As light drifts, so does what it is compared with.
                told.cells = cells;
                PartView::Resting
            }
            _ if !rests => PartView::Moving,
            Some(told) if told.changed(&cells, &part) <= SAME => {
                told.perhaps_left = false;
                PartView::Resting
            }
            _ => {
                self.told = Some(Told {
                    cells,
                    part,
                    perhaps_left: false,
                });
                PartView::Arrived
            }
        }
    }

    /// Looks whether the part that was told is still there.
    fn follow_told(&mut self, cells: &Cells, present: bool) {
        let Some(told) = &mut self.told else {
            return;
        };
        let same_size = told.cells.levels.len() == cells.levels.len();
        if !present || !same_size || cells.background_share(&told.part) >= GONE {
            self.told = None;
            return;
        }
        told.perhaps_left |= told.changed(cells, &[]) >= COVERED;
    }
}

impl Told {
    /// How much has changed where it lies, and where `others` say that a part lies.
    fn changed(&self, cells: &Cells, others: &[usize]) -> f32 {
        let gain = cells.gain_to(&self.cells);
        let places = self.part.iter().chain(others);
        let all = self.part.len() + others.len();
        let changed = places.filter(|at| cells.differs(&self.cells, **at, gain));
        changed.count() as f32 / all.max(1) as f32
    }
}

/// Mean levels of a frame's cells, in 1/16 of a level.
#[derive(Debug, Clone, Default)]
struct Cells {
    levels: Vec<i32>,
    across: usize,
}

const FINE: i32 = 16;
/// Gains are whole numbers of 1/1024.
const GAIN_ONE: i32 = 1024;

impl Cells {
    fn of(luma: &GrayImage) -> Self {
        let (width, height) = luma.dimensions();
        let factor = width.max(height).div_ceil(CELLS).max(1) as usize;
        let (across, down) = (width as usize / factor, height as usize / factor);
        let mut levels = Vec::with_capacity(across * down);
        let mut sums = vec![0_i32; across];
        for rows in luma.as_raw().chunks_exact((width as usize * factor).max(1)) {
            sums.fill(0);
            for row in rows.chunks_exact(width as usize) {
                for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(factor)) {
                    *sum += pixels.iter().map(|pixel| i32::from(*pixel)).sum::<i32>();
                }
            }
            let area = (factor * factor) as i32;
            levels.extend(sums.iter().map(|sum| sum * FINE / area));
        }
        Self { levels, across }
    }

    /// By how much brighter the other frame is: what most cells say, as a part covers less than half of them.
    fn gain_to(&self, other: &Self) -> i32 {
        let ratios = self.levels.iter().zip(&other.levels);
        let mut ratios: Vec<i32> = ratios
            .filter(|(own, _)| **own >= 4 * FINE)
            .map(|(own, other)| other * GAIN_ONE / own)
            .collect();
        let middle = ratios.len() / 2;
        if middle == 0 {
            return GAIN_ONE;
        }
        (*ratios.select_nth_unstable(middle).1).clamp(GAIN_ONE / 2, GAIN_ONE * 2)
    }

    fn differs(&self, other: &Self, at: usize, gain: i32) -> bool {
        let (seen, other) = (self.levels[at], other.levels[at]);
        let own = seen * gain / GAIN_ONE;
        let tolerance = LEAST_CHANGE * FINE + other.min(own) / CHANGE_OF_LEVEL;
        // What is white may be as much brighter as it likes.
        let white = |level: i32| level >= WHITE * FINE;
        (own - other > tolerance && !white(other)) || (other - own > tolerance && !white(seen))
    }

    /// The share of cells that differ; all where the frames are of different sizes.
    fn changed_share(&self, other: &Self) -> f32 {
        if self.levels.len() != other.levels.len() || self.across != other.across {
            return 1.0;
        }
        let gain = self.gain_to(other);
        let changed = (0..self.levels.len()).filter(|at| self.differs(other, *at, gain));
        changed.count() as f32 / self.levels.len() as f32
    }

    /// The middle level of the rim: the background, as a part lies within the frame or crosses the rim in few places.
    fn background(&self) -> i32 {
        let across = self.across.max(1);
        let down = self.levels.len() / across;
        let rim = self.levels.iter().enumerate().filter(|(at, _)| {
            let (x, y) = (at % across, at / across);
            x == 0 || y == 0 || x + 1 == across || y + 1 == down
        });
        let mut rim: Vec<i32> = rim.map(|(_, level)| *level).collect();
        if rim.is_empty() {
            return 0;
        }
        let middle = rim.len() / 2;
        *rim.select_nth_unstable(middle).1
    }

    fn shows_part(&self, at: usize, background: i32) -> bool {
        let contrast = LEAST_CONTRAST * FINE + background / CONTRAST_OF_LEVEL;
        (self.levels[at] - background).abs() > contrast
    }

    /// Cells that show something other than the background.
    fn part(&self) -> Vec<usize> {
        let background = self.background();
        let cells = 0..self.levels.len();
        cells
            .filter(|at| self.shows_part(*at, background))
            .collect()
    }

    /// How many of these cells show the background.
    fn background_share(&self, cells: &[usize]) -> f32 {
        let background = self.background();
        let empty = cells.iter().filter(|at| !self.shows_part(**at, background));
        empty.count() as f32 / cells.len().max(1) as f32
    }
}
