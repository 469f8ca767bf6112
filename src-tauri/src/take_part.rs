//! The way of one part at this station, from the trigger to the records.
//!
//! Invariants:
//! - A part is shown by one frame: the one that told of it, or else the next that is exposed after the trigger.
//! - Where the camera takes parts by itself, nobody else takes the same ones beside it.
//! - It is answered once the part is durable.

use crate::{
    app::App,
    cameras::{self, Running},
    dto::{CommandError, ErrorCode},
    triggers::{SeenPart, TakePart, Taken},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use wiko_camera::TriggerMode;
use wiko_core::{camera::Frame, ports::CameraError, trigger::Trigger};

/// How long the trigger waits for a fresh frame.
const FRAME_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Takes parts with what the window shows: its camera and its order.
pub struct AtStation(pub Weak<App>);

#[async_trait::async_trait]
impl TakePart for AtStation {
    async fn take(&self, trigger: Trigger, seen: Option<SeenPart>) -> Result<Taken, CommandError> {
        let closing = || CommandError::new(ErrorCode::CameraLost, "the station is being closed");
        let app = self.0.upgrade().ok_or_else(closing)?;
        let (camera, mut order) = app.camera_and_order(app.operator());
        let frame = match seen {
            Some(seen) => frame_seen(&camera, seen)?,
            None => next_frame(&camera, &trigger).await?,
        };
        let mut shot = cameras::take_shot(&app.cameras, &camera, frame).await?;
        let conditions = shot.camera.conditions.get_or_insert_default();
        conditions.trigger = Some(trigger.source);
        order.serial = trigger.serial;
        order.lot = trigger.lot.or(order.lot);
        let capture = app.installation.station.capture(&order, &shot).await?;
        Ok(Taken {
            id: capture.id,
            sha256: shot.image.facts().sha256,
        })
    }
}

/// The frame that told of the part, where its camera still is the one that inspects.
fn frame_seen(camera: &Running, seen: SeenPart) -> Result<Arc<Frame>, CameraError> {
    if Arc::ptr_eq(&camera.feed, &seen.camera.feed) {
        return Ok(seen.frame);
    }
    let reason = "the order was changed to another camera while the part came";
    Err(CameraError::NotReady {
        reason: reason.to_owned(),
    })
}

async fn next_frame(camera: &Running, trigger: &Trigger) -> Result<Arc<Frame>, CameraError> {
    let entry = camera.entry.as_ref();
    let by_itself = camera.feed.trigger_mode() == Some(TriggerMode::Hardware)
        || entry.is_some_and(|entry| entry.line_scan.is_some());
    if by_itself && camera.feed.are_parts_taken() {
        let reason = "it takes each part by itself, by its own input line or its lines";
        return Err(CameraError::NotReady {
            reason: reason.to_owned(),
        });
    }
    camera.feed.frame_after(trigger.at, FRAME_TIMEOUT).await
}
