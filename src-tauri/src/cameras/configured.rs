//! The camera of `station.toml`: simulated or replayed.

use crate::settings::{CameraDriver, CameraFile, Settings};
use std::sync::Arc;
use wiko_camera::{
    CameraFeed, Pacing, ReplayCamera, ReplaySource, SimulatedCamera, SimulatedCameraConfig,
};
use wiko_core::{
    UnknownCode,
    camera::CameraId,
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

/// The simulated line as the settings want it.
pub fn simulated(file: &CameraFile, order: &Order) -> SimulatedCameraConfig {
    SimulatedCameraConfig {
        id: CameraId(file.id.clone()),
        defect_rate: file.defect_rate as f32,
        pacing: Pacing::Fps(file.frames_per_second),
        ..SimulatedCameraConfig::demo(order.product_sku.clone(), order.stage, file.seed)
    }
}
