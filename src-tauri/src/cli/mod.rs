//! The command line: the same station without a window, for field techs, scripts and tests.
//!
//! Invariants:
//! - With `--json`, standard output holds one JSON object a line and nothing else; logs go to the file.
//! - Exit status 0: done; 1: refused or failed, with the reason on standard error; 2: wrong usage.
//! - Secrets are read from standard input, never from arguments.

mod audit;
mod backup;
mod bindings;
mod cameras;
mod capture;
mod containment;
mod correct;
mod credentials;
mod deed;
mod demo;
mod dev;
mod doctor;
mod history;
mod inspect;
mod output;
mod pairs;
mod part;
pub(crate) mod queue;
mod recipe;
mod screen;
mod status;
mod storage;
mod study;
mod sync;
mod triggers;
mod verify;

use crate::settings::{Environment, Settings};
use clap::{Parser, Subcommand};
use output::Output;
use std::{io::Write, path::PathBuf, process::ExitCode};

/// What goes wrong on the command line: a sentence for the person before it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Inspection station: camera, verdict, evidence.
#[derive(Debug, Parser)]
#[command(name = "wiko-station", version, about)]
struct Arguments {
    /// Holds everything of the station: database, spool, logs, models, station.toml
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    /// The demo profile: simulated camera, local screen, no account, no network
    #[arg(long, global = true)]
    demo: bool,
    /// Print a line of JSON once the window is ready
    #[arg(long, hide = true)]
    report_ready: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Inspect pictures from files
    Inspect(inspect::InspectArguments),
    /// Capture one part from the station's camera and inspect it
    Capture(capture::CaptureArguments),
    /// Show queues, camera, disk, cloud, keyring and clock
    Status,
    /// List past inspections, newest first
    History(history::HistoryArguments),
    /// Show everything that is known of one part
    Part(part::PartArguments),
    /// List what was decided, overridden, set and deleted, and by whom, newest first
    Audit(audit::AuditArguments),
    /// Check the database, every picture, the queues and the audit trail
    Verify(verify::VerifyArguments),
    /// Send what waits to the analyzers and to the cloud
    Sync(sync::SyncArguments),
    /// List the parts that wait or are parked, and retry them
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// List the parts that were not found good after they had moved on, and note who has seen to them
    #[command(subcommand)]
    Containment(containment::ContainmentCommand),
    /// Find, assign and set up cameras
    #[command(subcommand)]
    Cameras(cameras::CamerasCommand),
    /// Show and set up who says that a part is there
    #[command(subcommand)]
    Triggers(triggers::TriggersCommand),
    /// Set, show or clear credentials
    #[command(subcommand)]
    Credentials(credentials::CredentialsCommand),
    /// Back everything up into one file, also while the station is running
    Backup(backup::BackupArguments),
    /// Restore a backup into an empty data directory
    Restore(backup::RestoreArguments),
    /// Look after the storage
    #[command(subcommand)]
    Storage(storage::StorageCommand),
    /// Check everything the station needs, and say what to do
    Doctor,
    /// Teach and measure the local screen
    #[command(subcommand)]
    Screen(screen::ScreenCommand),
    /// Check and release what a part must be like
    #[command(subcommand)]
    Recipe(recipe::RecipeCommand),
    /// Compare analyzers and people with labelled parts: may this model be trusted at this stage?
    Study(study::StudyArguments),
    /// For whoever works on the station itself
    #[command(hide = true, subcommand)]
    Dev(dev::DevCommand),
    /// Write the window's TypeScript bindings
    #[command(hide = true)]
    Bindings(bindings::BindingsArguments),
}

impl Command {
    /// True where it changes nothing of the station.
    fn only_reads(&self) -> bool {
        match self {
            Self::Status
            | Self::History(_)
            | Self::Part(_)
            | Self::Audit(_)
            | Self::Verify(_)
            | Self::Backup(_)
            | Self::Doctor
            | Self::Study(_)
            | Self::Bindings(_) => true,
            Self::Inspect(_)
            | Self::Capture(_)
            | Self::Sync(_)
            | Self::Restore(_)
            | Self::Storage(_)
            | Self::Dev(_) => false,
            Self::Queue(command) => command.only_reads(),
            Self::Containment(command) => command.only_reads(),
            Self::Cameras(command) => command.only_reads(),
            Self::Triggers(command) => command.only_reads(),
            Self::Credentials(command) => {
                matches!(command, credentials::CredentialsCommand::Status)
            }
            Self::Screen(command) => !matches!(command, screen::ScreenCommand::Learn { .. }),
            Self::Recipe(command) => !matches!(command, recipe::RecipeCommand::Release { .. }),
        }
    }
}

/// Runs the command line, or the window where no command is given.
pub fn main() -> ExitCode {
    // Clap prints its own errors and exits with 2.
    let arguments = Arguments::parse();
    let environment = Environment::of_process();
    // Before anything that starts a thread.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    crate::allocator::share_arenas();
    #[cfg(target_os = "linux")]
    crate::renderer::choose(&environment);
    let output = Output::new(arguments.json);
    #[cfg(target_os = "linux")]
    let by_a_person = arguments.command.is_none() && !arguments.report_ready;
    let ran = run(arguments, &environment, &output);
    // A network camera that is not told believes for seconds that somebody has it.
    if !wiko_camera::wait_for_stopped_cameras(LET_GO_WITHIN) {
        tracing::warn!("a camera was not let go of in time");
    }
    match ran {
        Ok(status) => status,
        Err(failure) => {
            output.failure(&*failure);
            #[cfg(target_os = "linux")]
            if by_a_person {
                crate::start_failure::show(&environment, &failure);
            }
            ExitCode::from(1)
        }
    }
}

/// How long cameras may take to be let go of at the end.
const LET_GO_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

fn run(
    arguments: Arguments,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if let Some(Command::Bindings(bindings)) = &arguments.command {
        return bindings::run(bindings);
    }
    let demo = arguments.demo;
    let data_dir = arguments
        .data_dir
        .unwrap_or_else(|| environment.data_dir(demo));
    // The log would be the first thing in a data directory that has to be empty.
    if let Some(Command::Restore(restore)) = arguments.command {
        return block_on(backup::restore(restore, &data_dir, output));
    }
    let settings = Settings::load(&data_dir, demo, environment)?;
    let Some(command) = arguments.command else {
        if environment.has_display() {
            return crate::window::run(settings, environment.clone(), arguments.report_ready);
        }
        if demo {
            return block_on(demo::run(settings, environment, output));
        }
        return Err(
            "there is no display: choose a command (wiko-station --help), or set DISPLAY".into(),
        );
    };
    // Keeps the writer of the log alive until the command has ended.
    let _log = match crate::log::start(&data_dir) {
        Ok(log) => Some(log),
        // What only looks must work also where nothing can be written: that is when it is needed.
        Err(error) if command.only_reads() => {
            let _ = writeln!(std::io::stderr().lock(), "wiko-station: warning: {error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    block_on(async {
        match command {
            Command::Inspect(inspect) => inspect::run(inspect, settings, environment, output).await,
            Command::Capture(capture) => capture::run(capture, settings, environment, output).await,
            Command::Status => status::run(settings, environment, output).await,
            Command::History(history) => history::run(history, &settings, output).await,
            Command::Part(part) => part::run(part, &settings, output).await,
            Command::Audit(audit) => audit::run(audit, &settings, output).await,
            Command::Backup(backup) => backup::run(backup, &settings, output).await,
            Command::Restore(restore) => backup::restore(restore, &data_dir, output).await,
            Command::Storage(storage) => storage::run(storage, &settings, output).await,
            Command::Verify(verify) => {
                let secrets = crate::wiring::secrets(&settings, environment);
                verify::run(verify, &settings, &*secrets, output).await
            }
            Command::Sync(sync) => sync::run(sync, settings, environment, output).await,
            Command::Queue(command) => queue::run(command, settings, environment, output).await,
            Command::Containment(command) => {
                containment::run(command, settings, environment, output).await
            }
            Command::Cameras(cameras) => cameras::run(cameras, &settings, output).await,
            Command::Triggers(triggers) => triggers::run(triggers, &settings, output).await,
            Command::Credentials(command) => {
                credentials::run(command, &settings, environment, output).await
            }
            Command::Doctor => doctor::run(settings, environment, output).await,
            Command::Screen(screen) => screen::run(screen, &settings, output).await,
            Command::Recipe(command) => recipe::run(command, &settings, environment, output).await,
            Command::Study(study) => study::run(study, &settings, environment, output).await,
            Command::Dev(command) => dev::run(command, &settings, environment, output).await,
            Command::Bindings(bindings) => bindings::run(&bindings),
        }
    })
}

fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
