//! Parts that the camera itself tells of: by its own input line, by the lines of a line-scan camera, or by a part that has
//! come to rest in its picture.
//!
//! Invariants:
//! - The frame that tells is the part's picture; no other is waited for.
//! - Frames of a line wait for the part before to be safe, in a queue that counts what finds no room. One leaves the queue
//!   only once it was let through or refused: whoever is stopped half way loses none.
//! - A part that lies there is told once, also where the picture is followed anew.
//! - The camera that inspects is followed, also where another takes its place.

use super::{SeenPart, Triggers};
use crate::cameras::Running;
use std::sync::{Arc, Weak};
use tokio::sync::watch;
use wiko_camera::{CameraFeed, PartPresent, PartPresentConfig, PartView, Parts, TriggerMode};
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
    let is_line_scan = camera.has_lines();
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
    while let Some(frame) = parts.next().await {
        // Each picture of lines is of other lines.
        let is_apart = source == TriggerSource::PartPresent;
        offer(triggers, camera, source, frame, is_apart).await;
        parts.taken();
    }
}

/// What was seen of a camera's picture until now.
pub(super) struct Presence {
    feed: Weak<CameraFeed>,
    present: PartPresent,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            feed: Weak::new(),
            present: PartPresent::new(PartPresentConfig::default()),
        }
    }
}

/// Looks at the latest frame again and again; a slow machine sees fewer of them.
async fn take_resting(triggers: &Triggers, camera: &Running) {
    let mut frames = camera.feed.subscribe();
    let mut presence = triggers.inner.presence.lock().await;
    if !std::ptr::eq(presence.feed.as_ptr(), Arc::as_ptr(&camera.feed)) {
        *presence = Presence {
            feed: Arc::downgrade(&camera.feed),
            ..Presence::default()
        };
    }
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
            Ok(Ok(luma)) => presence.present.see(&luma),
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
            offer(triggers, camera, TriggerSource::PartPresent, frame, false).await;
        }
    }
}

async fn offer(
    triggers: &Triggers,
    camera: &Running,
    source: TriggerSource,
    frame: Arc<Frame>,
    is_apart: bool,
) {
    let seen = SeenPart {
        camera: camera.clone(),
        frame,
        is_apart,
    };
    // What comes of it is counted, told and logged there.
    let _ = triggers.offer_seen(source, seen).await;
}
