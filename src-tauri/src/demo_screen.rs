//! The demo's parts: teaches the local screen from good parts of the simulated line, so that the demo has
//! verdicts without an account.

use crate::{cameras::configured, clock::SystemClock, settings::Settings};
use image::GrayImage;
use std::{sync::Arc, time::Duration};
use wiko_analyzer::screen::{ModelFault, ScreenModels, learn};
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

/// Teaches the parts of `order` where they are not known yet, or no longer readable. True where something was learnt.
pub async fn teach(
    models: &Arc<ScreenModels>,
    settings: &Arc<Settings>,
    order: &Order,
) -> Result<bool, Failure> {
    let (models, settings, order) = (models.clone(), settings.clone(), order.clone());
    tokio::task::spawn_blocking(move || {
        match models.get(&order.product_sku, order.stage) {
            Ok(Some(_)) => return Ok(false),
            // What an older version of the demo taught is taught again.
            Ok(None) | Err(ModelFault::Unreadable { .. }) => {}
            Err(fault @ ModelFault::Disk { .. }) => return Err(fault.into()),
        }
        let pictures = good_parts(&settings, &order)?;
        models.save(&learn(order.product_sku, order.stage, pictures)?)?;
        Ok(true)
    })
    .await?
}

/// Good parts as the camera gives them, noise of the sensor and JPEG included.
fn good_parts(settings: &Settings, order: &Order) -> Result<Vec<GrayImage>, Failure> {
    let shown = configured::simulated(&settings.camera, order);
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
            pictures.push(wiko_imaging::decode_luma(
                &wiko_imaging::shot_of(&shown)?.image,
            )?);
        }
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;
    use wiko_core::stage::Stage;

    #[tokio::test]
    async fn a_model_that_this_version_cannot_read_is_taught_again() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), true, &Environment::default()).unwrap();
        let order = Order {
            product_sku: settings.order.product_sku.clone(),
            stage: Stage::BladeGlazing,
            lot: None,
            serial: None,
            operator: String::new(),
        };
        let (models, settings) = (Arc::new(ScreenModels::open(dir.path())), Arc::new(settings));
        let path = models.path(&order.product_sku, order.stage);
        std::fs::write(&path, "WIKO-SCREEN 1\n{}\n").unwrap();

        assert!(teach(&models, &settings, &order).await.unwrap());

        assert!(
            models
                .get(&order.product_sku, order.stage)
                .unwrap()
                .is_some()
        );
        assert!(!teach(&models, &settings, &order).await.unwrap());
    }
}
