//! What an open window follows by itself: set-up at the command line, and parts that passed unseen.
//!
//! Invariant: a trouble is said once, not each time that it is met again.

use super::App;
use crate::{
    dto::{CommandError, ErrorCode},
    triggers,
};
use std::{sync::Arc, time::Duration};
use wiko_core::{ports::StoreError, trigger::TriggerCounts};

/// Set-up is also done at the command line, beside the window.
const LOOK_AT_SET_UP_EVERY: Duration = Duration::from_secs(2);

/// Parts that nobody has seen are told of within this.
const COUNT_MISSED_EVERY: Duration = Duration::from_millis(500);

impl App {
    /// Works with cameras and triggers as the command line sets them up beside this window, until the process ends; calls
    /// `changed` where the window is to read its station again.
    pub async fn follow_set_up(self: Arc<Self>, changed: impl Fn() + Send) {
        let mut ticks = tokio::time::interval(LOOK_AT_SET_UP_EVERY);
        let mut trouble = None;
        loop {
            ticks.tick().await;
            let cameras = self.cameras.clone();
            let reload = tokio::task::spawn_blocking(move || cameras.reload());
            let reloaded = match reload.await {
                Ok(reloaded) => reloaded.map_err(|error| error.to_string()),
                Err(stopped) => Err(stopped.to_string()),
            };
            let followed = match reloaded {
                Ok(true) => self.choose_camera().map_err(|error| error.message),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            let triggers = self.reload_triggers().await;
            if let Ok(true) = triggers {
                changed();
            }
            // Said once, not every two seconds.
            let now = followed
                .err()
                .or_else(|| Some(triggers.err()?.message.clone()));
            if now != trouble
                && let Some(error) = &now
            {
                tracing::error!(
                    error,
                    "what was set up beside the window cannot be followed"
                );
            }
            trouble = now;
        }
    }

    /// Works by the triggers as they were set up beside this window. True where they had changed.
    async fn reload_triggers(&self) -> Result<bool, CommandError> {
        let data_dir = self.installation.settings.data_dir.clone();
        let mut sources = self.sources.lock().await;
        let loading = tokio::task::spawn_blocking(move || triggers::load(&data_dir));
        let stopped = |error: tokio::task::JoinError| {
            CommandError::new(ErrorCode::StorageFault, error.to_string())
        };
        let settings = loading.await.map_err(stopped)??;
        if settings == self.triggers.settings() {
            return Ok(false);
        }
        self.triggers.apply(settings);
        self.start_triggers(&mut sources).await;
        Ok(true)
    }

    /// Counts the parts that passed and that nobody has seen, and notes them, until the process ends.
    pub async fn keep_missed_parts(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(COUNT_MISSED_EVERY);
        let mut trouble = None;
        loop {
            ticks.tick().await;
            let now = self.note_missed_parts().await.err();
            // Said once, not twice a second.
            if now != trouble
                && let Some(error) = &now
            {
                tracing::error!(%error, "parts that passed unseen could not be noted");
            }
            trouble = now;
        }
    }

    /// Counts the parts that passed until now and that nobody has seen, and notes them.
    pub async fn note_missed_parts(&self) -> Result<(), StoreError> {
        for (camera, total) in self.cameras.parts_missed() {
            self.missed_parts
                .take_up(&format!("camera/{camera}"), &camera, total);
        }
        let counts = self.triggers.counts();
        let total = counts.iter().map(TriggerCounts::missed_parts).sum();
        self.missed_parts
            .take_up("triggers", &self.camera_id(), total);
        self.missed_parts.note().await
    }
}
