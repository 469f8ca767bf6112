//! Set-up of triggers at the command line: all that the window's page keeps.

use super::{
    Failure, deed,
    output::Output,
    pairs::{edited, shown},
};
use crate::{settings::Settings, triggers};
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

pub(crate) async fn run(
    command: TriggersCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let before = triggers::load(&settings.data_dir)?;
    let now = match &command {
        TriggersCommand::Show => before.clone(),
        TriggersCommand::Set { settings: changes } => {
            triggers::save(&settings.data_dir, edited(&before, changes)?)?
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
    if now != before {
        let detail = json!({"from": before, "to": now}).to_string();
        deed::note(settings, output, AuditCategory::Setting, "triggers", detail).await;
    }
    Ok(ExitCode::SUCCESS)
}
