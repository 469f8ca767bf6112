use super::{Failure, output::Output};
use crate::{clock::local, settings::Settings, wiring};
use jiff::tz::TimeZone;
use serde_json::json;
use std::process::ExitCode;
use wiko_core::audit::AuditRow;

#[derive(Debug, clap::Args)]
pub(crate) struct AuditArguments {
    /// The verdicts as well, which are as many as there are parts
    #[arg(long)]
    decisions: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Only rows before this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
}

/// Lists the audit trail, newest first.
pub(crate) async fn run(
    arguments: AuditArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let rows = match wiring::open_reader(settings).await? {
        Some(records) => {
            records
                .audit(arguments.before, arguments.decisions, arguments.limit)
                .await?
        }
        None => vec![],
    };
    if rows.is_empty() {
        output.text("nothing in the audit trail");
    }
    for row in &rows {
        output.line(&json_of(row), text_of(row, settings.shifts.zone()));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn json_of(row: &AuditRow) -> serde_json::Value {
    let (entry, signed) = (&row.entry, row.signature.as_ref());
    json!({
        "event": "audit",
        "number": row.number,
        "at": entry.at.iso8601(),
        "source": entry.source,
        "category": entry.category,
        "identity": entry.identity,
        "subject": entry.subject,
        "result": entry.result,
        "detail": entry.detail,
        "previous_hash": row.previous,
        "hash": row.hash,
        "signature": signed.map(|signed| signed.signature.to_string()),
        "public_key": signed.map(|signed| signed.key.to_string()),
    })
}

fn text_of(row: &AuditRow, zone: &TimeZone) -> String {
    let entry = &row.entry;
    format!(
        "{:>7} {} {:<12} {:<17} {:<10} {:<7} {} {}",
        row.number,
        local(entry.at, zone),
        entry.source,
        entry.category,
        entry.identity,
        entry.result,
        entry.subject.as_deref().unwrap_or("-"),
        entry.detail,
    )
}
