//! The way of one part at this station, from the trigger to the records.
//!
//! Invariants:
//! - A part is shown by one frame: the one that told of it, or else the next that is exposed after the trigger.
//! - It is recorded under the order that held when that frame was exposed.
//! - Where the camera's own line or a line-scan camera takes parts, nobody else takes the same ones beside it.
//! - It is answered once the part is durable.

use crate::{
    app::App,
    cameras::{self, Running},
    dto::{CommandError, ErrorCode},
    triggers::{Inspecting, SeenPart, TakePart, Taken},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use wiko_camera::TriggerMode;
use wiko_core::{camera::Frame, ports::CameraError, trigger::Trigger};
use wiko_pipeline::Order;

/// How long the trigger waits for a fresh frame.
const FRAME_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Takes parts with what the window shows: its camera and its order.
pub struct AtStation(pub Weak<App>);

#[async_trait::async_trait]
impl TakePart for AtStation {
    fn inspecting(&self) -> Inspecting {
        match self.0.upgrade() {
            Some(app) => {
                let (camera, _) = app.camera_and_order(app.operator());
                Inspecting {
                    camera: app.camera_id(),
                    takes_by_itself: takes_by_itself(&camera),
                }
            }
            None => Inspecting::default(),
        }
    }

    async fn take(&self, trigger: Trigger, seen: Option<SeenPart>) -> Result<Taken, CommandError> {
        let closing = || CommandError::new(ErrorCode::CameraLost, "the station is being closed");
        let app = self.0.upgrade().ok_or_else(closing)?;
        let (camera, order) = app.camera_and_order(app.operator());
        let (camera, mut order, frame) = match seen {
            Some(seen) => {
                let order = order_of(&app, &camera, &seen)?;
                // The same camera as it is set up now, or the one that took the frame.
                let is_same = Arc::ptr_eq(&camera.feed, &seen.camera.feed);
                (
                    if is_same { camera } else { seen.camera },
                    order,
                    seen.frame,
                )
            }
            None => {
                let frame = next_frame(&camera, &trigger).await?;
                (camera, order, frame)
            }
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

/// What was inspected when the frame was exposed that told of the part: the order may have been changed while it waited.
fn order_of(app: &App, camera: &Running, seen: &SeenPart) -> Result<Order, CameraError> {
    let order = app.order_at(seen.frame.exposed_at, app.operator());
    let looks_there = |order: &Order| match &seen.camera.entry {
        Some(entry) => entry.stage == order.stage,
        None => Arc::ptr_eq(&camera.feed, &seen.camera.feed),
    };
    order.filter(looks_there).ok_or_else(|| {
        let reason = "the order was changed to another camera while the part came";
        CameraError::NotReady {
            reason: reason.to_owned(),
        }
    })
}

/// True where each part is taken as the camera's line or its lines tell of it.
fn takes_by_itself(camera: &Running) -> bool {
    let tells = camera.feed.trigger_mode() == Some(TriggerMode::Hardware) || camera.has_lines();
    tells && camera.feed.are_parts_taken()
}

async fn next_frame(camera: &Running, trigger: &Trigger) -> Result<Arc<Frame>, CameraError> {
    if takes_by_itself(camera) {
        let reason = "it takes each part by itself, by its own input line or its lines";
        return Err(CameraError::NotReady {
            reason: reason.to_owned(),
        });
    }
    camera.feed.frame_after(trigger.at, FRAME_TIMEOUT).await
}
