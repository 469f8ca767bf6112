//! The station's log: JSON lines in `logs/`, a file a day, thirty days kept.
//!
//! Invariant: the data directory, which this may be the first to make, is the station's user's alone.

use std::path::Path;
use tracing_appender::{non_blocking::WorkerGuard, rolling};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Days of logs that are kept.
const DAYS: usize = 30;

/// The log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path}: the log cannot be written: {reason}. Give this user the right to write there, mount the disk \
     for writing, or choose another folder with --data-dir"
)]
pub struct LogError {
    path: String,
    reason: String,
}

/// Starts the log. What is returned must live as long as the process logs: it writes the rest on drop.
///
/// Libraries are heard from `warn` on: their debug output may hold headers, and so secrets.
pub fn start(data_dir: &Path) -> Result<WorkerGuard, LogError> {
    let folder = data_dir.join("logs");
    let failed = |reason: String| LogError {
        path: folder.display().to_string(),
        reason,
    };
    create_private_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
    let file = rolling::Builder::new()
        .rotation(rolling::Rotation::DAILY)
        .filename_prefix("station")
        .filename_suffix("jsonl")
        .max_log_files(DAYS)
        .build(&folder)
        .map_err(|error| failed(error.to_string()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let ours = [
        "station", "pipeline", "store", "cloud", "aws", "camera", "analyzer", "secrets",
    ];
    let filter = ours.iter().fold("warn".to_owned(), |filter, name| {
        format!("{filter},wiko_{name}=info")
    });
    tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(tracing_subscriber::fmt::layer().json().with_writer(writer))
        .try_init()
        .map_err(|error| failed(error.to_string()))?;
    Ok(guard)
}

/// Makes the folder and those above it that are missing, for the station's user alone.
fn create_private_dir_all(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}
