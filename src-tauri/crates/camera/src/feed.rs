//! Runs a camera on a thread of its own and keeps its latest frame.
//!
//! Invariants:
//! - The slot holds one frame: a slow reader misses frames and never holds up the camera.
//! - The old camera is dropped before the next one is opened; devices refuse a second owner.
//! - Dropping the feed stops the thread and waits for it, no longer than one try for a frame takes.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use wiko_core::{
    backoff,
    camera::{CameraState, Frame},
    ports::{Camera, CameraError, Entropy},
    time::UnixMillis,
};

/// Opens the camera, and opens it again after it was lost. Runs on the feed's thread.
pub type OpenCamera = Box<dyn FnMut() -> Result<Box<dyn Camera>, CameraError> + Send>;

/// One try for a frame: short, so that the feed can be stopped.
const POLL: Duration = Duration::from_millis(250);
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// A camera that gives nothing for so long is reopened: after a timeout some drivers never recover.
const REOPEN_AFTER: Duration = Duration::from_secs(6);

/// A running camera.
pub struct CameraFeed {
    latest: watch::Receiver<Option<Arc<Frame>>>,
    state: watch::Receiver<CameraState>,
    fps: watch::Receiver<f64>,
    last_error: watch::Receiver<Option<CameraError>>,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl CameraFeed {
    /// Starts the thread. The watchdog counts monotonic time; frames carry the time that their camera
    /// gave them. `entropy` spreads the tries to reopen.
    pub fn spawn(open: OpenCamera, entropy: Arc<dyn Entropy>) -> Result<Self, CameraError> {
        let (latest_out, latest) = watch::channel(None);
        let (state_out, state) = watch::channel(CameraState::Opening);
        let (fps_out, fps) = watch::channel(0.0);
        let (error_out, last_error) = watch::channel(None);
        let stop = Arc::new(Stop::default());
        let mut runner = Runner {
            open,
            entropy,
            latest: latest_out,
            state: state_out,
            fps: fps_out,
            last_error: error_out,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("camera".to_owned())
            .spawn(move || runner.run())
            .map_err(|error| {
                CameraError::failed(format!("its thread cannot be started: {error}"))
            })?;
        Ok(Self {
            latest,
            state,
            fps,
            last_error,
            stop,
            thread: Some(thread),
        })
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

    /// Why the last frame did not come or could not be used.
    pub fn last_error(&self) -> Option<CameraError> {
        self.last_error.borrow().clone()
    }

    /// The next frame, where it was exposed at `exposed_after` or later; waits up to `timeout` for it. A
    /// frame from before the trigger may show the part before, so it is never given: neither by its
    /// time, nor by having come before the call, as a clock that was set back makes old frames new.
    pub async fn frame_after(
        &self,
        exposed_after: UnixMillis,
        timeout: Duration,
    ) -> Result<Arc<Frame>, CameraError> {
        let mut latest = self.latest.clone();
        latest.mark_unchanged();
        let fresh = async {
            loop {
                latest.changed().await?;
                let frame = latest.borrow_and_update().clone();
                if let Some(frame) = frame.filter(|frame| frame.exposed_at >= exposed_after) {
                    return Ok::<_, watch::error::RecvError>(frame);
                }
            }
        };
        match tokio::time::timeout(timeout, fresh).await {
            Ok(Ok(frame)) => Ok(frame),
            // The thread is at its end: nothing more will come.
            Ok(Err(_)) => Err(self.last_error().unwrap_or(CameraError::Ended)),
            Err(_) => Err(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            }),
        }
    }
}

impl Drop for CameraFeed {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the camera's thread had panicked");
        }
    }
}

/// A stop sign that wakes who waits.
#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn set(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; true where it is to stop.
    fn wait(&self, duration: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = self
            .changed
            .wait_timeout_while(stopped, duration, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        *stopped
    }

    fn is_set(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Runner {
    open: OpenCamera,
    entropy: Arc<dyn Entropy>,
    latest: watch::Sender<Option<Arc<Frame>>>,
    state: watch::Sender<CameraState>,
    fps: watch::Sender<f64>,
    last_error: watch::Sender<Option<CameraError>>,
    stop: Arc<Stop>,
}

/// Why a camera was left.
enum Left {
    Stopped,
    Ended,
    Lost,
}

impl Runner {
    fn run(&mut self) {
        let mut failed = 0;
        while !self.stop.is_set() {
            self.enter(CameraState::Opening);
            let opened = (self.open)();
            let left = match opened {
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
            match left {
                Left::Stopped => return,
                Left::Ended => {
                    self.enter(CameraState::Ended);
                    return;
                }
                Left::Lost => {
                    self.enter(CameraState::Lost);
                    failed += 1;
                    if self
                        .stop
                        .wait(backoff::delay(failed, self.entropy.jitter(), None))
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Reads until the camera ends, is lost or is stopped. Drops the camera.
    fn read(&mut self, mut camera: Box<dyn Camera>) -> (Left, u64) {
        let mut frames = 0;
        let mut last_sign = Instant::now();
        let mut counted = (Instant::now(), 0u32);
        while !self.stop.is_set() {
            match camera.next_frame(POLL) {
                Ok(frame) => {
                    frames += 1;
                    last_sign = Instant::now();
                    self.latest.send_replace(Some(Arc::new(frame)));
                    self.enter(CameraState::Streaming);
                    counted.1 += 1;
                }
                Err(CameraError::Timeout { .. }) => {
                    let silent = last_sign.elapsed();
                    if silent >= STALLED_AFTER {
                        self.enter(CameraState::Stalled);
                        self.note(CameraError::Timeout {
                            waited_ms: silent.as_millis() as u64,
                        });
                    }
                    if silent >= REOPEN_AFTER {
                        return (Left::Lost, frames);
                    }
                }
                // A camera that gives nothing but rubbish is as good as stalled, but there.
                Err(error @ CameraError::BadFrame { .. }) => {
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
            }
        }
        (Left::Stopped, frames)
    }

    fn enter(&self, state: CameraState) {
        self.state.send_if_modified(|current| {
            let changed = *current != state;
            *current = state;
            changed
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
