//! Notes in the audit trail what a command did, and says where that is not so at once.
//!
//! Invariant: what changes something outside the records ([`begin`]) is on the disk before it is done.

use super::output::Output;
use crate::{
    clock::SystemClock,
    settings::Settings,
    trail::{self, Begun, Deed, NotNoted, Noted},
};
use serde_json::json;
use std::fmt::Display;
use wiko_core::{
    audit::{AuditCategory, AuditResult},
    ports::{Clock, StoreError},
};

/// Notes what was done just now. Done is done: that the trail does not take it is told, and fails nothing.
pub(crate) async fn note(
    settings: &Settings,
    output: &Output,
    category: AuditCategory,
    subject: impl Into<String>,
    detail: impl Into<String>,
) {
    let deed = deed(category, subject, detail);
    tell(trail::note(settings, &deed).await, &deed, output);
}

fn deed(category: AuditCategory, subject: impl Into<String>, detail: impl Into<String>) -> Deed {
    Deed {
        at: SystemClock.now(),
        category,
        subject: subject.into(),
        detail: detail.into(),
        result: AuditResult::Done,
    }
}

/// A deed that a crash in the middle leaves a word of.
pub(crate) struct UnderWay<'a> {
    settings: &'a Settings,
    output: &'a Output,
    deed: Deed,
    /// None where the disk took no word of it: a key that leaked is cleared all the same.
    begun: Option<Begun>,
}

/// Leaves word that it is being done, before it is.
pub(crate) fn begin<'a>(
    settings: &'a Settings,
    output: &'a Output,
    category: AuditCategory,
    subject: impl Into<String>,
    doing: impl Into<String>,
) -> UnderWay<'a> {
    let deed = deed(category, subject, doing);
    let begun = trail::begin(settings, &deed)
        .inspect_err(
            |error| tracing::warn!(%error, subject = deed.subject, "begun without a word of it"),
        )
        .ok();
    UnderWay {
        settings,
        output,
        deed,
        begun,
    }
}

impl UnderWay<'_> {
    /// Notes how it ended, and returns that.
    pub(crate) async fn ended<T, E: Display>(
        self,
        end: Result<T, E>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, E> {
        let (result, detail) = match &end {
            Ok(done) => (AuditResult::Done, detail(done)),
            Err(error) => (
                AuditResult::Failed,
                format!("{}: {error}", self.deed.detail),
            ),
        };
        let deed = Deed {
            at: SystemClock.now(),
            detail,
            result,
            ..self.deed
        };
        let noted = match self.begun {
            Some(begun) => begun.finish(self.settings, &deed).await,
            None => trail::note(self.settings, &deed).await,
        };
        tell(noted, &deed, self.output);
        end
    }
}

/// Says where a deed is not in the trail at once.
fn tell(noted: Result<Noted, NotNoted>, deed: &Deed, output: &Output) {
    match noted {
        Ok(Noted::InTrail) => {}
        Ok(Noted::ForLater(StoreError::InUse { .. })) => output.line(
            &json!({"event": "noted_for_later", "subject": deed.subject}),
            "another process works there: it is in the audit trail within seconds where that is a station, else \
             at the next start",
        ),
        Ok(Noted::ForLater(error)) => {
            tracing::warn!(%error, subject = deed.subject, "not in the audit trail yet");
            output.warning(
                &json!({"event": "noted_for_later", "subject": deed.subject, "reason": error.to_string()}),
                format_args!(
                    "in the audit trail only once a station starts there again: {error}"
                ),
            );
        }
        Err(error) => {
            tracing::error!(%error, subject = deed.subject, "not in the audit trail");
            output.warning(
                &json!({"event": "not_noted", "subject": deed.subject, "reason": error.to_string()}),
                format_args!("of what was done: {error}"),
            );
        }
    }
}
