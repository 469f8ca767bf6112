use super::{
    config::{LineLayout, LineScanConfig, LineScanRefused, RUN_ROWS, is_of_lines},
    level::share_of_part,
    paging::{Pager, PartSignal, PictureRows},
    presence::RowSight,
    rate::{LineRate, RateMeter},
    ring::RowRing,
};
use wiko_core::{
    camera::{BadRawImage, Frame, FrameFault, FramePicture, PixelFormat, RawImage, RowSpan},
    time::UnixMillis,
};

/// Corrects lines in place, such as by a flat field: whole lines one after the other, the bytes of each, and how its
/// pixels lie. Rows that never came are not given to it. Where it cannot, it leaves the lines as they came and answers what
/// makes them unfit; each picture that shows one of them has that fault.
pub type CorrectLines = Box<dyn Fn(&mut [u8], usize, PixelFormat) -> Option<FrameFault> + Send>;

/// Lines put together.
#[derive(Debug, Clone)]
pub struct LinePicture {
    /// The number of its first row, counted from the first that came, lost ones included.
    pub first_row: u64,
    /// When the block was exposed in which its part begins.
    pub exposed_at: UnixMillis,
    /// The picture, without padding.
    pub image: RawImage,
    /// Rows of it that never came; they are grey.
    pub invalid_rows: Vec<RowSpan>,
    /// What makes it unfit to be judged, each once.
    pub faults: Vec<FrameFault>,
    /// The line rate when it was whole.
    pub rate: Option<LineRate>,
}

/// What came and what was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineStatistics {
    /// Rows that came.
    pub rows: u64,
    /// Rows of blocks that never came, as far as can be told.
    pub rows_missing: u64,
    /// Pictures given.
    pub pictures: u64,
    /// What was too short to be a part.
    pub specks: u64,
    /// How often blocks did not follow those before them: the camera began anew, too much was lost, lines changed.
    pub breaks: u64,
}

/// A block that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockRefused {
    /// It is a file.
    #[error(
        "the camera gives whole pictures and no lines; choose a line-scan camera or leave line-scan mode"
    )]
    NoLines,
    /// Its lines lie in a way that was not configured.
    #[error(
        "the camera gives lines of {width_px} pixels in {format}, which is more than was configured; set width and format at the camera or configure it anew"
    )]
    Layout {
        /// Pixels across.
        width_px: u32,
        /// As given.
        format: PixelFormat,
    },
    /// [`LineAssembler::next_picture`] has not yet answered with none.
    #[error("lines of the block before are not yet put together")]
    Undrained,
}

/// Too much is told from outside while no lines come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the line-scan camera takes no more signals of parts; check that it is open and its belt runs"
)]
pub struct SignalRefused;

/// Puts blocks of lines together to pictures. No I/O; time comes with the blocks.
pub struct LineAssembler {
    config: LineScanConfig,
    correct: Option<CorrectLines>,
    ring: RowRing,
    pager: Pager,
    rate: RateMeter,
    pending: Option<Pending>,
    /// Rows before this one have been seen by the pager.
    seen: u64,
    last_sequence: Option<u64>,
    last_block_ms: u64,
    usual_rows: u32,
    block_exposed_at: UnixMillis,
    statistics: LineStatistics,
}

/// A block that is not yet all in the ring.
struct Pending {
    /// It does not follow the one before it: why, beside that.
    broken: Option<Option<FrameFault>>,
    missing_rows: u64,
    next_row: u32,
    raw: RawImage,
    exposed_at: UnixMillis,
    faults: Vec<FrameFault>,
    invalid_rows: Vec<RowSpan>,
}

impl LineAssembler {
    /// Takes its memory at once. `correct` is applied to every line before anything looks at it.
    pub fn new(
        config: LineScanConfig,
        correct: Option<CorrectLines>,
    ) -> Result<Self, LineScanRefused> {
        config.check()?;
        Ok(Self {
            ring: RowRing::new(config.ring_rows(), config.widest),
            pager: Pager::new(&config),
            rate: RateMeter::new(),
            pending: None,
            seen: 0,
            last_sequence: None,
            last_block_ms: 0,
            usual_rows: config.block_rows,
            block_exposed_at: UnixMillis(0),
            statistics: LineStatistics::default(),
            config,
            correct,
        })
    }

    /// The next block, come at `now_ms` by the clock that nobody can set. Its lines are taken in by
    /// [`LineAssembler::next_picture`], which is to be called until it answers with none. A refused block changes nothing.
    pub fn push(&mut self, block: Frame, now_ms: u64) -> Result<(), BlockRefused> {
        if self.pending.is_some() {
            return Err(BlockRefused::Undrained);
        }
        let FramePicture::Raw(raw) = block.picture else {
            return Err(BlockRefused::NoLines);
        };
        let (format, width_px) = (raw.format(), raw.width_px());
        let layout = LineLayout { format, width_px };
        let widest = self.config.widest;
        let fits = is_of_lines(format)
            && width_px <= widest.width_px
            && layout.row_bytes() <= widest.row_bytes();
        if !fits {
            return Err(BlockRefused::Layout { width_px, format });
        }
        let height = raw.height_px();
        let changed = layout != self.ring.layout() && self.last_sequence.is_some();
        let mut broken = changed.then_some(None);
        let mut missing_rows = 0;
        if let Some(last) = self.last_sequence {
            match block.sequence.checked_sub(last).filter(|ahead| *ahead > 0) {
                // The camera began anew.
                None => broken = Some(None),
                Some(ahead) => {
                    let rows = u64::from(self.usual_rows.max(height));
                    let missing = (ahead - 1).saturating_mul(rows);
                    self.statistics.rows_missing += missing;
                    if missing > 0 && (changed || missing > self.ring.rows() as u64) {
                        broken = Some(Some(FrameFault::MissingRows));
                    } else {
                        missing_rows = missing;
                    }
                }
            }
        } else {
            self.ring.set_layout(layout);
            self.block_exposed_at = block.exposed_at;
        }
        if broken.is_some() {
            self.usual_rows = self.config.block_rows;
        }
        self.usual_rows = self.usual_rows.max(height);
        self.last_sequence = Some(block.sequence);
        self.last_block_ms = now_ms;
        self.pending = Some(Pending {
            broken,
            missing_rows,
            next_row: 0,
            raw,
            exposed_at: block.exposed_at,
            faults: block.faults,
            invalid_rows: block.invalid_rows,
        });
        Ok(())
    }

    /// The next picture of the lines that have come. None where more have to come first.
    pub fn next_picture(&mut self) -> Result<Option<LinePicture>, BadRawImage> {
        loop {
            let settled = self.pager.settle(self.seen, self.block_exposed_at);
            let closed = if settled.is_some() {
                settled
            } else if self.seen < self.ring.head() {
                self.see()
            } else {
                match self.take_in() {
                    Intake::Rows => None,
                    Intake::Break(fault) => self.break_off(fault),
                    Intake::Nothing => return Ok(None),
                }
            };
            if let Some(closed) = closed {
                return self.picture(closed).map(Some);
            }
        }
    }

    /// Something is told from outside; it takes effect with the next row that comes in.
    pub fn tell(&mut self, signal: PartSignal) -> Result<(), SignalRefused> {
        let taken = self.pager.tell(signal, self.seen);
        taken.then_some(()).ok_or(SignalRefused)
    }

    /// No block has come until now, by the clock that nobody can set. Gives what there is of a part where the belt has
    /// stood for too long.
    pub fn stand(&mut self, now_ms: u64) -> Result<Option<LinePicture>, BadRawImage> {
        if now_ms.saturating_sub(self.last_block_ms) < self.config.longest_stand_ms {
            return Ok(None);
        }
        let closed = self.pager.stand(self.seen, self.block_exposed_at);
        closed.map(|closed| self.picture(closed)).transpose()
    }

    /// No more blocks will come. Gives what there is; to be called until there is none.
    pub fn finish(&mut self) -> Result<Option<LinePicture>, BadRawImage> {
        let closed = self.pager.break_off(self.seen, self.block_exposed_at, None);
        closed.map(|closed| self.picture(closed)).transpose()
    }

    /// The line rate over the last blocks; none before it can be told.
    pub fn line_rate(&self) -> Option<LineRate> {
        self.rate.rate(self.config.aspect.as_ref())
    }

    /// What came and what was lost.
    pub fn statistics(&self) -> LineStatistics {
        LineStatistics {
            specks: self.pager.specks(),
            ..self.statistics
        }
    }

    /// Memory that it takes, whatever comes; the pending block and the pictures given are others'.
    pub fn memory_bytes(&self) -> usize {
        self.ring.memory_bytes()
    }

    /// Looks at the next row.
    fn see(&mut self) -> Option<PictureRows> {
        let row = self.seen;
        let bytes = self.ring.row(row);
        if bytes.is_some() && self.pager.has_signals() {
            return self.pager.heed(row, self.block_exposed_at);
        }
        let sight = match (bytes, self.config.levels()) {
            (Some(bytes), Some(levels)) => {
                RowSight::Share(share_of_part(bytes, self.ring.layout(), &levels))
            }
            _ => RowSight::Unknown,
        };
        self.seen += 1;
        self.pager.step(row, sight, self.block_exposed_at)
    }

    /// Takes some of the pending block's rows into the ring, all rows there being seen.
    fn take_in(&mut self) -> Intake {
        let Some(pending) = &mut self.pending else {
            return Intake::Nothing;
        };
        if let Some(fault) = pending.broken.take() {
            return Intake::Break(fault);
        }
        let head = self.ring.head();
        let kept = head - self.pager.kept_from(head);
        let free = (self.ring.rows() as u64).saturating_sub(kept);
        if free == 0 {
            // The ring is made to hold whatever is kept; should it not, nothing is overwritten.
            return Intake::Break(None);
        }
        if pending.missing_rows > 0 {
            pending.missing_rows -= 1;
            self.ring.advance(1, &[]);
            self.ring.invalidate(head);
            return Intake::Rows;
        }
        let height = pending.raw.height_px();
        if pending.next_row == 0 {
            let (format, width_px) = (pending.raw.format(), pending.raw.width_px());
            let layout = LineLayout { format, width_px };
            if layout != self.ring.layout() {
                self.ring.set_layout(layout);
            }
            self.block_exposed_at = pending.exposed_at;
            self.rate.note(pending.exposed_at, head);
        }
        let left = u64::from(height - pending.next_row);
        let most = left.min(free).min(RUN_ROWS) as usize;
        let (rows, fault) = pending.copy_into(self.ring.next_rows(most), self.correct.as_ref());
        // The rest of the block is no better.
        if let Some(fault) = fault.filter(|fault| !pending.faults.contains(fault)) {
            pending.faults.push(fault);
        }
        self.ring.advance(rows, &pending.faults);
        for row in pending.invalid_among(rows) {
            self.ring.invalidate(head + row);
        }
        self.statistics.rows += rows as u64;
        pending.next_row += rows as u32;
        if pending.next_row == height {
            self.pending = None;
        }
        Intake::Rows
    }

    /// Ends what there is: the pending block does not follow the one before it.
    fn break_off(&mut self, fault: Option<FrameFault>) -> Option<PictureRows> {
        let (next, exposed_at) = (self.seen, self.block_exposed_at);
        let closed = self.pager.break_off(next, exposed_at, fault);
        match &mut self.pending {
            // There may be another.
            Some(pending) if closed.is_some() => pending.broken = Some(fault),
            _ => {
                self.statistics.breaks += 1;
                self.rate.clear();
            }
        }
        closed
    }

    fn picture(&mut self, closed: PictureRows) -> Result<LinePicture, BadRawImage> {
        let PictureRows { from, until, .. } = closed;
        let LineLayout { format, width_px } = self.ring.layout();
        let (invalid_rows, block_faults) = self.ring.marks(from, until);
        let mut faults = closed.faults;
        faults.extend(block_faults);
        if !invalid_rows.is_empty() {
            faults.push(FrameFault::MissingRows);
        }
        let rate = self.line_rate();
        if let Some(aspect) = &self.config.aspect {
            let error = rate.and_then(|rate| rate.aspect_error);
            // What cannot be measured is not known to fit.
            if error.is_none_or(|error| error.abs() > aspect.most_error) {
                faults.push(FrameFault::WrongAspect);
            }
        }
        faults.sort();
        faults.dedup();
        let (bytes, rows) = (self.ring.copy(from, until), (until - from) as u32);
        let stride_bytes = format.row_bytes(width_px);
        let image = RawImage::new(format, width_px, rows, stride_bytes, bytes)?;
        self.statistics.pictures += 1;
        Ok(LinePicture {
            first_row: from,
            exposed_at: closed.exposed_at,
            image,
            invalid_rows,
            faults,
            rate,
        })
    }
}

/// What came of taking rows in.
enum Intake {
    /// There is more to be seen, or to be taken in.
    Rows,
    /// What comes next does not follow what came before: why, beside that.
    Break(Option<FrameFault>),
    /// The block is all in the ring.
    Nothing,
}

impl Pending {
    /// Copies the next rows, as many as there is room for, and corrects them. Answers how many, and what makes them unfit
    /// where they could not be corrected.
    fn copy_into(
        &self,
        room: &mut [u8],
        correct: Option<&CorrectLines>,
    ) -> (usize, Option<FrameFault>) {
        let row_bytes = self.raw.format().row_bytes(self.raw.width_px());
        let stride_bytes = self.raw.stride_bytes();
        let bytes = &self.raw.bytes()[self.next_row as usize * stride_bytes..];
        if stride_bytes == row_bytes {
            room.copy_from_slice(&bytes[..room.len()]);
        } else {
            let rows = room.chunks_exact_mut(row_bytes);
            for (row, line) in rows.zip(bytes.chunks(stride_bytes)) {
                row.copy_from_slice(&line[..row_bytes]);
            }
        }
        let rows = room.len() / row_bytes;
        let fault = correct.and_then(|correct| {
            let correct = |lines: &mut [u8]| correct(lines, row_bytes, self.raw.format());
            if self.invalid_rows.is_empty() {
                return correct(room);
            }
            // Seldom: each row that came by itself.
            let mut lines: Vec<Option<&mut [u8]>> =
                room.chunks_exact_mut(row_bytes).map(Some).collect();
            for row in self.invalid_among(rows) {
                lines[row as usize] = None;
            }
            let faults = lines.into_iter().flatten().map(correct);
            faults.fold(None, Option::or)
        });
        (rows, fault)
    }

    /// Which of the next rows the camera itself says never came, counted from the first of them.
    fn invalid_among(&self, rows: usize) -> impl Iterator<Item = u64> + use<> {
        let (from, until) = (self.next_row, self.next_row + rows as u32);
        let spans = self.invalid_rows.clone();
        spans.into_iter().flat_map(move |span| {
            let (first, end) = (span.from.max(from), span.until.min(until));
            (first..end).map(move |row| u64::from(row - from))
        })
    }
}
