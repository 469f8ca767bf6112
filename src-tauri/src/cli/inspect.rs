use super::{Failure, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    camera::{CameraId, CameraTag, Shot},
    event::StationEvent,
    id::InspectionId,
    inspection::Inspection,
    ports::{Clock, StoreError},
    queue::Queue,
    stage::Stage,
};
use wiko_pipeline::{Order, Station};

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArguments {
    /// Pictures: JPEG, PNG or WebP
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    part: PartArguments,
}

/// What is inspected.
#[derive(Debug, clap::Args)]
pub(crate) struct PartArguments {
    /// Which product, such as WK-KN-200
    #[arg(long, value_name = "SKU")]
    sku: String,
    /// At which stage, such as blade_glazing
    #[arg(long, value_name = "STAGE")]
    stage: String,
    /// Of which lot
    #[arg(long, value_name = "LOT")]
    lot: Option<String>,
    /// Serial number of the part
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// Wait so many seconds for a verdict; without it a part that nobody answers for is left pending
    #[arg(long, value_name = "SECONDS")]
    wait: Option<f64>,
}

impl PartArguments {
    /// The order, where product and stage are known ones.
    pub(crate) fn order(&self, settings: &Settings) -> Result<Order, Failure> {
        Ok(Order {
            product_sku: settings.skus.find(&self.sku)?.clone(),
            stage: self.stage.parse::<Stage>()?,
            lot: self.lot.clone(),
            serial: self.serial.clone(),
            operator: "cli".to_owned(),
        })
    }

    /// How long to wait for a verdict.
    pub(crate) fn wait(&self) -> Result<Option<Duration>, Failure> {
        self.wait
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|_| "--wait takes a number of seconds, zero or more".into())
    }
}

pub(crate) async fn run(
    arguments: InspectArguments,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let order = arguments.part.order(&settings)?;
    let wait = arguments.part.wait()?;
    let secrets = wiring::secrets(&settings, environment);
    let installation = Installation::open(settings, secrets).await?;
    installation.signing.settled().await;
    let station = &installation.station;
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (station, stop) = (station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let mut refused = false;
    for (number, path) in arguments.images.iter().enumerate() {
        let frame = match read(path, number as u64, &*installation.clock).await {
            Ok(frame) => frame,
            Err(reason) => {
                output.refused(&path.display().to_string(), &reason);
                refused = true;
                continue;
            }
        };
        match inspect(
            station,
            &order,
            &frame,
            wait,
            &path.display().to_string(),
            output,
        )
        .await
        {
            Ok(_) => {}
            // The next picture would meet the same disk.
            Err(error) => {
                stop.cancel();
                let _ = engine.await;
                return Err(error.into());
            }
        }
    }
    stop.cancel();
    engine.await?;
    Ok(if refused {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Takes one shot through the station and prints what becomes of it.
pub(crate) async fn inspect(
    station: &Station,
    order: &Order,
    shot: &Shot,
    wait: Option<Duration>,
    source: &str,
    output: &Output,
) -> Result<Inspection, StoreError> {
    let mut events = station.subscribe();
    let capture = station.capture(order, shot).await?;
    output.captured(&station.records().inspection(capture.id).await?, source);
    let inspection = match wait {
        Some(timeout) => station.wait_decided(capture.id, timeout).await?,
        None => {
            answered(&mut events, capture.id).await?;
            station.records().inspection(capture.id).await?
        }
    };
    output.verdict(&inspection);
    Ok(inspection)
}

/// Waits until the chain has answered for the part, or could not. A storage fault ends it: what the records show
/// then may never have reached the disk.
async fn answered(
    events: &mut tokio::sync::broadcast::Receiver<StationEvent>,
    part: InspectionId,
) -> Result<(), StoreError> {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(StationEvent::Decided { id, .. }) if id == part => return Ok(()),
            Ok(StationEvent::Delayed {
                id,
                queue: Queue::Analysis,
                ..
            }) if id == part => return Ok(()),
            Ok(StationEvent::StorageFault { error }) => return Err(error),
            Err(RecvError::Closed) => return Ok(()),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
        }
    }
}

/// Reads a picture from a file and checks it whole.
pub(crate) async fn read(path: &Path, number: u64, clock: &dyn Clock) -> Result<Shot, String> {
    let exposed_at = clock.now();
    let path = path.to_owned();
    let image = tokio::task::spawn_blocking(move || {
        let bytes: Arc<[u8]> = bounded(&path)?.into();
        wiko_imaging::inspect(bytes).map_err(|refusal| refusal.to_string())
    })
    .await
    .map_err(|error| error.to_string())??;
    Ok(Shot {
        camera: CameraTag {
            id: CameraId("file".to_owned()),
            frame_sequence: number,
            exposed_at,
            conditions: None,
        },
        image,
    })
}

/// The bytes of a regular file of bounded size. A device or a pipe may never end.
fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| error.to_string();
    let metadata = std::fs::metadata(path).map_err(said)?;
    if metadata.is_dir() {
        return Err("is a folder: name the pictures in it".to_owned());
    }
    if !metadata.is_file() {
        return Err("is no regular file: save the picture to a file and name that".to_owned());
    }
    // The file may grow while it is read.
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(said)?
        .take(wiko_imaging::MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(said)?;
    if bytes.len() as u64 > wiko_imaging::MAX_BYTES {
        let most_mib = wiko_imaging::MAX_BYTES / (1024 * 1024);
        return Err(format!("is larger than {most_mib} MiB"));
    }
    Ok(bytes)
}
