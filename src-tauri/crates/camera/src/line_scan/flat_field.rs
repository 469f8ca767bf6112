//! The flat field of a line-scan camera, where it belongs: before anything looks for a part.
//!
//! Invariants:
//! - Lines are corrected once, as they come in; what the camera gives is corrected already.
//! - Lines that the flat field is not for stay as they came, and their pictures are unfit to be judged: a picture that is
//!   not corrected must not pass for one that is.
//! - What a flat field is made of is summed up of lines as they came, before they are corrected and whether or not there is
//!   a part among them: an empty belt gives no picture, and a white one gives one at most.
//! - Nothing is copied or summed up while nobody waits for it.

use super::assembler::CorrectLines;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::oneshot;
use wiko_core::camera::{FrameFault, PixelFormat, RawImage};
use wiko_imaging::{Average, FlatField, FlatFieldKind, FlatFieldRefused};

/// Holds the flat field that lines are corrected by. Its clones are one: it may be exchanged while lines come, and taken
/// away while a new one is taken.
#[derive(Debug, Clone, Default)]
pub struct LineFlatField(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    field: RwLock<Option<Arc<FlatField>>>,
    /// That it does not fit was logged: lines come by the thousand.
    told: AtomicBool,
    averaging: Mutex<Option<Averaging>>,
    /// There is one: asked for every run of lines, so not locked for it.
    is_averaging: AtomicBool,
}

/// An average that somebody waits for.
#[derive(Debug)]
struct Averaging {
    /// Of the lines until now; none before the first came.
    average: Option<Average>,
    rows_left: u64,
    reply: oneshot::Sender<Result<Average, FlatFieldRefused>>,
}

impl Averaging {
    /// Adds as many of these lines as are wanted still. Answers with the average once it has them all.
    fn add(
        &mut self,
        lines: &[u8],
        row_bytes: usize,
        format: PixelFormat,
    ) -> Result<Option<Average>, FlatFieldRefused> {
        let have = lines.len().checked_div(row_bytes).unwrap_or(0);
        let wanted = u32::try_from(self.rows_left).unwrap_or(u32::MAX);
        let rows = u32::try_from(have).unwrap_or(u32::MAX).min(wanted);
        if rows == 0 {
            return Ok(None);
        }
        // Wrong only where pixels share bytes, and those have no flat field.
        let width_px = (row_bytes / format.row_bytes(1)) as u32;
        let bytes = &lines[..rows as usize * row_bytes];
        let raw = RawImage::new(format, width_px, rows, row_bytes, bytes)
            .map_err(|_| FlatFieldRefused::Format(format))?;
        let mut average = match self.average.take() {
            Some(average) => average,
            None => Average::like(FlatFieldKind::Columns, &raw)?,
        };
        average.add(&raw)?;
        self.rows_left -= u64::from(rows);
        if self.rows_left == 0 {
            return Ok(Some(average));
        }
        self.average = Some(average);
        Ok(None)
    }
}

impl Held {
    fn averaging(&self) -> MutexGuard<'_, Option<Averaging>> {
        self.averaging
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sums up lines as they came, where somebody waits for that.
    fn sum_up(&self, lines: &[u8], row_bytes: usize, format: PixelFormat) {
        if !self.is_averaging.load(Ordering::Relaxed) {
            return;
        }
        let mut averaging = self.averaging();
        let wanted = averaging.take().filter(|it| !it.reply.is_closed());
        if let Some(mut wanted) = wanted {
            match wanted.add(lines, row_bytes, format).transpose() {
                Some(outcome) => drop(wanted.reply.send(outcome)),
                None => *averaging = Some(wanted),
            }
        }
        self.is_averaging
            .store(averaging.is_some(), Ordering::Relaxed);
    }
}

impl LineFlatField {
    /// By this one to begin with; lines stay as they come without any.
    pub fn new(field: Option<Arc<FlatField>>) -> Self {
        let held = Self::default();
        held.set(field);
        held
    }

    /// From the next lines on by this one, or by none.
    pub fn set(&self, field: Option<Arc<FlatField>>) {
        let mut held = self.0.field.write().unwrap_or_else(PoisonError::into_inner);
        *held = field;
        self.0.told.store(false, Ordering::Relaxed);
    }

    /// The average of the next `rows` lines, at least one, as they come and before they are corrected; or why there can be
    /// none of them, such as by their format. It waits for lines as long as none come, also where the camera is opened anew:
    /// who waits says how long. Rows that never came are none of its lines.
    ///
    /// A second call takes the place of the first, which is told nothing more.
    pub fn average(&self, rows: u64) -> oneshot::Receiver<Result<Average, FlatFieldRefused>> {
        let (reply, answer) = oneshot::channel();
        let mut averaging = self.0.averaging();
        *averaging = Some(Averaging {
            average: None,
            rows_left: rows.max(1),
            reply,
        });
        self.0.is_averaging.store(true, Ordering::Relaxed);
        answer
    }

    /// For [`super::LineAssembler::new`] and [`crate::LineScanCamera::new`].
    pub fn correct_lines(&self) -> CorrectLines {
        let held = Arc::clone(&self.0);
        Box::new(move |lines, row_bytes, format| {
            held.sum_up(lines, row_bytes, format);
            // Not locked while lines are corrected: who sets another one need not wait.
            let field = held
                .field
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()?;
            let refused = field.correct_lines(lines, row_bytes, format).err()?;
            if !held.told.swap(true, Ordering::Relaxed) {
                tracing::error!(%refused, "lines are not corrected");
            }
            Some(FrameFault::WrongSettings)
        })
    }
}
