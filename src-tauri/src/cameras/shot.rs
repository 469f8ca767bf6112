//! From a frame to the shot that is inspected: the file, what was measured of it, and what makes it unfit.
//!
//! Invariant: a frame with a fault becomes a part all the same, so that nothing is lost; its faults go with it, and no
//! analyzer is asked to call it good.

use super::{Cameras, Running};
use std::sync::Arc;
use wiko_core::{
    camera::{CaptureConditions, Frame, FrameFault, FramePicture, Shot},
    ports::CameraError,
};
use wiko_imaging::ImageRefused;

/// The frame as it goes to disk; pixels are encoded apart from the threads that serve.
async fn shot_of(frame: Arc<Frame>) -> Result<Shot, CameraError> {
    in_background(frame, wiko_imaging::shot_of).await
}

/// The shot of a frame of this camera, with the conditions that it was taken under.
pub async fn take_shot(
    cameras: &Cameras,
    running: &Running,
    frame: Arc<Frame>,
) -> Result<Shot, CameraError> {
    let Some(entry) = running.entry.clone() else {
        return shot_of(frame).await;
    };
    let measures = cameras.measures(&entry.id);
    let mismatched = !running.feed.mismatches().is_empty();
    // What cannot be corrected or measured becomes a part all the same, and one that is for a person.
    let told = |refused: &CameraError| tracing::error!(%refused, "a frame was not measured");
    let corrects = measures.clone();
    let even = in_background(frame.clone(), move |frame| corrects.corrected(frame)).await;
    let even = even.inspect_err(told).ok().map(Arc::new);
    let are_broken = measures.are_broken();
    // The two that take long, beside each other: a part waits for its file alone.
    let measured = async {
        let quality = in_background(even.clone()?, move |even| measures.quality_of(even)).await;
        quality.inspect_err(told).ok()
    };
    let file = shot_of(even.clone().unwrap_or_else(|| frame.clone()));
    let (quality, shot) = tokio::join!(measured, file);
    let mut shot = shot?;
    let mut faults = frame.faults.clone();
    match &quality {
        Some(quality) => faults.extend(entry.limits.faults(quality)),
        None => faults.push(FrameFault::WrongSettings),
    }
    if mismatched || are_broken {
        faults.push(FrameFault::WrongSettings);
    }
    faults.sort();
    faults.dedup();
    shot.camera.conditions = Some(Box::new(CaptureConditions {
        trigger: None,
        device: Some(entry.device),
        features: running.feed.settings(),
        pixel_format: Some(pixel_format(&frame)),
        mm_per_px: entry.calibration.map(|known| known.mm_per_px),
        plane: entry.calibration.and_then(|known| known.plane),
        quality,
        faults,
        invalid_rows: frame.invalid_rows.clone(),
    }));
    Ok(shot)
}

/// How the pixels of a frame came: a PFNC name, or the format of a file.
pub fn pixel_format(frame: &Frame) -> String {
    match &frame.picture {
        FramePicture::Encoded(image) => image.facts().format.code().to_ascii_uppercase(),
        FramePicture::Raw(raw) => raw.format().to_string(),
    }
}

pub(super) async fn in_background<T: Send + 'static>(
    frame: Arc<Frame>,
    work: impl FnOnce(&Frame) -> Result<T, ImageRefused> + Send + 'static,
) -> Result<T, CameraError> {
    let camera = frame.camera.to_string();
    let bad = |reason: String| CameraError::BadFrame {
        source_name: camera.clone(),
        reason,
    };
    match tokio::task::spawn_blocking(move || work(&frame)).await {
        Ok(done) => done.map_err(|refused| bad(refused.to_string())),
        Err(stopped) => Err(bad(stopped.to_string())),
    }
}
