use super::{Failure, output::Output};
use crate::{
    settings::Settings,
    trail::{self, LeftState},
    wiring::{self, store_options},
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    audit::PublicKey,
    ports::{Backing, Secrets, Signer, StoreError},
};
use wiko_secrets::{StationKey, check_signature};
use wiko_store::{AuditReport, Depth, RecordsReader, SqliteRecords};

/// More rows than a station writes before its key is found.
const UNSIGNED_AT_MOST: u64 = 50;

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
    secrets: &dyn Secrets,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if wiring::open_reader(settings).await?.is_none() {
        tell_deeds(settings, output)?;
        output.line(
            &json!({"event": "verified", "clean": true, "problems": 0}),
            format_args!(
                "nothing was captured yet in {}",
                settings.data_dir.display()
            ),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let key = key_of_keyring(secrets).await;
    let problems = match SqliteRecords::open(&settings.data_dir, store_options(settings)).await {
        Ok(opened) => {
            let checked = check(opened.records.reader(), &arguments, &key, output).await;
            opened.records.close().await;
            checked?
        }
        // Another one works here, or nothing can be written: looked at as it lies.
        Err(
            StoreError::InUse { .. } | StoreError::ReadOnly { .. } | StoreError::DiskFull { .. },
        ) => match wiring::open_reader(settings).await? {
            Some(reader) => check(&reader, &arguments, &key, output).await?,
            None => 0,
        },
        Err(error) => return Err(error.into()),
    };
    let problems = problems + check_recipes(settings, output).await;
    tell_deeds(settings, output)?;
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

/// The public half of the key that this station signs with, or why it is not known.
async fn key_of_keyring(secrets: &dyn Secrets) -> Result<PublicKey, String> {
    if secrets.backing() == Backing::Memory {
        return Err("there is no keyring".to_owned());
    }
    match StationKey::find(secrets).await {
        Ok(Some(key)) => Ok(key.public_key()),
        Ok(None) => Err("the keyring does not give it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is wrong where rows are not signed though this station has a key: taking signatures away breaks no hash.
fn unsigned_wrongly(audit: &AuditReport, has_key: bool) -> Option<String> {
    let many = audit.unsigned_since > UNSIGNED_AT_MOST;
    match audit.last_key {
        _ if !has_key => None,
        // A keyring that was only just set up has signed nothing yet.
        None if audit.signing_began || many => Some(
            "no row is signed, though this station has a key: the signatures were removed, or the station never \
             ran with its keyring"
                .to_owned(),
        ),
        Some(_) if many => Some(format!(
            "the last {} rows are not signed, though this station has a key: their signatures were removed, or \
             the station ran without its keyring since; start it with its keyring, which signs from then on",
            audit.unsigned_since
        )),
        _ => None,
    }
}

/// Names what was done at the command line and is not in the trail yet, or cannot be read. Nothing is wrong
/// with those: a station takes them in.
fn tell_deeds(settings: &Settings, output: &Output) -> Result<(), Failure> {
    for left in trail::deeds_left(&settings.data_dir)? {
        let file = left.path.display();
        let (state, text) = match left.state {
            LeftState::Waiting => ("waiting", format!("waits for the audit trail: {file}")),
            LeftState::Begun => ("begun", format!("begun, its end is not known yet: {file}")),
            LeftState::Unreadable => (
                "unreadable",
                format!("cannot be read, and is not in the audit trail: {file}"),
            ),
        };
        output.line(
            &json!({"event": "deed", "file": file.to_string(), "state": state}),
            text,
        );
    }
    Ok(())
}

/// Holds every release of a recipe against its hashes, also those that newer ones have followed: records name them.
async fn check_recipes(settings: &Settings, output: &Output) -> usize {
    let released = wiring::released_recipes(settings);
    let looked = tokio::task::spawn_blocking(move || released.list()).await;
    let listed = looked.map_err(|error| error.to_string());
    let (count, wrong) = match listed.and_then(|listed| listed.map_err(|error| error.to_string())) {
        Ok(listed) => {
            let broken = listed.iter().filter_map(|one| one.release.as_ref().err());
            (listed.len(), broken.map(ToString::to_string).collect())
        }
        Err(reason) => (0, vec![reason]),
    };
    tell(output, "recipes", &format!("{count} releases"), &wrong)
}

/// Prints a check; returns how many things are wrong.
fn tell(output: &Output, check: &str, seen: &str, wrong: &[String]) -> usize {
    let word = if wrong.is_empty() { "ok" } else { "WRONG" };
    let lines: String = wrong.iter().map(|line| format!("\n  {line}")).collect();
    output.line(
        &json!({"event": "check", "check": check, "ok": wrong.is_empty(), "seen": seen, "wrong": wrong}),
        format_args!("{check}: {word} {seen}{lines}"),
    );
    wrong.len()
}

/// Makes each check and prints it; returns how many things are wrong.
async fn check(
    reader: &RecordsReader,
    arguments: &VerifyArguments,
    own_key: &Result<PublicKey, String>,
    output: &Output,
) -> Result<usize, StoreError> {
    let mut problems = 0;
    let mut tell = |check: &str, seen: String, wrong: Vec<String>| {
        problems += self::tell(output, check, &seen, &wrong);
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

    let fault = reader.storage().await?.fault;
    tell("storage", String::new(), fault.into_iter().collect());

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
    let key = match (audit.last_key, own_key) {
        (Some(key), Ok(_)) => format!(" by {key}"),
        (Some(key), Err(why)) => {
            format!(" by {key}, which was not compared with this station's ({why})")
        }
        (None, _) => String::new(),
    };
    let unsigned = match (audit.last_key, audit.unsigned_since) {
        (None, _) | (_, 0) => String::new(),
        (Some(_), 1) => ", the last row is not signed yet".to_owned(),
        (Some(_), rows) => format!(", the last {rows} rows are not signed yet"),
    };
    let seen = format!(
        "{} rows, {} signed{key}{unsigned}{head}{older}",
        audit.rows, audit.signed
    );
    let broken = audit.broken.iter();
    let mut broken: Vec<_> = broken
        .map(|row| format!("row {}: {}", row.number, row.reason))
        .collect();
    if let (Some(last), Ok(own)) = (audit.last_key, own_key)
        && last != *own
    {
        broken.push(format!(
            "the last signature is by {last}, and the key of this station is {own}: the rows were signed \
             elsewhere, or this is a new key and the station was not started with it yet"
        ));
    }
    broken.extend(unsigned_wrongly(&audit, own_key.is_ok()));
    tell("audit", seen, broken);

    // Named, and nothing wrong: these were never acknowledged.
    for file in reader.quarantined().await? {
        output.line(
            &json!({"event": "quarantined", "file": file.display().to_string()}),
            format_args!("in quarantine: {}", file.display()),
        );
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_whose_signatures_are_gone_is_wrong_where_the_station_has_a_key() {
        let stripped = AuditReport {
            rows: 3,
            signing_began: true,
            unsigned_since: 3,
            ..AuditReport::default()
        };
        let said = unsigned_wrongly(&stripped, true).unwrap();
        assert!(said.starts_with("no row is signed"), "{said}");
        assert_eq!(unsigned_wrongly(&stripped, false), None);
        let unsigned = |rows| AuditReport {
            rows,
            unsigned_since: rows,
            ..AuditReport::default()
        };
        // The keyring was only just set up.
        assert_eq!(unsigned_wrongly(&unsigned(UNSIGNED_AT_MOST), true), None);
        let many = unsigned(UNSIGNED_AT_MOST + 1);
        assert!(unsigned_wrongly(&many, true).is_some());
        assert_eq!(unsigned_wrongly(&many, false), None);
    }

    #[test]
    fn a_long_tail_without_signatures_is_wrong_where_the_station_has_a_key() {
        let since = |unsigned_since| AuditReport {
            rows: 200,
            signed: 200 - unsigned_since,
            last_key: Some(PublicKey([7; 32])),
            signing_began: true,
            unsigned_since,
            ..AuditReport::default()
        };
        assert_eq!(unsigned_wrongly(&since(UNSIGNED_AT_MOST), true), None);
        let said = unsigned_wrongly(&since(UNSIGNED_AT_MOST + 1), true).unwrap();
        assert!(said.contains("the last 51 rows are not signed"), "{said}");
        assert_eq!(unsigned_wrongly(&since(UNSIGNED_AT_MOST + 1), false), None);
    }
}
