//! What was measured of inspected frames over the last days, by camera and hour.

use crate::reader::RecordsReader;
use sqlx::FromRow;
use wiko_core::{ports::StoreError, time::UnixMillis};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Drift is looked for over so many days.
const DAYS: i64 = 30;

/// The sums over one camera's inspected frames of one hour.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct QualityHour {
    /// Hours since 1970.
    pub hour: i64,
    /// Frames; at least 1.
    pub frames: i64,
    /// Sum of their focus scores.
    pub focus: f64,
    /// Sum of their mean levels.
    pub mean_level: f64,
    /// Sum of their clipped shares on the part.
    pub clipped_on_part: f64,
    /// Sum of their noise.
    pub noise: f64,
    /// Those that were unfit.
    pub unfit: i64,
}

impl RecordsReader {
    /// The sums of the hours of the last 30 days that have frames, oldest first.
    pub async fn quality_hours(
        &self,
        camera: &str,
        now: UnixMillis,
    ) -> Result<Vec<QualityHour>, StoreError> {
        sqlx::query_as(
            "SELECT hour, frames, focus, mean_level, clipped_on_part, noise, unfit
             FROM camera_hour WHERE camera = ? AND hour > ? ORDER BY hour",
        )
        .bind(camera)
        .bind(now.0 / HOUR_MS - DAYS * 24)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(&error))
    }
}
