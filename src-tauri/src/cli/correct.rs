use super::{Failure, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring::{self, Installation},
};
use serde_json::json;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;
use wiko_core::{id::InspectionId, inspection::OperatorCall};

#[derive(Debug, clap::Args)]
pub(crate) struct CorrectArguments {
    /// The parts' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<InspectionId>,
}

/// Rejects parts as a person at the window does, while what waits is being sent.
pub(crate) async fn run(
    arguments: CorrectArguments,
    settings: &Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let secrets = wiring::secrets(settings, environment);
    let installation = Installation::open(settings.clone(), secrets).await?;
    let station = installation.station.clone();
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (station, stop) = (station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let mut refused = None;
    for id in arguments.ids {
        let reason = Some("made up".to_owned());
        let said = station.operator_decide(id, OperatorCall::Reject, "dev".to_owned(), reason);
        match said.await {
            Ok(_) => output.line(
                &json!({"event": "corrected", "id": id}),
                format_args!("{id} rejected"),
            ),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    stop.cancel();
    engine.await?;
    refused.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}
