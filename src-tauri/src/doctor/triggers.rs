//! Whether parts can be triggered as they are set up.

use super::{check, ok};
use crate::{
    dto::{CheckDto, CheckState},
    settings::Settings,
    triggers::{self, TOKEN_FILE, Token},
};
use wiko_core::trigger::TriggerSource;

const NAME: &str = "triggers";

/// Reads the set-up, and the token where programs may trigger.
pub(super) fn examine(settings: &Settings) -> CheckDto {
    let triggers = match triggers::load(&settings.data_dir) {
        Ok(triggers) => triggers,
        Err(error) => return check(NAME, CheckState::Failed, error.to_string(), ""),
    };
    let on: Vec<String> = triggers.sources.iter().map(ToString::to_string).collect();
    let has_token = settings.data_dir.join(TOKEN_FILE).exists();
    // One that is not there yet is made when the station starts.
    if triggers.is_on(TriggerSource::Http)
        && has_token
        && let Err(error) = Token::load_or_create(&settings.data_dir)
    {
        return check(NAME, CheckState::Failed, error.to_string(), "");
    }
    ok(NAME, on.join(", "))
}
