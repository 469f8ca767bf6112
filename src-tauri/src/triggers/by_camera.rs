//! Parts that the camera itself tells of: by its own input line, by the lines of a line-scan camera, or by a part that has
//! come to rest in its picture.
//!
//! Invariants:
//! - The frame that tells is the part's picture; no other is waited for.
//! - Frames of a line wait for the part before to be safe, in a queue that counts what finds no room.
//! - The camera that inspects is followed, also where another takes its place.

use super::{SeenPart, Triggers};
use crate::cameras::Running;
use std::sync::Arc;
use tokio::sync::watch;
use wiko_camera::{PartPresent, PartPresentConfig, PartView, Parts, TriggerMode};
use wiko_core::{camera::Frame, trigger::TriggerSource};
use wiko_imaging::small_luma;

/// Enough to see that a part has come: some 240 pixels across.
const SMALL_PX: u32 = 240;

/// Takes parts of the camera that inspects, until no camera does.
pub(super) async fn run(triggers: Triggers, mut cameras: watch::Receiver<Running>) {
    loop {
        let camera = cameras.borrow_and_update().clone();
        tokio::select! {
            changed = cameras.changed() => if changed.is_err() { return },
            () = follow(&triggers, &camera) => {
                // It has ended, or tells of nothing that is asked for: another one may.
                if cameras.changed().await.is_err() { return }
            }
        }
    }
}

async fn follow(triggers: &Triggers, camera: &Running) {
    let settings = triggers.settings();
    let is_line_scan = camera
        .entry
        .as_ref()
        .is_some_and(|it| it.line_scan.is_some());
    let by_line = if is_line_scan {
        TriggerSource::PartPresent
    } else {
        TriggerSource::CameraLine
    };
    let parts = settings
        .is_on(by_line)
        .then(|| camera.feed.take_parts())
        .flatten();
    let each = async {
        if let Some(parts) = parts {
            take_each(triggers, camera, by_line, parts).await;
        }
    };
    let resting = async {
        if !is_line_scan && settings.is_on(TriggerSource::PartPresent) {
            take_resting(triggers, camera).await;
        }
    };
    tokio::join!(each, resting);
}

async fn take_each(triggers: &Triggers, camera: &Running, source: TriggerSource, mut parts: Parts) {
    while let Some(frame) = parts.recv().await {
        offer(triggers, camera, source, frame).await;
    }
}

/// Looks at the latest frame again and again; a slow machine sees fewer of them.
async fn take_resting(triggers: &Triggers, camera: &Running) {
    let mut frames = camera.feed.subscribe();
    let mut present = PartPresent::new(PartPresentConfig::default());
    while frames.changed().await.is_ok() {
        let Some(frame) = frames.borrow_and_update().clone() else {
            continue;
        };
        // Each of those is a part without being looked at.
        if camera.feed.trigger_mode() == Some(TriggerMode::Hardware) {
            continue;
        }
        let shown = frame.clone();
        let small = tokio::task::spawn_blocking(move || small_luma(&shown.picture, SMALL_PX));
        let seen = match small.await {
            Ok(Ok(luma)) => present.see(&luma),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a frame could not be looked at");
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "a frame could not be looked at");
                continue;
            }
        };
        if seen == PartView::Arrived {
            offer(triggers, camera, TriggerSource::PartPresent, frame).await;
        }
    }
}

async fn offer(triggers: &Triggers, camera: &Running, source: TriggerSource, frame: Arc<Frame>) {
    let seen = SeenPart {
        camera: camera.clone(),
        frame,
    };
    // What comes of it is counted, told and logged there.
    let _ = triggers.offer_seen(source, seen).await;
}
