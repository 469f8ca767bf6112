//! Set-up of triggers at the command line: all that the window's page keeps.

use super::{
    Failure, deed,
    output::Output,
    pairs::{edited, shown},
};
use crate::{
    settings::Settings,
    triggers::{self, TriggerFileError},
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{audit::AuditCategory, trigger::TriggerSource};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum TriggersCommand {
    /// Show how triggers are set up
    Show,
    /// Set triggers up: NAME=VALUE. A window that is open works by it within seconds
    Set {
        /// Such as sources=key,on_screen,http or debounce_ms=200 or barcode.fills=lot
        #[arg(required = true)]
        settings: Vec<String>,
    },
}

impl TriggersCommand {
    /// True where it changes nothing of the station.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::Show)
    }
}

/// Triggers were not set up.
#[derive(Debug, thiserror::Error)]
enum SetRefused {
    #[error(transparent)]
    File(#[from] TriggerFileError),
    #[error("{0}")]
    Pairs(Failure),
}

pub(crate) async fn run(
    command: TriggersCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let now = match &command {
        TriggersCommand::Show => triggers::load(&settings.data_dir)?,
        TriggersCommand::Set { settings: changes } => {
            let doing = json!({"set": changes}).to_string();
            let deed = deed::begin(settings, output, AuditCategory::Setting, "triggers", doing);
            let set = triggers::edit(&settings.data_dir, |before| {
                edited(before, changes).map_err(SetRefused::Pairs)
            });
            let detail = |(before, now): &_| json!({"from": before, "to": now}).to_string();
            deed.ended(set, detail).await?.1
        }
    };
    let token = settings.data_dir.join(triggers::TOKEN_FILE);
    let mut text = shown(&now)?;
    if now.is_on(TriggerSource::Http) {
        // Where it lies, never what it is.
        text.push_str(&format!(
            "\nPOST http://127.0.0.1:{}/trigger with the token of {}, which the window makes when it opens",
            now.http_port,
            token.display()
        ));
    }
    output.line(&json!({"event": "triggers", "triggers": now}), text);
    Ok(ExitCode::SUCCESS)
}
