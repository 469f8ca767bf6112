use super::{Failure, output::Output};
use crate::{
    settings::Settings,
    wiring::{self, store_options},
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::ports::StoreError;
use wiko_secrets::check_signature;
use wiko_store::{Depth, RecordsReader, SqliteRecords};

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArguments {
    /// Look at the size of each picture instead of its SHA-256
    #[arg(long)]
    quick: bool,
}

/// Checks everything that is kept: the database, every picture, the queues, the counts and the audit trail.
///
/// Where no station is at work in the data directory, what a crash has left is first cleared away as the
/// start of a station would, so that what is found afterwards is really wrong.
pub(crate) async fn run(
    arguments: VerifyArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if wiring::open_reader(settings).await?.is_none() {
        output.line(
            &json!({"event": "verified", "clean": true, "problems": 0}),
            "nothing was captured yet",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let problems = match SqliteRecords::open(&settings.data_dir, store_options(settings)).await {
        Ok(opened) => {
            let checked = check(opened.records.reader(), &arguments, output).await;
            opened.records.close().await;
            checked?
        }
        // Another one works here, or nothing can be written: looked at as it lies.
        Err(
            StoreError::InUse { .. } | StoreError::ReadOnly { .. } | StoreError::DiskFull { .. },
        ) => match wiring::open_reader(settings).await? {
            Some(reader) => check(&reader, &arguments, output).await?,
            None => 0,
        },
        Err(error) => return Err(error.into()),
    };
    let clean = problems == 0;
    output.line(
        &json!({"event": "verified", "clean": clean, "problems": problems}),
        match problems {
            0 => "clean".to_owned(),
            count => {
                format!("{count} problems: keep a copy of the data directory, and call support")
            }
        },
    );
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Makes each check and prints it; returns how many things are wrong.
async fn check(
    reader: &RecordsReader,
    arguments: &VerifyArguments,
    output: &Output,
) -> Result<usize, StoreError> {
    let mut problems = 0;
    let mut tell = |check: &str, seen: String, wrong: Vec<String>| {
        problems += wrong.len();
        let word = if wrong.is_empty() { "ok" } else { "WRONG" };
        let lines: String = wrong.iter().map(|line| format!("\n  {line}")).collect();
        output.line(
            &json!({"event": "check", "check": check, "ok": wrong.is_empty(), "seen": seen, "wrong": wrong}),
            format_args!("{check}: {word} {seen}{lines}"),
        );
    };
    let database = reader.verify_database(arguments.quick).await?;
    tell("database", String::new(), database);

    let depth = if arguments.quick {
        Depth::Sizes
    } else {
        Depth::Hashes
    };
    let (looked_at, damaged) = reader.verify_images(depth).await?;
    let damaged = damaged
        .iter()
        .map(|image| format!("inspection {}: {}", image.id, image.reason));
    tell("images", format!("{looked_at} pictures"), damaged.collect());

    tell("queues", String::new(), reader.verify_queues().await?);

    let miscounted = reader.verify_rollups().await?;
    let miscounted = miscounted.iter().map(|day| {
        let date = day.day.iso8601();
        format!(
            "{} of the counts of {} are not those of its records; wiko-station dev recount makes them anew",
            day.lines,
            date.get(..10).unwrap_or(&date)
        )
    });
    tell("counts", String::new(), miscounted.collect());

    let audit = reader.verify_audit(check_signature).await?;
    let head = match audit.head {
        Some((number, hash)) => format!(", head {number} {hash}"),
        None => String::new(),
    };
    let older = match audit.older_records {
        0 => String::new(),
        count => format!(", {count} records are older than the trail"),
    };
    let key = match audit.last_key {
        Some(key) => format!(" by {key}"),
        None => String::new(),
    };
    let seen = format!(
        "{} rows, {} signed{key}{head}{older}",
        audit.rows, audit.signed
    );
    let broken = audit
        .broken
        .iter()
        .map(|row| format!("row {}: {}", row.number, row.reason));
    tell("audit", seen, broken.collect());

    // Named, and nothing wrong: these were never acknowledged.
    for file in reader.quarantined().await? {
        output.line(
            &json!({"event": "quarantined", "file": file.display().to_string()}),
            format_args!("in quarantine: {}", file.display()),
        );
    }
    Ok(problems)
}
