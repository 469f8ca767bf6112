//! The demo without a display: parts of the simulated camera are inspected, each verdict is printed,
//! and the pictures with their boxes are written.

use super::{Failure, inspect::inspect, output::Output};
use crate::{
    demo_screen,
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use serde_json::json;
use std::{process::ExitCode, time::Duration};
use tokio_util::sync::CancellationToken;
use wiko_camera::render_part;
use wiko_core::{
    camera::{CameraId, CameraTag, Shot},
    defect::DefectType,
    image::EncodedImage,
    inspection::Inspection,
};
use wiko_pipeline::Order;

/// How long a part may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let _log = crate::log::start(&settings.data_dir)?;
    let secrets = wiring::secrets(&settings, environment);
    let installation = Installation::open(settings, secrets).await?;
    installation.signing.settled().await;
    let settings = &installation.settings;
    let order = Order {
        product_sku: settings.order.product_sku.clone(),
        stage: settings.order.stage,
        lot: Some("DEMO".to_owned()),
        serial: None,
        operator: "demo".to_owned(),
    };
    demo_screen::teach(&installation.models, settings, &order).await?;
    let pictures = settings.data_dir.join("demo");
    tokio::fs::create_dir_all(&pictures).await?;
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (station, stop) = (installation.station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    // Good parts and bad ones, so that a newcomer sees both.
    let parts = [
        None,
        Some(DefectType::BladeScratch),
        None,
        Some(DefectType::RustSpot),
        Some(DefectType::BladeChip),
        None,
    ];
    for (number, defect) in parts.into_iter().enumerate() {
        let seed = settings.camera.seed + number as u64;
        let (sku, stage) = (order.product_sku.clone(), order.stage);
        let image = tokio::task::spawn_blocking(move || -> Result<EncodedImage, Failure> {
            let (picture, _) = render_part(&sku, stage, seed, defect);
            let jpeg = wiko_imaging::encode_jpeg(&picture, 92)?;
            Ok(wiko_imaging::inspect_trusted(jpeg)?)
        })
        .await??;
        let shot = Shot {
            camera: CameraTag {
                id: CameraId("simulated".to_owned()),
                frame_sequence: number as u64,
                exposed_at: installation.clock.now(),
                conditions: None,
            },
            image,
        };
        let station = &installation.station;
        let source = format!("demo part {}", number + 1);
        let inspection = inspect(station, &order, &shot, Some(PATIENCE), &source, output).await?;
        let path = pictures.join(format!("{}.jpg", inspection.capture.id));
        tokio::fs::write(&path, annotated(shot.image, inspection).await?).await?;
        output.line(
            &json!({"event": "annotated", "picture": path.display().to_string()}),
            format_args!("  {}", path.display()),
        );
    }
    stop.cancel();
    engine.await?;
    Ok(ExitCode::SUCCESS)
}

/// The picture with its verdict and boxes, as JPEG.
async fn annotated(image: EncodedImage, inspection: Inspection) -> Result<Vec<u8>, Failure> {
    tokio::task::spawn_blocking(move || -> Result<Vec<u8>, Failure> {
        let mut picture = wiko_imaging::decode_rgb(&image)?;
        if let Some(analysis) = inspection.analysis() {
            wiko_imaging::annotate(&mut picture, &analysis.findings);
        }
        wiko_imaging::annotate_verdict(&mut picture, inspection.verdict());
        Ok(wiko_imaging::encode_jpeg(&picture, 90)?)
    })
    .await?
}
