use super::{Failure, deed, output::Output};
use crate::{
    backups,
    clock::{SystemClock, local},
    settings::Settings,
    trail::COMMAND_LINE,
    wiring,
};
use jiff::tz::TimeZone;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use wiko_core::{audit::AuditCategory, ports::Clock, time::UnixMillis};
use wiko_store::BackupImages;

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

/// Backs up, also while a station is running. A backup that lacks a picture, or has a damaged one, is made, and
/// fails all the same: somebody has to know.
pub(crate) async fn run(
    arguments: BackupArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let file = std::path::absolute(&arguments.file)?;
    if lies_in(&file, &settings.data_dir) {
        return Err(format!(
            "{} lies in the data directory itself, and would be lost with it: choose a folder outside {}, best \
             on another disk",
            file.display(),
            settings.data_dir.display()
        )
        .into());
    }
    let Some(reader) = wiring::open_reader(settings).await? else {
        return Err("nothing was captured yet: there is nothing to back up".into());
    };
    let images = match arguments.images {
        Images::All => BackupImages::All,
        Images::Unsent => BackupImages::Unsent,
    };
    let now = SystemClock.now();
    let report = backups::make(&reader, settings, &file, images, now).await?;
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
    tracing::info!(file = %report.file.display(), %detail, "backed up");
    let text = format!(
        "{}: {} records, {} pictures; {} pictures lie in the cloud alone; {} bytes",
        report.file.display(),
        report.records,
        report.images,
        report.images_in_the_cloud,
        report.bytes,
    );
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
    let subject = report.file.display().to_string();
    let category = AuditCategory::Backup;
    deed::note(settings, output, category, subject, detail.to_string()).await;
    for (path, reason) in &report.damaged {
        output.refused(path, reason);
    }
    if report.damaged.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!(
        "the backup was made, but {} of its pictures are damaged or missing, as in the station itself: keep \
         older backups, which may have them whole, and call support",
        report.damaged.len()
    )
    .into())
}

/// True where a file that is to be made would lie in a folder, whatever links lead there.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    match (file.parent().and_then(real), real(folder)) {
        (Some(parent), Some(folder)) => parent.starts_with(folder),
        // A folder that is not there is refused with its own sentence.
        _ => false,
    }
}

/// Restores into an empty data directory.
pub(crate) async fn restore(
    arguments: RestoreArguments,
    data_dir: &Path,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let report = wiko_store::restore(&arguments.file, data_dir, now, COMMAND_LINE).await?;
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
        made_at(&report.made_at),
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

/// When the backup was made, as people here read it: the station's own zone lies inside the backup.
fn made_at(told: &str) -> String {
    match told.parse::<jiff::Timestamp>() {
        Ok(at) => local(UnixMillis(at.as_millisecond()), &TimeZone::system()),
        Err(_) => told.to_owned(),
    }
}
