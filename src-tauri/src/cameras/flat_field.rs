//! Flat field and checkerboard: what a target before the camera tells.

use super::{Cameras, CamerasError};

impl Cameras {
    /// The scale from a checkerboard before the camera.
    pub async fn calibrate_by_board(
        &self,
        id: &str,
        columns: u32,
        rows: u32,
        square_mm: f64,
    ) -> Result<(), CamerasError> {
        let _ = (id, columns, rows, square_mm);
        Err(CamerasError::Unfit("not yet".into()))
    }
    /// The dark half.
    pub async fn take_dark(&self, id: &str) -> Result<(), CamerasError> {
        let _ = id;
        Err(CamerasError::Unfit("not yet".into()))
    }
    /// The white half.
    pub async fn take_white(&self, id: &str) -> Result<(), CamerasError> {
        let _ = id;
        Err(CamerasError::Unfit("not yet".into()))
    }
    /// Without.
    pub fn clear_flat_field(&self, id: &str) -> Result<(), CamerasError> {
        self.change(id, |entry| entry.flat_field_taken_at = None)
            .map(drop)
    }
    /// Line rate and aspect error.
    pub fn line_rate(&self, id: &str) -> Option<(f64, Option<f64>)> {
        let _ = id;
        None
    }
}
