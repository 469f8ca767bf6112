//! The camera of the station, as its settings name it.

use crate::settings::{CameraDriver, CameraFile, Settings};
use std::sync::Arc;
use wiko_camera::{
    CameraFeed, Pacing, ReplayCamera, ReplaySource, SimulatedCamera, SimulatedCameraConfig,
};
use wiko_core::{
    UnknownCode,
    camera::{CameraId, Frame, Shot},
    ports::{Camera, CameraError, Clock, Entropy},
};
use wiko_pipeline::Order;

/// Whether the station has a camera of that id.
pub fn known(camera: &CameraFile, given: &str) -> Result<(), UnknownCode> {
    if camera.id == given {
        return Ok(());
    }
    Err(UnknownCode {
        what: "camera",
        given: given.to_owned(),
        known: camera.id.clone(),
    })
}

/// Opens the camera on a thread of its own. The simulated one shows the parts of `order`.
pub fn open(
    settings: &Settings,
    order: &Order,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<CameraFeed, CameraError> {
    let (file, order) = (settings.camera.clone(), order.clone());
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        match file.driver {
            CameraDriver::Simulated => {
                let config = simulated(&file, &order);
                Ok(Box::new(SimulatedCamera::open(config, clock.clone())?))
            }
            CameraDriver::Replay => {
                let folder = file
                    .folder
                    .clone()
                    .ok_or_else(|| CameraError::failed("set camera.folder in station.toml"))?;
                Ok(Box::new(ReplayCamera::open(
                    CameraId(file.id.clone()),
                    ReplaySource::Folder(folder),
                    file.looping,
                    Pacing::Fps(file.frames_per_second),
                    clock.clone(),
                )?))
            }
        }
    };
    CameraFeed::spawn(Box::new(open), entropy)
}

/// The frame as it goes to disk; pixels are encoded apart from the threads that serve.
pub async fn shot_of(frame: Arc<Frame>) -> Result<Shot, CameraError> {
    let camera = frame.camera.to_string();
    let bad = |reason: String| CameraError::BadFrame {
        source_name: camera.clone(),
        reason,
    };
    match tokio::task::spawn_blocking(move || wiko_imaging::shot_of(&frame)).await {
        Ok(shot) => shot.map_err(|refused| bad(refused.to_string())),
        Err(stopped) => Err(bad(stopped.to_string())),
    }
}

/// The simulated line as the settings want it.
pub fn simulated(file: &CameraFile, order: &Order) -> SimulatedCameraConfig {
    SimulatedCameraConfig {
        id: CameraId(file.id.clone()),
        defect_rate: file.defect_rate as f32,
        pacing: Pacing::Fps(file.frames_per_second),
        ..SimulatedCameraConfig::demo(order.product_sku.clone(), order.stage, file.seed)
    }
}
