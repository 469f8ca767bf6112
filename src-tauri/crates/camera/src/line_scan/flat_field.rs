//! The flat field of a line-scan camera, where it belongs: before anything looks for a part.
//!
//! Invariants:
//! - Lines are corrected once, as they come in; what the camera gives is corrected already.
//! - Lines that the flat field is not for stay as they came, and their pictures are unfit to be judged: a picture that is
//!   not corrected must not pass for one that is.

use super::assembler::CorrectLines;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};
use wiko_core::camera::FrameFault;
use wiko_imaging::FlatField;

/// Holds the flat field that lines are corrected by. Its clones are one: it may be exchanged while lines come, and taken
/// away while a new one is taken.
#[derive(Debug, Clone, Default)]
pub struct LineFlatField(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    field: RwLock<Option<Arc<FlatField>>>,
    /// That it does not fit was logged: lines come by the thousand.
    told: AtomicBool,
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

    /// For [`super::LineAssembler::new`] and [`crate::LineScanCamera::new`].
    pub fn correct_lines(&self) -> CorrectLines {
        let held = Arc::clone(&self.0);
        Box::new(move |lines, row_bytes, format| {
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
