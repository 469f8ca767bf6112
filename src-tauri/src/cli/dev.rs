//! For whoever works on the station itself; not shown in the help.

use super::{Failure, correct, deed, output::Output};
use crate::{
    clock::SystemClock,
    settings::{Environment, Settings},
    wiring::store_options,
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{audit::AuditCategory, ports::Clock, time::UnixMillis};
use wiko_store::{SeedPlan, SqliteRecords, seed};

const YEAR_MS: i64 = 365 * 24 * 3_600_000;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum DevCommand {
    /// Fill an empty data directory with a made-up history, without pictures
    SeedHistory {
        /// So many parts; a million takes about a minute and 1.1 GB
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        parts: u64,
        /// Over so many years up to now
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
        years: u8,
    },
    /// Make the counts by hour and day anew from the records, where verify says that they are wrong
    Recount,
    /// Reject parts as a person at the window does
    Correct(correct::CorrectArguments),
}

pub(crate) async fn run(
    command: DevCommand,
    settings: &Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let (parts, years) = match command {
        DevCommand::SeedHistory { parts, years } => (parts, years),
        DevCommand::Recount => return recount(settings, output).await,
        DevCommand::Correct(correct) => {
            return correct::run(correct, settings, environment, output).await;
        }
    };
    let now = SystemClock.now();
    let plan = SeedPlan {
        parts,
        first_at: UnixMillis(now.0 - i64::from(years) * YEAR_MS),
        last_at: now,
        skus: settings.skus.clone(),
        shifts: settings.shifts.clone(),
    };
    let told = |done: u64| {
        if done.is_multiple_of(200_000) {
            output.line(
                &json!({"event": "seeding", "parts": done}),
                format_args!("{done} of {parts} parts"),
            );
        }
    };
    seed(&settings.data_dir, &plan, told).await?;
    output.line(
        &json!({"event": "seeded", "parts": parts}),
        format_args!("{parts} made-up parts in {}", settings.data_dir.display()),
    );
    Ok(ExitCode::SUCCESS)
}

async fn recount(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let opened = SqliteRecords::open(&settings.data_dir, store_options(settings)).await?;
    let recounted = opened.records.recount().await;
    opened.records.close().await;
    recounted?;
    let detail = "made anew from the records";
    deed::note(settings, output, AuditCategory::Storage, "counts", detail).await;
    output.line(&json!({"event": "recounted"}), "counted anew");
    Ok(ExitCode::SUCCESS)
}
