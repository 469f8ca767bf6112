//! The demo's parts: teaches the local screen from good parts of the simulated line, so that the demo has
//! verdicts without an account.

use crate::{camera, clock::SystemClock, settings::Settings};
use image::GrayImage;
use std::{sync::Arc, time::Duration};
use wiko_analyzer::screen::{ScreenModels, learn};
use wiko_camera::{Pacing, SimulatedCamera, SimulatedCameraConfig};
use wiko_core::ports::Camera;
use wiko_pipeline::Order;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Good parts that it learns from.
const PARTS: usize = 12;

/// Frames until a part has moved in and lies still.
const FRAMES_A_PART: usize = 12;

/// The parts it learns from are not those that the camera shows.
const OTHER_PARTS: u64 = 1 << 40;

/// Teaches the parts of `order` where they are not known yet. True where something was learnt.
pub async fn teach(
    models: &Arc<ScreenModels>,
    settings: &Arc<Settings>,
    order: &Order,
) -> Result<bool, Failure> {
    let (models, settings, order) = (models.clone(), settings.clone(), order.clone());
    tokio::task::spawn_blocking(move || {
        if models.get(&order.product_sku, order.stage)?.is_some() {
            return Ok(false);
        }
        let pictures = good_parts(&settings, &order)?;
        models.save(&learn(order.product_sku, order.stage, pictures)?)?;
        Ok(true)
    })
    .await?
}

/// Good parts as the camera gives them, noise of the sensor and JPEG included.
fn good_parts(settings: &Settings, order: &Order) -> Result<Vec<GrayImage>, Failure> {
    let shown = camera::simulated(&settings.camera, order);
    let config = SimulatedCameraConfig {
        defect_rate: 0.0,
        seed: shown.seed + OTHER_PARTS,
        part_period: FRAMES_A_PART as u64,
        pacing: Pacing::AsFastAsAsked,
        ..shown
    };
    let mut camera = SimulatedCamera::open(config, Arc::new(SystemClock))?;
    let mut pictures = Vec::with_capacity(PARTS);
    for frame in 1..=PARTS * FRAMES_A_PART {
        let shown = camera.next_frame(Duration::from_secs(10))?;
        if frame % FRAMES_A_PART == 0 {
            pictures.push(wiko_imaging::decode_luma(&shown.image)?);
        }
    }
    Ok(pictures)
}
