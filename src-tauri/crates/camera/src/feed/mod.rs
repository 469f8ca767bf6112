//! Runs a camera on a thread of its own and keeps its latest frame.
//!
//! Invariants:
//! - The slot holds one frame: a slow reader misses frames and never holds up the camera.
//! - While somebody takes parts, those that the camera itself triggers go through a queue that loses none; one that finds
//!   no room is counted, and its count is an alarm. A feed that is let go of for good counts what nobody took.
//! - The old camera is dropped before the next one is opened; devices refuse a second owner.
//! - Each time that a camera is opened it is told its settings again, and what it answers is held against them. One
//!   that answers otherwise gives a live picture and no part.
//! - Dropping the feed stops the thread and waits for nothing: the camera is let go of on that thread, which may take
//!   seconds. A feed that finds its camera still held by one before it waits for that one.

mod ending;
mod parts;
mod requests;
mod runner;
mod stop;

pub use ending::wait_for_stopped_cameras;
pub use parts::Parts;

use ending::Run;
use parts::PartQueue;
use requests::Request;
use runner::Runner;
use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use stop::Stop;
use tokio::sync::{oneshot, watch};
use wiko_core::{
    camera::{
        CameraState, Feature, FeatureError, FeatureSettings, FeatureValue, Frame, Mismatch,
        StreamStatistics,
    },
    ports::{Camera, CameraError, Entropy},
    time::UnixMillis,
};

/// Opens the camera, and opens it again after it was lost. Runs on the feed's thread.
pub type OpenCamera = Box<dyn FnMut() -> Result<Box<dyn Camera>, CameraError> + Send>;

/// Questions that wait for the camera's thread at once.
const REQUESTS: usize = 16;
/// A camera that has not answered a question by then is in trouble.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Many settings, each of which may stop and start the stream.
const APPLY_WITHIN: Duration = Duration::from_secs(30);
/// How the camera is triggered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerMode {
    /// It gives frames by itself.
    FreeRun,
    /// It waits for the station's word.
    Software,
    /// It waits for a line of its own: each frame is a part, where somebody takes parts.
    Hardware,
}

/// A running camera.
pub struct CameraFeed {
    latest: watch::Receiver<Option<Arc<Frame>>>,
    state: watch::Receiver<CameraState>,
    fps: watch::Receiver<f64>,
    last_error: watch::Receiver<Option<CameraError>>,
    condition: watch::Receiver<Condition>,
    parts: Arc<PartQueue>,
    requests: SyncSender<Request>,
    stop: Arc<Stop>,
}

/// What is known of an open camera beside its frames.
#[derive(Debug, Clone, Default, PartialEq)]
struct Condition {
    statistics: StreamStatistics,
    mismatches: Vec<Mismatch>,
    settings: FeatureSettings,
    trigger: Option<TriggerMode>,
}

impl CameraFeed {
    /// Starts the thread for a camera without settings of its own; see [`CameraFeed::with_settings`].
    pub fn spawn(open: OpenCamera, entropy: Arc<dyn Entropy>) -> Result<Self, CameraError> {
        Self::with_settings(open, FeatureSettings::new(), entropy)
    }

    /// Starts the thread. Each camera that `open` gives is told `settings`. The watchdog counts monotonic time; frames
    /// carry the time that their camera gave them. `entropy` spreads the tries to reopen.
    pub fn with_settings(
        open: OpenCamera,
        settings: FeatureSettings,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CameraError> {
        let (latest_out, latest) = watch::channel(None);
        let (state_out, state) = watch::channel(CameraState::Opening);
        let (fps_out, fps) = watch::channel(0.0);
        let (error_out, last_error) = watch::channel(None);
        let (condition_out, condition) = watch::channel(Condition::default());
        let (requests, asked) = sync_channel(REQUESTS);
        let parts = Arc::new(PartQueue::default());
        let stop = Arc::new(Stop::default());
        let mut runner = Runner {
            open,
            settings,
            entropy,
            latest: latest_out,
            state: state_out,
            fps: fps_out,
            last_error: error_out,
            condition: condition_out,
            parts: parts.clone(),
            requests: asked,
            stop: stop.clone(),
        };
        let run = Run::of(stop.clone());
        std::thread::Builder::new()
            .name("camera".to_owned())
            .spawn(move || {
                // Dropped after the camera, also where its thread panics.
                let _run = run;
                runner.run();
            })
            .map_err(|error| {
                CameraError::failed(format!("its thread cannot be started: {error}"))
            })?;
        Ok(Self {
            latest,
            state,
            fps,
            last_error,
            condition,
            parts,
            requests,
            stop,
        })
    }

    /// Has the camera let go of, whoever else holds this feed; not waited for. No frame comes any more.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Stops it for good: its parts are given to nobody any more. Those that wait are counted as overflowed, once, and so is
    /// each that the camera still gives before its thread has stopped: [`Self::parts_overflowed`] tells from then on all
    /// that nobody took. One that [`Parts::next`] gave before is its taker's, and is counted only where that one leaves it.
    pub fn forsake(&self) {
        self.parts.forsake();
        self.stop.set();
    }

    /// The latest frame, where there was one.
    pub fn latest(&self) -> Option<Arc<Frame>> {
        self.latest.borrow().clone()
    }

    /// Tells of each new latest frame; who is slow sees only the newest.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Frame>>> {
        self.latest.clone()
    }

    /// What the camera is doing.
    pub fn state(&self) -> CameraState {
        *self.state.borrow()
    }

    /// Tells of each change of state.
    pub fn subscribe_state(&self) -> watch::Receiver<CameraState> {
        self.state.clone()
    }

    /// Frames a second over the last second or so; 0 before it is known.
    pub fn fps(&self) -> f64 {
        *self.fps.borrow()
    }

    /// Why the last frame did not come or could not be used; none once frames come again after a loss.
    pub fn last_error(&self) -> Option<CameraError> {
        self.last_error.borrow().clone()
    }

    /// What the stream delivered and lost since it was opened, as of a second ago at most.
    pub fn statistics(&self) -> StreamStatistics {
        self.condition.borrow().statistics
    }

    /// Settings that the camera did not take. While there are any, no part is taken.
    pub fn mismatches(&self) -> Vec<Mismatch> {
        self.condition.borrow().mismatches.clone()
    }

    /// What the camera was told, as of now.
    pub fn settings(&self) -> FeatureSettings {
        self.condition.borrow().settings.clone()
    }

    /// How the camera is triggered; none before it was opened.
    pub fn trigger_mode(&self) -> Option<TriggerMode> {
        self.condition.borrow().trigger
    }

    /// Parts that the camera told of by itself and that were not taken from it in time: each is a part that was not
    /// inspected. A frame that comes while nobody has [`Self::take_parts`], nor had a moment ago, is none of them: another
    /// trigger may take it.
    pub fn parts_overflowed(&self) -> u64 {
        self.parts.overflowed()
    }

    /// The frames that are each a part, as the camera's own line or its lines say; from now on. None while another has
    /// them.
    pub fn take_parts(&self) -> Option<Parts> {
        PartQueue::take(&self.parts)
    }

    /// True while somebody has [`Self::take_parts`].
    pub fn are_parts_taken(&self) -> bool {
        self.parts.is_taken()
    }

    /// All that the camera can be told, as it is now.
    pub async fn features(&self) -> Result<Vec<Feature>, CameraError> {
        self.ask(Request::Features).await?
    }

    /// Sets a feature. What was set is told to the camera again whenever it is opened.
    pub async fn set_feature(
        &self,
        name: &str,
        value: FeatureValue,
    ) -> Result<Feature, FeatureError> {
        let name = name.to_owned();
        self.ask(|reply| Request::Set { name, value, reply })
            .await?
    }

    /// Replaces all settings by these and tells them to the camera. Answers with those that it did not take.
    pub async fn apply_settings(
        &self,
        settings: FeatureSettings,
    ) -> Result<Vec<Mismatch>, CameraError> {
        let apply = |reply| Request::Apply { settings, reply };
        self.ask_within(APPLY_WITHIN, apply).await?
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, CameraError> {
        self.ask_within(ANSWER_WITHIN, request).await
    }

    async fn ask_within<T>(
        &self,
        within: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, CameraError> {
        let (reply, answer) = oneshot::channel();
        let busy = || CameraError::failed("the camera is busy with other questions; try again");
        let ended = || self.last_error().unwrap_or(CameraError::Ended);
        self.requests
            .try_send(request(reply))
            .map_err(|error| match error {
                TrySendError::Full(_) => busy(),
                TrySendError::Disconnected(_) => ended(),
            })?;
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(self.last_error().unwrap_or(CameraError::Timeout {
                waited_ms: within.as_millis() as u64,
            })),
        }
    }

    /// The next frame, where it was exposed at `exposed_after` or later; waits up to `timeout` for it. A
    /// frame from before the trigger may show the part before, so it is never given: neither by its
    /// time, nor by having come before the call, as a clock that was set back makes old frames new.
    ///
    /// A camera that is lost may be back in time; where it is not, the answer is why it was lost.
    ///
    /// A camera that waits for the station's word is given it. One that does not do what it was told gives no part.
    pub async fn frame_after(
        &self,
        exposed_after: UnixMillis,
        timeout: Duration,
    ) -> Result<Arc<Frame>, CameraError> {
        let condition = self.condition.borrow().clone();
        if let Some(mismatch) = condition.mismatches.first() {
            return Err(CameraError::NotReady {
                reason: mismatch.reason.clone(),
            });
        }
        let mut latest = self.latest.clone();
        latest.mark_unchanged();
        let fresh = async {
            if condition.trigger == Some(TriggerMode::Software) {
                self.ask(Request::Trigger).await??;
            }
            loop {
                // The thread is at its end: nothing more will come.
                let ended = || self.last_error().unwrap_or(CameraError::Ended);
                latest.changed().await.map_err(|_| ended())?;
                let frame = latest.borrow_and_update().clone();
                if let Some(frame) = frame.filter(|frame| frame.exposed_at >= exposed_after) {
                    return Ok(frame);
                }
            }
        };
        match tokio::time::timeout(timeout, fresh).await {
            Ok(frame) => frame,
            Err(_) => Err(self.why_gone().unwrap_or(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            })),
        }
    }

    /// Why there is no camera at this moment that could give a frame.
    fn why_gone(&self) -> Option<CameraError> {
        let is_gone = matches!(self.state(), CameraState::Lost | CameraState::Opening);
        self.last_error().filter(|error| is_gone && error.is_loss())
    }
}

impl Drop for CameraFeed {
    fn drop(&mut self) {
        self.stop();
    }
}
