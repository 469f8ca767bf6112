use super::{Failure, output::Output};
use crate::{
    circuits,
    clock::local,
    doctor,
    settings::{Environment, Settings},
    wiring,
};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use wiko_core::queue::{Queue, QueueDepth};

pub(crate) async fn run(
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let zone = settings.shifts.zone();
    let mut queues = Map::new();
    let mut lines = Vec::new();
    if let Some(records) = wiring::open_reader(&settings).await? {
        for queue in Queue::ALL {
            let depth = records.depth(*queue).await?;
            lines.push(format!(
                "{queue}: {} waiting, {} parked{}",
                depth.waiting,
                depth.parked,
                depth.oldest_captured_at.map_or(String::new(), |at| format!(
                    ", oldest of {}",
                    local(at, zone)
                )),
            ));
            queues.insert(queue.code().to_owned(), queue_json(&depth));
        }
    } else {
        lines.push("nothing captured yet".to_owned());
    }
    let held = circuits::of_running(&settings);
    lines.extend(held.iter().map(|circuit| circuits::line(circuit, zone)));
    let checks = doctor::examine(&settings, wiring::secrets(&settings, environment)).await;
    let mut parts = Map::new();
    for check in &checks {
        lines.push(format!(
            "{}: {} {}",
            check.check,
            doctor::word(check.state),
            check.seen
        ));
        parts.insert(
            check.check.clone(),
            json!({"state": check.state, "seen": check.seen, "remedy": check.remedy}),
        );
    }
    output.line(
        &json!({
            "event": "status",
            "version": env!("CARGO_PKG_VERSION"),
            "station": settings.station,
            "facility": settings.facility,
            "data_dir": settings.data_dir.display().to_string(),
            "credentials_from": match settings.credentials {
                crate::settings::CredentialsSource::Keyring => "keyring",
                crate::settings::CredentialsSource::Environment => "environment",
            },
            "queues": Value::Object(queues),
            "circuits": held.iter().map(circuits::json).collect::<Vec<_>>(),
            "checks": Value::Object(parts),
        }),
        lines.join("\n"),
    );
    Ok(ExitCode::SUCCESS)
}

fn queue_json(depth: &QueueDepth) -> Value {
    json!({
        "waiting": depth.waiting,
        "parked": depth.parked,
        "oldest_captured_at": depth.oldest_captured_at.map(|at| at.iso8601()),
    })
}
