use super::{Failure, output::Output};
use crate::{
    clock::local,
    settings::{Environment, Settings},
    wiring::{self, Installation, WiringError},
};
use jiff::tz::TimeZone;
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    containment::ContainedPart,
    id::InspectionId,
    ports::StoreError,
    text::plain,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ContainmentCommand {
    /// List the parts that nobody has seen to, the oldest first
    List {
        /// Those that were seen to, the newest first
        #[arg(long)]
        acknowledged: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Note that parts were seen to
    Acknowledge {
        /// The parts' ids
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// Who has seen to them
        #[arg(long, value_name = "OPERATOR")]
        by: String,
        /// What became of them, such as "found and scrapped"
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

impl ContainmentCommand {
    /// True where it changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List { .. })
    }
}

pub(crate) async fn run(
    command: ContainmentCommand,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match command {
        ContainmentCommand::List {
            acknowledged,
            limit,
        } => list(acknowledged, limit, &settings, output).await,
        ContainmentCommand::Acknowledge { ids, by, note } => {
            let ids: Result<Vec<InspectionId>, _> = ids.iter().map(|id| id.parse()).collect();
            let (by, note) = (plain(by.trim()), plain(note.trim()));
            if by.is_empty() || note.is_empty() {
                return Err("--by and --note must say something".into());
            }
            acknowledge(&ids?, &by, &note, settings, environment, output).await
        }
    }
}

async fn list(
    acknowledged: bool,
    limit: u32,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let list = match wiring::open_reader(settings).await? {
        Some(records) => records.contained(acknowledged, limit).await?,
        None => Default::default(),
    };
    for part in &list.parts {
        output.line(&json_of(part), text_of(part, settings.shifts.zone()));
    }
    let text = match list.open {
        0 => "every part that was not found good after it had moved on was seen to".to_owned(),
        1 => "1 part is to be found and seen to".to_owned(),
        open => format!("{open} parts are to be found and seen to"),
    };
    output.line(
        &json!({"event": "containment_listed", "listed": list.parts.len(), "open": list.open}),
        text,
    );
    Ok(ExitCode::SUCCESS)
}

fn json_of(part: &ContainedPart) -> serde_json::Value {
    json!({
        "event": "contained",
        "id": part.id,
        "sequence": part.sequence,
        "captured_at": part.captured_at.iso8601(),
        "decided_at": part.decided_at.iso8601(),
        "disposition": part.disposition,
        "product_sku": part.product_sku,
        "stage": part.stage,
        "lot": part.lot,
        "serial": part.serial,
        "shift": part.shift,
        "worst_defect_type": part.worst.map(|(kind, _)| kind),
        "worst_severity": part.worst.map(|(_, severity)| severity),
        "acknowledged": part.acknowledged.as_ref().map(|by| json!({
            "by": by.by, "at": by.at.iso8601(), "note": by.note,
        })),
    })
}

fn text_of(part: &ContainedPart, zone: &TimeZone) -> String {
    let named = |name: &str, what: Option<&str>| {
        what.map_or(String::new(), |what| format!(", {name} {what}"))
    };
    let worst = part.worst.map_or(String::new(), |(kind, severity)| {
        format!(", {severity} {kind}")
    });
    let seen = part.acknowledged.as_ref().map_or(String::new(), |by| {
        format!("\n    {} at {}: {}", by.by, local(by.at, zone), by.note)
    });
    format!(
        "{} {} {} at {}{}{}, captured {} in shift {}, decided {}{worst}{seen}",
        part.id,
        part.disposition.code().to_uppercase(),
        part.product_sku,
        part.stage,
        named("lot", part.lot.as_deref()),
        named("serial", part.serial.as_deref()),
        local(part.captured_at, zone),
        part.shift,
        local(part.decided_at, zone),
    )
}

async fn acknowledge(
    ids: &[InspectionId],
    by: &str,
    note: &str,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let data_dir = settings.data_dir.display().to_string();
    let secrets = wiring::secrets(&settings, environment);
    let installation = match Installation::open(settings, secrets).await {
        Ok(installation) => installation,
        Err(WiringError::Store(StoreError::InUse { .. })) => {
            return Err(format!(
                "a station runs in {data_dir}: acknowledge in its window, or close it and try again"
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    };
    installation.signing.settled().await;
    let mut missed = false;
    for id in ids {
        let entry = AuditEntry {
            at: installation.clock.now(),
            source: AuditSource::CommandLine,
            category: AuditCategory::Containment,
            identity: by.to_owned(),
            subject: Some(id.to_string()),
            result: AuditResult::Done,
            detail: note.to_owned(),
        };
        if installation
            .station
            .acknowledge_contained(*id, &entry)
            .await?
        {
            output.line(
                &json!({"event": "acknowledged", "id": id, "by": by, "note": note}),
                format!("{id} is seen to"),
            );
        } else {
            output.refused(
                &id.to_string(),
                "it is not on the containment list, or somebody has seen to it",
            );
            missed = true;
        }
    }
    Ok(match missed {
        true => ExitCode::from(1),
        false => ExitCode::SUCCESS,
    })
}
