use super::{Failure, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct SyncArguments {
    /// Try everything that waits or is parked once, then end
    #[arg(long, required = true)]
    once: bool,
}

pub(crate) async fn run(
    _: SyncArguments,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let secrets = wiring::secrets(&settings, environment);
    let installation = Installation::open(settings, secrets).await?;
    let report = installation.station.drain_once().await?;
    let left = report.analysis_waiting + report.upload_waiting + report.parked;
    output.line(
        &json!({
            "event": "synced",
            "decided": report.decided,
            "uploaded": report.uploaded,
            "analysis_waiting": report.analysis_waiting,
            "upload_waiting": report.upload_waiting,
            "parked": report.parked,
            "cloud": installation.station.has_cloud(),
        }),
        format_args!(
            "decided {}, uploaded {}; waiting for analysis {}, for upload {}; parked {}",
            report.decided,
            report.uploaded,
            report.analysis_waiting,
            report.upload_waiting,
            report.parked,
        ),
    );
    if !installation.station.has_cloud() {
        return Err(
            "no cloud is configured: set aws.s3_bucket and aws.dynamodb_table in station.toml"
                .into(),
        );
    }
    Ok(if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
