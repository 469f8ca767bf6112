use super::{Failure, output::Output};
use crate::{
    circuits,
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
    let has_cloud = installation.station.has_cloud();
    let mut lines = vec![format!(
        "decided {}, uploaded {}; waiting for analysis {}, for upload {}; parked {}",
        report.decided,
        report.uploaded,
        report.analysis_waiting,
        report.upload_waiting,
        report.parked(),
    )];
    lines.extend(report.held.iter().map(circuits::line));
    if !has_cloud {
        lines.push(
            "nothing is sent: no cloud is configured. To upload, set aws.s3_bucket and \
             aws.dynamodb_table in station.toml"
                .to_owned(),
        );
    }
    output.line(
        &json!({
            "event": "synced",
            "decided": report.decided,
            "uploaded": report.uploaded,
            "analysis_waiting": report.analysis_waiting,
            "upload_waiting": report.upload_waiting,
            "parked": report.parked(),
            "cloud": has_cloud,
            "held": report.held.iter().map(circuits::json).collect::<Vec<_>>(),
        }),
        lines.join("\n"),
    );
    // Without a cloud nothing waits for one.
    let uploads_left = match has_cloud {
        true => report.upload_waiting + report.upload_parked,
        false => 0,
    };
    let left = report.analysis_waiting + report.analysis_parked + uploads_left;
    Ok(if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
