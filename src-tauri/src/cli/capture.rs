use super::{
    Failure,
    cameras::{named, streaming},
    inspect::{PartArguments, inspect},
    output::Output,
};
use crate::{
    cameras::{self, Cameras},
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use std::{process::ExitCode, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long a camera may take for its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(crate) struct CaptureArguments {
    /// Id of the camera
    #[arg(long, value_name = "ID")]
    camera: String,
    #[command(flatten)]
    part: PartArguments,
}

pub(crate) async fn run(
    arguments: CaptureArguments,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let order = arguments.part.order(&settings)?;
    let wait = arguments.part.wait()?;
    let secrets = wiring::secrets(&settings, environment);
    let installation = Installation::open(settings, secrets).await?;
    installation.signing.settled().await;
    let cameras = Cameras::load(
        installation.settings.clone(),
        installation.clock.clone(),
        installation.entropy.clone(),
    )?;
    let camera = named(&installation.settings, &cameras, &arguments.camera, &order)?;
    streaming(&camera.feed).await?;
    let triggered_at = installation.clock.now();
    let frame = camera.feed.frame_after(triggered_at, FIRST_FRAME).await?;
    let shot = cameras::take_shot(&cameras, &camera, frame).await?;
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (station, stop) = (installation.station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let inspected = inspect(
        &installation.station,
        &order,
        &shot,
        wait,
        &arguments.camera,
        output,
    )
    .await;
    stop.cancel();
    engine.await?;
    inspected?;
    Ok(ExitCode::SUCCESS)
}
