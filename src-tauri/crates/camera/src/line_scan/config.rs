use wiko_core::camera::PixelFormat;
use wiko_imaging::{MAX_PIXELS, MAX_SIDE_PX};

/// How lines become pictures; named after the acquisition modes of frame grabbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LineMode {
    /// Continuous: one window after the other, whatever lies on the belt.
    Web {
        /// Rows of a window.
        window_rows: u32,
        /// Rows that the next window shows again: at least those of the largest part, or of the largest defect, so that
        /// each is whole in one window.
        overlap_rows: u32,
    },
    /// A picture of fixed length from the start of each part on.
    Page {
        /// Rows from the start of the part.
        page_rows: u32,
        /// Rows before it.
        pre_roll_rows: u32,
        /// What tells that a part is there.
        trigger: PartTrigger,
    },
    /// A picture as long as the part.
    LongPage {
        /// The longest part in rows; a longer one is cut into pictures that each carry the fault.
        longest_rows: u32,
        /// Rows before it.
        pre_roll_rows: u32,
        /// Rows after it.
        post_roll_rows: u32,
        /// What tells that a part is there.
        trigger: PartTrigger,
    },
}

/// What tells that a part is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PartTrigger {
    /// The lines themselves.
    Lines(PartLevels),
    /// A call from outside, as of a light barrier. It takes effect with the next row that comes in, which may be as much
    /// as a block later than what it saw: a pre-roll of a block's rows makes good for that.
    External,
}

/// How a line with a part on it is told from the empty belt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartLevels {
    /// Level of the empty belt, 0 to 255 whatever the format; the same across the line, as after the flat field.
    pub background_level: u8,
    /// A pixel that differs from it by as many levels shows the part.
    pub contrast_levels: u8,
    /// A part begins where so great a share of a line shows it, above 0 to 1.
    pub begin_share: f32,
    /// And goes on while so great a share does; at most `begin_share`.
    pub end_share: f32,
    /// What is shorter is a speck and no part; at least 1. Set below the shortest part.
    pub least_part_rows: u32,
    /// So many rows without the part end it; fewer are a hole in it. At least 1.
    pub least_gap_rows: u32,
}

/// How the pixels of a line lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineLayout {
    /// Of each block.
    pub format: PixelFormat,
    /// Pixels across.
    pub width_px: u32,
}

impl LineLayout {
    /// Bytes of a line.
    pub fn row_bytes(self) -> usize {
        self.format.row_bytes(self.width_px)
    }
}

/// Belt and optics, where the camera's line rate is fixed. With an encoder each line is a step of the belt at any speed,
/// and there is nothing to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineAspect {
    /// Speed of the belt.
    pub belt_mm_per_s: f64,
    /// What a pixel covers on the belt.
    pub pixel_pitch_mm: f64,
    /// The most that line rate and belt may differ, as a share: 0.02 for 2 %.
    pub most_error: f64,
}

impl LineAspect {
    /// The line rate at which pixels are square.
    pub fn wanted_hz(&self) -> f64 {
        self.belt_mm_per_s / self.pixel_pitch_mm
    }
}

/// What a line-scan camera's blocks are put together to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineScanConfig {
    /// How lines become pictures.
    pub mode: LineMode,
    /// The camera's lines; blocks with longer ones are refused.
    pub widest: LineLayout,
    /// Rows of a whole block: the camera's `Height`. A lost block counts as so many rows, or as those of the tallest
    /// that came.
    pub block_rows: u32,
    /// The most memory that lines may take until they are a picture.
    pub most_bytes: usize,
    /// A belt that stands longer within a part closes it with what there is.
    pub longest_stand_ms: u64,
    /// The wanted line rate, where it is fixed.
    pub aspect: Option<LineAspect>,
}

/// A configuration that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LineScanRefused {
    /// A picture would be too tall.
    #[error(
        "a picture of {rows} rows is too tall: at most {MAX_SIDE_PX} are taken; set a shorter part, window or roll"
    )]
    TooTall {
        /// Of the tallest picture.
        rows: u64,
    },
    /// A picture would have too many pixels.
    #[error(
        "a picture of {width_px}×{rows} pixels is too large: at most {MAX_PIXELS} pixels are taken; set a shorter part, or less width or binning at the camera"
    )]
    TooManyPixels {
        /// Pixels across.
        width_px: u32,
        /// Of the tallest picture.
        rows: u64,
    },
    /// The lines are too long.
    #[error("lines of {width_px} pixels are too long: at most {MAX_SIDE_PX} are taken")]
    TooWide {
        /// Pixels across.
        width_px: u32,
    },
    /// The memory does not hold one picture.
    #[error(
        "a picture needs {needed} bytes of lines and {most_bytes} are allowed; allow more, or set a shorter part"
    )]
    TooLittleMemory {
        /// For the tallest picture.
        needed: usize,
        /// As configured.
        most_bytes: usize,
    },
    /// Lines of that format cannot be told apart.
    #[error(
        "{format} is no format of single lines; set a mono, RGB or YUV 4:2:2 format at the camera"
    )]
    Format {
        /// As given.
        format: PixelFormat,
    },
    /// A number that makes no sense.
    #[error("{what} must be {must}")]
    OutOfRange {
        /// Which setting.
        what: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

impl LineScanConfig {
    /// Refuses what cannot be kept.
    pub fn check(&self) -> Result<(), LineScanRefused> {
        let must = |is: bool, what, must| {
            is.then_some(())
                .ok_or(LineScanRefused::OutOfRange { what, must })
        };
        must(self.block_rows > 0, "block_rows", "at least 1")?;
        match self.mode {
            LineMode::Web {
                window_rows,
                overlap_rows,
            } => must(
                overlap_rows < window_rows,
                "overlap_rows",
                "less than window_rows",
            )?,
            LineMode::Page { page_rows, .. } => must(page_rows > 0, "page_rows", "at least 1")?,
            LineMode::LongPage { longest_rows, .. } => {
                must(longest_rows > 0, "longest_rows", "at least 1")?;
            }
        }
        if let Some(levels) = self.levels() {
            let begin = levels.begin_share > 0.0 && levels.begin_share <= 1.0;
            must(begin, "begin_share", "above 0 and at most 1")?;
            let end = levels.end_share > 0.0 && levels.end_share <= levels.begin_share;
            must(end, "end_share", "above 0 and at most begin_share")?;
            must(levels.contrast_levels > 0, "contrast_levels", "at least 1")?;
            must(levels.least_part_rows > 0, "least_part_rows", "at least 1")?;
            must(levels.least_gap_rows > 0, "least_gap_rows", "at least 1")?;
        }
        if let Some(aspect) = &self.aspect {
            let above_zero = |value: f64| value.is_finite() && value > 0.0;
            must(above_zero(aspect.belt_mm_per_s), "belt_mm_per_s", "above 0")?;
            must(
                above_zero(aspect.pixel_pitch_mm),
                "pixel_pitch_mm",
                "above 0",
            )?;
            must(above_zero(aspect.most_error), "most_error", "above 0")?;
        }
        let format = self.widest.format;
        if !is_of_lines(format) {
            return Err(LineScanRefused::Format { format });
        }
        self.check_size()
    }

    fn check_size(&self) -> Result<(), LineScanRefused> {
        let width_px = self.widest.width_px;
        let rows = self.tallest_rows();
        if width_px == 0 || width_px > MAX_SIDE_PX {
            return Err(LineScanRefused::TooWide { width_px });
        }
        if rows > u64::from(MAX_SIDE_PX) {
            return Err(LineScanRefused::TooTall { rows });
        }
        if rows * u64::from(width_px) > MAX_PIXELS {
            return Err(LineScanRefused::TooManyPixels { width_px, rows });
        }
        let needed = self.memory_bytes();
        if needed > self.most_bytes {
            return Err(LineScanRefused::TooLittleMemory {
                needed,
                most_bytes: self.most_bytes,
            });
        }
        Ok(())
    }

    pub(crate) fn trigger(&self) -> Option<PartTrigger> {
        match self.mode {
            LineMode::Web { .. } => None,
            LineMode::Page { trigger, .. } | LineMode::LongPage { trigger, .. } => Some(trigger),
        }
    }

    pub(crate) fn levels(&self) -> Option<PartLevels> {
        match self.trigger() {
            Some(PartTrigger::Lines(levels)) => Some(levels),
            Some(PartTrigger::External) | None => None,
        }
    }

    pub(crate) fn pre_roll_rows(&self) -> u64 {
        match self.mode {
            LineMode::Web { .. } => 0,
            LineMode::Page { pre_roll_rows, .. } | LineMode::LongPage { pre_roll_rows, .. } => {
                pre_roll_rows.into()
            }
        }
    }

    /// Rows of the tallest picture.
    fn tallest_rows(&self) -> u64 {
        match self.mode {
            LineMode::Web { window_rows, .. } => window_rows.into(),
            LineMode::Page { page_rows, .. } => self.pre_roll_rows() + u64::from(page_rows),
            LineMode::LongPage {
                longest_rows,
                post_roll_rows,
                ..
            } => self.pre_roll_rows() + u64::from(longest_rows) + u64::from(post_roll_rows),
        }
    }

    /// Rows that are kept at the most: those of the tallest picture, and those that it takes to be sure that a part is
    /// there or is past; and a run of new ones.
    pub(crate) fn ring_rows(&self) -> usize {
        let unsure = self.levels().map_or(0, |levels| {
            u64::from(levels.least_part_rows) + u64::from(levels.least_gap_rows)
        });
        let rows = self.tallest_rows() + self.pre_roll_rows() + 2 * unsure + RUN_ROWS;
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    /// Memory that lines take until they are a picture; set aside at the start.
    pub fn memory_bytes(&self) -> usize {
        let row_bytes = self.widest.row_bytes() + size_of::<u16>();
        self.ring_rows().saturating_mul(row_bytes)
    }
}

/// Rows that are taken in together, so that they are still in the cache when they are looked at.
pub(crate) const RUN_ROWS: u64 = 64;

/// True where each row stands for itself: colours neither lie in planes nor span two rows.
pub(crate) fn is_of_lines(format: PixelFormat) -> bool {
    format != PixelFormat::NV12 && format.bayer().is_none()
}
