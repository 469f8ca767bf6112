use super::{Failure, output::Output};
use crate::settings::{CameraDriver, Settings};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum CamerasCommand {
    /// List the station's cameras
    List,
}

pub(crate) async fn run(
    command: CamerasCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match command {
        CamerasCommand::List => {
            let camera = &settings.camera;
            let driver: &'static str = camera.driver.into();
            let folder = match camera.driver {
                CameraDriver::Replay => camera.folder.as_ref(),
                CameraDriver::Simulated => None,
            };
            output.line(
                &json!({
                    "event": "camera",
                    "id": camera.id,
                    "driver": driver,
                    "folder": folder.map(|folder| folder.display().to_string()),
                    "frames_per_second": camera.frames_per_second,
                }),
                format_args!(
                    "{} ({driver}, {} frames/s)",
                    camera.id, camera.frames_per_second
                ),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
