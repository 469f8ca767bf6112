use super::{Failure, output::Output};
use crate::{backups, clock::SystemClock, settings::Settings, wiring};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    ports::{Clock, Records},
};
use wiko_store::{BackupImages, SqliteRecords};

/// Who is at the command line: whoever the system let in.
pub(crate) const IDENTITY: &str = "command_line";

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArguments {
    /// The file to be made; one that is there is never replaced
    file: PathBuf,
    /// Which pictures; those that the cloud does not have are always inside
    #[arg(long, value_enum, default_value_t = Images::Unsent)]
    images: Images,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Images {
    /// Every picture
    All,
    /// Those that the cloud does not have
    Unsent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArguments {
    /// A file that `backup` made
    file: PathBuf,
}

/// Backs up, also while a station is running.
pub(crate) async fn run(
    arguments: BackupArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let Some(reader) = wiring::open_reader(settings).await? else {
        return Err("nothing was captured yet: there is nothing to back up".into());
    };
    let images = match arguments.images {
        Images::All => BackupImages::All,
        Images::Unsent => BackupImages::Unsent,
    };
    let now = SystemClock.now();
    let report = backups::make(&reader, settings, &arguments.file, images, now).await?;
    drop(reader);
    let damaged: Vec<_> = report
        .damaged
        .iter()
        .map(|(path, reason)| json!({"path": path, "reason": reason}))
        .collect();
    let detail = json!({
        "records": report.records,
        "pictures": report.images,
        "pictures_in_the_cloud_alone": report.images_in_the_cloud,
        "damaged": damaged.len(),
        "bytes": report.bytes,
    });
    // A running station alone writes to its trail; its own log and this one's tell of this backup.
    if let Ok(opened) =
        SqliteRecords::open(&settings.data_dir, wiring::store_options(settings)).await
    {
        let entry = AuditEntry {
            at: now,
            source: AuditSource::CommandLine,
            category: AuditCategory::Backup,
            identity: IDENTITY.to_owned(),
            subject: Some(report.file.display().to_string()),
            result: AuditResult::Done,
            detail: detail.to_string(),
        };
        let noted = opened.records.note(&entry).await;
        opened.records.close().await;
        noted?;
    }
    tracing::info!(file = %report.file.display(), %detail, "backed up");
    let mut text = format!(
        "{}: {} records, {} pictures; {} pictures lie in the cloud alone; {} bytes",
        report.file.display(),
        report.records,
        report.images,
        report.images_in_the_cloud,
        report.bytes,
    );
    for (path, reason) in &report.damaged {
        text.push_str(&format!("\nwarning: {path}: {reason}"));
    }
    output.line(
        &json!({
            "event": "backed_up",
            "file": report.file.display().to_string(),
            "bytes": report.bytes,
            "records": report.records,
            "images": report.images,
            "images_in_the_cloud": report.images_in_the_cloud,
            "damaged": damaged,
            "audit_head": report.audit_head.map(|(number, sha256)| json!({"number": number, "sha256": sha256})),
        }),
        text,
    );
    Ok(ExitCode::SUCCESS)
}

/// Restores into an empty data directory.
pub(crate) async fn restore(
    arguments: RestoreArguments,
    data_dir: &Path,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let report = wiko_store::restore(&arguments.file, data_dir, now, IDENTITY).await?;
    let damaged: Vec<_> = report
        .damaged
        .iter()
        .map(|(path, reason)| json!({"path": path, "reason": reason}))
        .collect();
    let mut text = format!(
        "restored into {}: {} records and {} pictures of {}, as of {}; {} pictures lie in the cloud alone. \
         Check it with: wiko-station verify --data-dir {}",
        data_dir.display(),
        report.records,
        report.images,
        report.station,
        report.made_at,
        report.images_in_the_cloud,
        data_dir.display()
    );
    for (path, reason) in &report.damaged {
        text.push_str(&format!(
            "\nwarning: {path} was damaged when the backup was made: {reason}"
        ));
    }
    output.line(
        &json!({
            "event": "restored",
            "data_dir": data_dir.display().to_string(),
            "station": report.station,
            "version": report.version,
            "made_at": report.made_at,
            "records": report.records,
            "images": report.images,
            "images_in_the_cloud": report.images_in_the_cloud,
            "damaged": damaged,
        }),
        text,
    );
    Ok(ExitCode::SUCCESS)
}
