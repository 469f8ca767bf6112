//! Cameras as a command needs them: open, and giving frames.

use super::Failure;
use crate::{
    cameras::{Cameras, Running},
    settings::Settings,
};
use std::time::Duration;
use wiko_camera::CameraFeed;
use wiko_core::{camera::CameraState, ports::CameraError};
use wiko_pipeline::Order;

/// How long a camera may take to be open.
const OPEN_WITHIN: Duration = Duration::from_secs(5);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until the camera is open, or says why it is not. Frames need not come: a setting may be what keeps them from it.
pub(in crate::cli) async fn opened(cameras: &Cameras, id: &str) -> Result<Running, Failure> {
    let entry = cameras.entry(id)?;
    let feed = cameras.feed(&entry)?;
    let mut states = feed.subscribe_state();
    let is_open = async {
        loop {
            let state = *states.borrow_and_update();
            if feed.trigger_mode().is_some() {
                return Ok(());
            }
            if matches!(state, CameraState::Lost | CameraState::Ended) {
                return Err(feed.last_error().unwrap_or(CameraError::Ended));
            }
            // That it is open is told by no change of its state.
            let _ = tokio::time::timeout(LOOK_AGAIN, states.changed()).await;
        }
    };
    match tokio::time::timeout(OPEN_WITHIN, is_open).await {
        Ok(opened) => opened?,
        Err(_) => return Err(not_yet(&feed).into()),
    }
    Ok(Running {
        entry: Some(entry),
        feed,
    })
}

fn not_yet(feed: &CameraFeed) -> CameraError {
    feed.last_error().unwrap_or(CameraError::Timeout {
        waited_ms: OPEN_WITHIN.as_millis() as u64,
    })
}

/// Waits until frames come, or says why they do not.
pub(in crate::cli) async fn streaming(feed: &CameraFeed) -> Result<(), CameraError> {
    let mut states = feed.subscribe_state();
    let is_known = |state: &CameraState| *state != CameraState::Opening;
    let known = tokio::time::timeout(OPEN_WITHIN, states.wait_for(is_known)).await;
    match known {
        Ok(Ok(state)) if *state == CameraState::Streaming => Ok(()),
        Ok(Ok(state)) if *state == CameraState::Ended => {
            Err(feed.last_error().unwrap_or(CameraError::Ended))
        }
        Ok(_) | Err(_) => Err(not_yet(feed)),
    }
}

/// The camera that a part is captured with.
pub(in crate::cli) fn named(
    settings: &Settings,
    cameras: &Cameras,
    id: &str,
    order: &Order,
) -> Result<Running, Failure> {
    let Ok(entry) = cameras.entry(id) else {
        if cameras.uses_roster() {
            return Err(cameras
                .entry(id)
                .err()
                .map_or_else(|| "no such camera".into(), Into::into));
        }
        crate::cameras::configured::known(&settings.camera, id)?;
        return Ok(cameras.inspecting(order)?);
    };
    if entry.stage != order.stage {
        return Err(format!("{id} looks at {}, not at {}", entry.stage, order.stage).into());
    }
    let feed = cameras.feed(&entry)?;
    Ok(Running {
        entry: Some(entry),
        feed,
    })
}
