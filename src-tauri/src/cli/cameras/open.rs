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

/// Waits until the camera is open, or says why it is not.
pub(in crate::cli) async fn opened(cameras: &Cameras, id: &str) -> Result<Running, Failure> {
    let entry = cameras.entry(id)?;
    let feed = cameras.feed(&entry)?;
    streaming(&feed).await?;
    Ok(Running {
        entry: Some(entry),
        feed,
    })
}

/// Waits until frames come, or says why they do not.
pub(in crate::cli) async fn streaming(feed: &CameraFeed) -> Result<(), CameraError> {
    let mut states = feed.subscribe_state();
    let is_known = |state: &CameraState| *state != CameraState::Opening;
    let known = tokio::time::timeout(OPEN_WITHIN, states.wait_for(is_known)).await;
    match known {
        Ok(Ok(state)) if *state == CameraState::Streaming => Ok(()),
        Ok(_) => Err(feed.last_error().unwrap_or(CameraError::Ended)),
        Err(_) => Err(feed.last_error().unwrap_or(CameraError::Timeout {
            waited_ms: OPEN_WITHIN.as_millis() as u64,
        })),
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
