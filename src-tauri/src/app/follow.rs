//! What an open window follows by itself: set-up at the command line, and parts that passed unseen.
//!
//! Invariant: a trouble is said once, not each time that it is met again.

use super::App;
use crate::{
    dto::{CommandError, ErrorCode},
    triggers,
};
use std::{sync::Arc, time::Duration};
use wiko_core::{ports::StoreError, trigger::TriggerSettings};

/// Set-up is also done at the command line, beside the window.
const LOOK_AT_SET_UP_EVERY: Duration = Duration::from_secs(2);

/// Parts that nobody has seen are told of within this.
const COUNT_MISSED_EVERY: Duration = Duration::from_millis(500);

/// What was said last, so that it is not said again.
struct Trouble {
    what: &'static str,
    last: Option<String>,
}

impl Trouble {
    fn of(what: &'static str) -> Self {
        Self { what, last: None }
    }

    fn tell(&mut self, now: Option<String>) {
        if let Some(error) = now.as_ref().filter(|_| now != self.last) {
            tracing::error!(error, "{}", self.what);
        }
        self.last = now;
    }
}

struct Told {
    cameras: Trouble,
    triggers: Trouble,
}

impl App {
    /// Works with cameras and triggers as the command line sets them up beside this window, until the process ends; calls
    /// `changed` with triggers that were.
    pub async fn follow_set_up(self: Arc<Self>, changed: impl Fn(TriggerSettings) + Send) {
        let mut ticks = tokio::time::interval(LOOK_AT_SET_UP_EVERY);
        let mut told = Told {
            cameras: Trouble::of("the cameras that were set up beside cannot be followed"),
            triggers: Trouble::of("the triggers that were set up beside cannot be followed"),
        };
        loop {
            ticks.tick().await;
            if self.triggers.is_closed() {
                return;
            }
            let cameras = self.cameras.clone();
            let reload = tokio::task::spawn_blocking(move || cameras.reload());
            let reloaded = match reload.await {
                Ok(reloaded) => reloaded.map_err(|error| error.to_string()),
                Err(stopped) => Err(stopped.to_string()),
            };
            let followed = match reloaded {
                Ok(true) => self.choose_camera().map_err(|error| error.message),
                // An edit that took in another's change and then failed has reopened cameras all the same.
                Ok(false) => self.keep_inspecting().map_err(|error| error.message),
                Err(error) => Err(error),
            };
            told.cameras.tell(followed.err());
            let triggers = self.reload_triggers().await;
            let triggers = triggers.map_err(|error| error.message);
            if let Ok(Some(settings)) = &triggers {
                changed(settings.clone());
            }
            told.triggers.tell(triggers.err());
        }
    }

    /// Works by the triggers as they were set up beside this window. Answers with those that hold now where they had
    /// changed.
    async fn reload_triggers(&self) -> Result<Option<TriggerSettings>, CommandError> {
        let data_dir = self.installation.settings.data_dir.clone();
        let mut sources = self.sources.lock().await;
        if self.triggers.is_closed() {
            return Ok(None);
        }
        let loading = tokio::task::spawn_blocking(move || triggers::reload(&data_dir));
        let stopped = |error: tokio::task::JoinError| {
            CommandError::new(ErrorCode::StorageFault, error.to_string())
        };
        let settings = loading.await.map_err(stopped)??;
        let changed = settings.filter(|settings| *settings != self.triggers.settings());
        let Some(settings) = changed else {
            if let Some(sources) = &mut *sources {
                sources
                    .retry_http(&self.triggers, &self.installation.settings.data_dir)
                    .await;
            }
            return Ok(None);
        };
        self.triggers.apply(settings.clone());
        self.start_triggers(&mut sources).await;
        Ok(Some(settings))
    }

    /// Counts the parts that passed and that nobody has seen, and notes them, until the process ends.
    pub async fn keep_missed_parts(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(COUNT_MISSED_EVERY);
        let mut told = Trouble::of("parts that passed unseen could not be noted");
        loop {
            ticks.tick().await;
            let noted = self.note_missed_parts().await;
            told.tell(noted.err().map(|error| error.to_string()));
        }
    }

    /// Counts the parts that passed until now and that nobody has seen, and notes them.
    async fn note_missed_parts(&self) -> Result<(), StoreError> {
        self.count_missed_parts();
        self.missed_parts.note().await
    }

    fn count_missed_parts(&self) {
        for (camera, total) in self.cameras.parts_missed() {
            self.missed_parts
                .take_up(&format!("camera/{camera}"), &camera, total);
        }
        for (camera, total) in self.triggers.missed_by_camera() {
            self.missed_parts
                .take_up(&format!("triggers/{camera}"), &camera, total);
        }
    }

    /// Ends what takes parts, and then notes those that nobody has seen any more. Waits no longer than `within` for each.
    pub async fn close(&self, within: Duration) {
        let close = async {
            let mut sources = self.sources.lock().await;
            // From here on nothing starts them anew.
            self.triggers.close_at_once();
            drop(sources.take());
        };
        if tokio::time::timeout(within, close).await.is_err() {
            // Somebody holds the file of triggers; what they would start takes nothing.
            self.triggers.close_at_once();
        }
        self.triggers.close(within).await;
        self.cameras.stop_all();
        let let_go = tokio::task::spawn_blocking(move || {
            wiko_camera::wait_for_stopped_cameras(within);
        });
        // A thread that panicked holds no camera.
        let _ = let_go.await;
        self.count_missed_parts();
        match tokio::time::timeout(within, self.missed_parts.note_all()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "parts that passed unseen could not be noted");
            }
            Err(_) => tracing::error!("parts that passed unseen could not be noted in time"),
        }
    }
}
