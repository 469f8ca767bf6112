//! What is amiss with cameras that give frames all the same, so that somebody looks before it matters.

use super::Cameras;
use crate::dto::{CameraWarningDto, CameraWarningKind, FlatFieldDto, QualityHistoryDto};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use wiko_core::camera::StreamStatistics;
use wiko_store::SqliteRecords;

/// More of the frames lost than this are more than a knock at a cable.
const LOST_SHARE: f64 = 0.001;

/// Days go by slowly.
const DRIFT_EVERY: Duration = Duration::from_secs(60 * 60);

impl Cameras {
    /// All warnings, camera by camera.
    pub fn warnings(&self) -> Vec<CameraWarningDto> {
        let now = self.clock.now();
        let drifted = self.drifted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut warnings = Vec::new();
        for entry in self.entries() {
            let Some(running) = self.running(&entry.id) else {
                continue;
            };
            let flat_field = FlatFieldDto::of(&entry, now);
            let kinds = [
                (
                    CameraWarningKind::FramesLost,
                    loses_frames(running.feed.statistics()),
                ),
                (
                    CameraWarningKind::SettingsRefused,
                    !running.feed.mismatches().is_empty(),
                ),
                (
                    CameraWarningKind::FlatFieldStale,
                    flat_field.is_some_and(|it| it.stale),
                ),
                (CameraWarningKind::Drift, drifted.contains(&entry.id)),
            ];
            let amiss = kinds.into_iter().filter(|(_, is_so)| *is_so);
            warnings.extend(amiss.map(|(kind, _)| CameraWarningDto {
                camera: entry.id.clone(),
                kind,
            }));
        }
        warnings
    }
}

fn loses_frames(statistics: StreamStatistics) -> bool {
    let lost = statistics.frames_lost + statistics.underruns;
    let all = statistics.frames + lost;
    all > 0 && lost as f64 / all as f64 > LOST_SHARE
}

/// Looks each hour which cameras' pictures have changed over the days, until the process ends.
pub async fn keep_drift(cameras: Arc<Cameras>, records: Arc<SqliteRecords>) {
    let mut ticks = tokio::time::interval(DRIFT_EVERY);
    loop {
        ticks.tick().await;
        for entry in cameras.entries() {
            let now = cameras.clock.now();
            let hours = match records.reader().quality_hours(&entry.id, now).await {
                Ok(hours) => hours,
                Err(error) => {
                    tracing::warn!(%error, camera = entry.id, "its quality over the days cannot be read");
                    continue;
                }
            };
            let has_drifted = !QualityHistoryDto::of(&hours).warnings.is_empty();
            let mut drifted = cameras
                .drifted
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if has_drifted {
                drifted.insert(entry.id);
            } else {
                drifted.remove(&entry.id);
            }
        }
    }
}
