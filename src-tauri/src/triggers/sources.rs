//! The sources that run by themselves.
//!
//! Invariant: those that ran before have ended when others start, so that no part is told of twice.

use super::{HttpError, HttpTrigger, Triggers, by_camera, interval};
use crate::cameras::Running;
use std::{net::SocketAddr, path::Path};
use tokio::{sync::watch, task::JoinSet};
use wiko_core::trigger::TriggerSource;

/// The sources that run by themselves, those of them that are on; until it is dropped.
pub struct Sources {
    pub(super) tasks: JoinSet<()>,
    /// Apart, so that who waits for an answer is not cut off where others are started anew.
    pub(super) server: JoinSet<()>,
    /// Where HTTP listens, or why it does not; none where it is off.
    pub http: Option<Result<SocketAddr, HttpError>>,
}

impl Sources {
    /// Starts them for `triggers` by its settings, in place of those of `before`; `cameras` tells of the camera that
    /// inspects. Where HTTP cannot be had the others run all the same.
    pub async fn start(
        triggers: &Triggers,
        cameras: watch::Receiver<Running>,
        data_dir: &Path,
        before: Option<Self>,
    ) -> Self {
        let settings = triggers.settings();
        let port = settings
            .is_on(TriggerSource::Http)
            .then_some(settings.http_port);
        let (mut server, mut http) = (JoinSet::new(), None);
        if let Some(mut before) = before {
            before.tasks.shutdown().await;
            let listens_at = before
                .http
                .as_ref()
                .and_then(|http| Some(http.as_ref().ok()?.port()));
            if listens_at.is_some() && listens_at == port {
                (server, http) = (before.server, before.http);
            } else {
                // Its port is free from here on.
                before.server.shutdown().await;
            }
        }
        if let (Some(port), None) = (port, &http) {
            http = Some(listen(triggers, port, data_dir, &mut server).await);
        }
        let mut tasks = JoinSet::new();
        if settings.is_on(TriggerSource::CameraLine) || settings.is_on(TriggerSource::PartPresent) {
            tasks.spawn(by_camera::run(triggers.clone(), cameras));
        }
        if settings.is_on(TriggerSource::Interval) {
            let every = std::time::Duration::from_millis(settings.interval_ms.into());
            tasks.spawn(interval::run(triggers.clone(), every));
        }
        Self {
            tasks,
            server,
            http,
        }
    }

    /// Tries again where HTTP could not be had: who had the port may be gone.
    pub async fn retry_http(&mut self, triggers: &Triggers, data_dir: &Path) {
        if let Some(Err(_)) = self.http {
            let port = triggers.settings().http_port;
            self.http = Some(listen(triggers, port, data_dir, &mut self.server).await);
            if let Some(Ok(address)) = &self.http {
                tracing::info!(%address, "programs on this machine can trigger now");
            }
        }
    }
}

async fn listen(
    triggers: &Triggers,
    port: u16,
    data_dir: &Path,
    server: &mut JoinSet<()>,
) -> Result<SocketAddr, HttpError> {
    let listener = HttpTrigger::bind(triggers.clone(), port, data_dir).await?;
    let address = listener.address();
    server.spawn(listener.serve());
    Ok(address)
}
