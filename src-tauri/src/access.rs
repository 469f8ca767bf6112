//! Who may do what: the one place that checks it.
//!
//! Invariant: a command gets at the station only through [`Gate::enter`], which needs the role that the
//! command asks for. A command that forgets to ask does not compile.

use crate::{
    app::App,
    dto::{CommandError, ErrorCode},
};
use std::sync::Arc;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    ports::Records,
    role::Role,
};

/// Who is at the station. People cannot sign in yet: the demo profile runs as admin and says so, any
/// other as field tech, because somebody has to set it up.
#[derive(Debug, Clone)]
pub struct Session {
    /// What the person may do.
    pub role: Role,
    /// Opaque id of the operator.
    pub operator: String,
}

impl Session {
    /// Who it is, for the audit trail. Where nobody has signed in, the role says what the person might do.
    pub fn identity(&self) -> String {
        if self.operator.is_empty() {
            self.role.to_string()
        } else {
            self.operator.clone()
        }
    }
}

/// Stands before the station; what Tauri holds for the commands.
pub struct Gate {
    session: Session,
    app: Arc<App>,
}

impl Gate {
    /// A gate before `app` for the person of `session`.
    pub fn new(session: Session, app: Arc<App>) -> Self {
        Self { session, app }
    }

    /// Notes in the audit trail what the person of this session did; see [`AuditEntry`].
    pub async fn note(
        &self,
        category: AuditCategory,
        subject: &str,
        detail: impl Into<String>,
    ) -> Result<(), CommandError> {
        let entry = AuditEntry {
            at: self.app.installation.clock.now(),
            source: AuditSource::Window,
            category,
            identity: self.session.identity(),
            subject: Some(subject.to_owned()),
            result: AuditResult::Done,
            detail: detail.into(),
        };
        Ok(self.app.installation.records.note(&entry).await?)
    }

    /// Lets a command through that needs `needed`.
    pub fn enter(&self, needed: Role) -> Result<(&Arc<App>, &Session), CommandError> {
        if self.session.role.may(needed) {
            Ok((&self.app, &self.session))
        } else {
            Err(CommandError::new(
                ErrorCode::Forbidden,
                format!(
                    "this needs the role {needed}; you are {}",
                    self.session.role
                ),
            ))
        }
    }
}
