//! The camera's thread.

use super::{
    Condition, OpenCamera, TriggerMode, ending,
    parts::PartQueue,
    requests::{Changed, Request},
    stop::Stop,
};
use crate::settings;
use std::{
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use wiko_core::{
    camera::{CameraState, FeatureSettings, FeatureValue, Frame, FrameFault},
    ports::{Camera, CameraError, Entropy, LostCause},
};

/// One try for a frame: short, so that the feed can be stopped and asked.
const POLL: Duration = Duration::from_millis(100);
/// The same where the camera waits for the station's word, which comes as a question: a part should not wait for it.
const POLL_FOR_WORD: Duration = Duration::from_millis(4);
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// A camera that gives nothing for so long is reopened: after a timeout some drivers never recover.
const REOPEN_AFTER: Duration = Duration::from_secs(6);
/// A lost camera is looked for so often: it is to give a frame within three seconds of being back, of which looking for
/// it may take two.
const REOPEN_EVERY: Duration = Duration::from_millis(500);
/// And at the first loss almost at once.
const REOPEN_FIRST: Duration = Duration::from_millis(100);
/// A camera that a feed before this one still holds is waited for so long.
const LET_GO_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Runner {
    pub(super) open: OpenCamera,
    pub(super) settings: FeatureSettings,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) latest: watch::Sender<Option<Arc<Frame>>>,
    pub(super) state: watch::Sender<CameraState>,
    pub(super) fps: watch::Sender<f64>,
    pub(super) last_error: watch::Sender<Option<CameraError>>,
    pub(super) condition: watch::Sender<Condition>,
    pub(super) parts: Arc<PartQueue>,
    pub(super) requests: Receiver<Request>,
    pub(super) stop: Arc<Stop>,
}

/// Why a camera was left.
enum Left {
    Stopped,
    Ended,
    Lost,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.parts.close();
    }
}

impl Runner {
    pub(super) fn run(&mut self) {
        self.run_until_stopped();
        // Others may hold the feed still.
        self.enter(CameraState::Ended);
    }

    fn run_until_stopped(&mut self) {
        let mut failed = 0_u32;
        while !self.stop.is_set() {
            if failed == 0 {
                self.enter(CameraState::Opening);
            }
            let left = match self.open_and_set() {
                Ok(camera) => {
                    let (left, frames) = self.read(camera);
                    if frames > 0 {
                        failed = 0;
                    }
                    tracing::debug!(frames, "left the camera");
                    left
                }
                Err(CameraError::Ended) => Left::Ended,
                Err(error) => {
                    self.note(error);
                    Left::Lost
                }
            };
            self.fps.send_replace(0.0);
            self.condition.send_replace(Condition::default());
            match left {
                Left::Stopped | Left::Ended => return,
                Left::Lost => {
                    self.enter(CameraState::Lost);
                    failed = failed.saturating_add(1);
                    if self.wait_before(failed) {
                        return;
                    }
                }
            }
        }
    }

    /// Opens the camera and tells it its settings.
    fn open_and_set(&mut self) -> Result<Box<dyn Camera>, CameraError> {
        let mut camera = match (self.open)() {
            // Perhaps only by a feed of this station that was stopped a moment ago.
            Err(CameraError::Lost {
                cause: LostCause::OpenElsewhere,
                ..
            }) if ending::wait_for_others(&self.stop, LET_GO_WITHIN) => (self.open)()?,
            opened => opened?,
        };
        let mismatches = settings::apply(&mut *camera, &self.settings)?;
        for mismatch in &mismatches {
            tracing::warn!(feature = mismatch.name, reason = mismatch.reason, "camera");
        }
        let condition = Condition {
            statistics: camera.statistics(),
            mismatches,
            settings: self.settings.clone(),
            trigger: Some(trigger_of(&mut *camera)),
        };
        self.condition.send_replace(condition);
        Ok(camera)
    }

    /// Waits before the next try, answering questions meanwhile; true where it is to stop.
    fn wait_before(&mut self, failed: u32) -> bool {
        let pause = if failed == 1 {
            REOPEN_FIRST
        } else {
            // Two stations that lost one switch do not ask it at the same time.
            REOPEN_EVERY.mul_f64(0.75 + 0.5 * self.entropy.jitter())
        };
        let until = Instant::now() + pause;
        loop {
            while let Ok(request) = self.requests.try_recv() {
                let error = self.last_error.borrow().clone();
                request.refuse(error.unwrap_or(CameraError::Ended));
            }
            let left = until.saturating_duration_since(Instant::now());
            if self.stop.wait(left.min(POLL)) {
                return true;
            }
            if left <= POLL {
                return false;
            }
        }
    }

    /// Reads until the camera ends, is lost or is stopped. Drops the camera.
    fn read(&mut self, mut camera: Box<dyn Camera>) -> (Left, u64) {
        let mut frames = 0;
        let mut last_sign = Instant::now();
        let mut counted = (Instant::now(), 0u32);
        while !self.stop.is_set() {
            match self.answer(&mut *camera) {
                // A stream that was stopped and started around a setting begins anew.
                Ok(true) => last_sign = Instant::now(),
                Ok(false) => {}
                Err(error) => {
                    self.note(error);
                    return (Left::Lost, frames);
                }
            }
            let poll = match self.trigger() {
                TriggerMode::Software => POLL_FOR_WORD,
                TriggerMode::FreeRun | TriggerMode::Hardware => POLL,
            };
            match camera.next_frame(poll) {
                Ok(frame) => {
                    if frames == 0 {
                        self.over();
                    }
                    frames += 1;
                    last_sign = Instant::now();
                    self.give(frame, camera.gives_parts());
                    self.enter(CameraState::Streaming);
                    counted.1 += 1;
                }
                Err(CameraError::Timeout { .. }) => {
                    let silent = last_sign.elapsed();
                    if camera.is_waiting() {
                        last_sign = Instant::now();
                    }
                    if camera.is_waiting() || self.trigger() != TriggerMode::FreeRun {
                        // Nothing is to come before the next trigger.
                        self.enter(CameraState::Streaming);
                    } else if silent >= STALLED_AFTER {
                        self.note(CameraError::Timeout {
                            waited_ms: silent.as_millis() as u64,
                        });
                        self.enter(CameraState::Stalled);
                        if silent >= REOPEN_AFTER {
                            return (Left::Lost, frames);
                        }
                    }
                }
                // A camera that gives nothing but rubbish is as good as stalled, but there.
                Err(error @ (CameraError::BadFrame { .. } | CameraError::NotReady { .. })) => {
                    self.note(error);
                    if last_sign.elapsed() >= STALLED_AFTER {
                        self.enter(CameraState::Stalled);
                    }
                }
                Err(CameraError::Ended) => return (Left::Ended, frames),
                Err(error @ CameraError::Lost { .. }) => {
                    self.note(error);
                    return (Left::Lost, frames);
                }
            }
            let over = counted.0.elapsed();
            if over >= Duration::from_secs(1) {
                self.fps
                    .send_replace(f64::from(counted.1) / over.as_secs_f64());
                counted = (Instant::now(), 0);
                let statistics = camera.statistics();
                self.condition.send_modify(|it| it.statistics = statistics);
            }
        }
        (Left::Stopped, frames)
    }

    /// Shows the frame. Where it is a part by itself, it goes to whoever takes parts as well.
    fn give(&self, mut frame: Frame, gives_parts: bool) {
        // Said of the frame itself: by the time that it is taken the camera may be mended.
        if !self.condition.borrow().mismatches.is_empty() {
            frame.faults.push(FrameFault::WrongSettings);
        }
        let frame = Arc::new(frame);
        if gives_parts || self.trigger() == TriggerMode::Hardware {
            self.parts.put(frame.clone());
        }
        self.latest.send_replace(Some(frame));
    }

    /// Answers what was asked; true where settings were changed.
    fn answer(&mut self, camera: &mut dyn Camera) -> Result<bool, CameraError> {
        let mut any = false;
        while let Ok(request) = self.requests.try_recv() {
            if request.is_forsaken() {
                continue;
            }
            let Changed::Settings(unmet) = request.answer(camera, &mut self.settings)? else {
                continue;
            };
            any = true;
            let mismatches = match unmet {
                Some(mismatches) => mismatches,
                None => settings::unmet(camera, &self.settings)?,
            };
            let trigger = Some(trigger_of(camera));
            let settings = self.settings.clone();
            self.condition.send_modify(|it| {
                it.mismatches = mismatches;
                it.settings = settings;
                it.trigger = trigger;
            });
        }
        Ok(any)
    }

    fn trigger(&self) -> TriggerMode {
        let trigger = self.condition.borrow().trigger;
        trigger.unwrap_or(TriggerMode::FreeRun)
    }

    /// Who sees a state asks for its cause at once: that is noted before.
    fn enter(&self, state: CameraState) {
        self.state.send_if_modified(|current| {
            let changed = *current != state;
            *current = state;
            changed
        });
    }

    /// Frames come again: what kept them from coming is over. A bad one stays told.
    fn over(&self) {
        self.last_error.send_if_modified(|last| {
            let was = last
                .take_if(|error| error.is_loss() || matches!(error, CameraError::Timeout { .. }));
            was.is_some()
        });
    }

    fn note(&self, error: CameraError) {
        let unchanged = self.last_error.borrow().as_ref() == Some(&error);
        if !unchanged {
            tracing::warn!(%error, "camera");
        }
        self.last_error.send_replace(Some(error));
    }
}

/// How the camera is triggered, as it says itself.
fn trigger_of(camera: &mut dyn Camera) -> TriggerMode {
    let text = |camera: &mut dyn Camera, name: &str| match camera.feature(name).ok()?.value {
        Some(FeatureValue::Text(text)) => Some(text),
        _ => None,
    };
    match text(camera, "TriggerMode").as_deref() {
        Some("On") if text(camera, "TriggerSource").as_deref() == Some("Software") => {
            TriggerMode::Software
        }
        Some("On") => TriggerMode::Hardware,
        _ => TriggerMode::FreeRun,
    }
}
