use super::{Failure, output::Output};
use crate::{
    circuits,
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    circuit::CircuitReport,
    ports::StoreError,
    queue::{Listed, Queue},
};
use wiko_pipeline::DrainReport;
use wiko_store::RecordsReader;

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
    let zone = installation.settings.shifts.zone();
    let mut lines = vec![match has_cloud {
        true => format!(
            "decided {}, uploaded {}; waiting for analysis {}, for upload {}; parked {}",
            report.decided,
            report.uploaded,
            report.analysis_waiting,
            report.upload_waiting,
            report.parked(),
        ),
        false => format!(
            "decided {}; waiting for analysis {}; parked {}",
            report.decided, report.analysis_waiting, report.analysis_parked,
        ),
    }];
    let held = report.held.iter();
    lines.extend(held.map(|circuit| circuits::line(circuit, zone)));
    if !has_cloud {
        lines.push(format!(
            "nothing is sent: no cloud is configured (decided parts kept here: {}). To upload, set \
             aws.s3_bucket and aws.dynamodb_table in station.toml",
            report.upload_waiting + report.upload_parked,
        ));
    }
    let reader = installation.records.reader();
    let left = left(reader, &report, has_cloud).await?;
    output.line(
        &json!({
            "event": "synced",
            "decided": report.decided,
            "uploaded": report.uploaded,
            "analysis_waiting": report.analysis_waiting,
            "upload_waiting": report.upload_waiting,
            "parked": report.parked(),
            "cloud": has_cloud,
            "left": left,
            "held": report.held.iter().map(circuits::json).collect::<Vec<_>>(),
        }),
        lines.join("\n"),
    );
    let Some(left) = left else {
        return Ok(ExitCode::SUCCESS);
    };
    output.warn(&left);
    Ok(ExitCode::from(1))
}

/// What is left on the queues and why, in a sentence; none where nothing is. Without a cloud nothing waits for one.
async fn left(
    reader: &RecordsReader,
    report: &DrainReport,
    has_cloud: bool,
) -> Result<Option<String>, StoreError> {
    let mut told = vec![];
    for (queue, waiting, parked) in [
        (
            Queue::Analysis,
            report.analysis_waiting,
            report.analysis_parked,
        ),
        (Queue::Upload, report.upload_waiting, report.upload_parked),
    ] {
        if waiting + parked == 0 || (queue == Queue::Upload && !has_cloud) {
            continue;
        }
        // Of a hundred thousand one is enough to say why.
        let reason = async |listed| {
            let first = reader.queued(Some(queue), listed, 1).await?.parts.pop();
            Ok::<_, StoreError>(first.and_then(|part| Some(part.hindrance?.reason)))
        };
        if waiting > 0 {
            let held = report.held.iter().find(|held| holds(held, queue));
            let why = match held {
                Some(held) => Some(held.reason.clone()),
                None => reason(Listed::Delayed).await?,
            };
            told.push(sentence(waiting, "waiting", queue, why.as_deref()));
        }
        if parked > 0 {
            let why = reason(Listed::Parked).await?;
            told.push(sentence(parked, "parked", queue, why.as_deref()));
        }
    }
    if told.is_empty() {
        return Ok(None);
    }
    told.push("all with their reasons: wiko-station queue list".to_owned());
    Ok(Some(told.join("; ")))
}

/// True where the parts of that queue wait for this service.
fn holds(held: &CircuitReport, queue: Queue) -> bool {
    use wiko_core::service::Service;
    match held.service {
        Service::Bedrock | Service::Azure => queue == Queue::Analysis,
        Service::S3 | Service::Dynamodb => queue == Queue::Upload,
    }
}

fn sentence(parts: u64, state: &str, queue: Queue, why: Option<&str>) -> String {
    let parts = match parts {
        1 => "1 part is".to_owned(),
        parts => format!("{parts} parts are"),
    };
    let why = why.unwrap_or("no reason is noted");
    format!("{parts} {state} for {queue}: {why}")
}
