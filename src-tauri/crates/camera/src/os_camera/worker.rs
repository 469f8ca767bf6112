//! The thread on which nokhwa runs.
//!
//! Invariants:
//! - Whoever asks the thread for something waits for so long and no longer.
//! - Frames wait in a slot of few; a slow reader misses the oldest, and each is counted.
//! - A thread that does not end is counted as left behind until it does.

use super::controls;
use crate::mode::{Chosen, Encoding, Interval, Mode, Rates};
use nokhwa::{
    Buffer,
    utils::{
        CameraControl, CameraFormat, CameraIndex, FrameFormat, KnownCameraControl, RequestedFormat,
        RequestedFormatType, Resolution, frame_formats,
    },
};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use wiko_core::{
    camera::{FeatureValue, PixelFormat},
    ports::{CameraError, LostCause},
};

/// Frames that wait for a reader.
const SLOT: usize = 4;
/// Opening enumerates formats and starts a stream.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// A thread that waits for a frame ends with the next one.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// A thread asks what it is to do between two frames.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// So many threads may hang; each holds a handle and the memory of its buffers.
const MOST_LEFT_BEHIND: usize = 4;

/// Threads that hang in the system's driver.
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

/// A frame as nokhwa gave it.
pub(super) struct Taken {
    /// Counts up from 0; a gap is a frame that nobody came for.
    pub(super) sequence: u64,
    pub(super) buffer: Buffer,
    /// When it arrived here.
    pub(super) arrived: Instant,
}

/// What the thread is asked for.
enum Request {
    Controls,
    Set(KnownCameraControl, FeatureValue),
}

#[derive(Default)]
struct State {
    frames: VecDeque<Taken>,
    /// How many did not fit into the slot.
    missed: u64,
    modes: Option<Vec<Mode>>,
    /// What to do once the modes are known.
    chosen: Option<Chosen>,
    streams: bool,
    request: Option<Request>,
    answer: Option<Result<Vec<CameraControl>, String>>,
    failed: Option<CameraError>,
    stop: bool,
    ended: bool,
    left_behind: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `ready` gives something, the thread has failed, or time runs out.
    fn wait<T>(
        &self,
        timeout: Duration,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, CameraError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(ready) = ready(&mut state) {
                return Ok(Some(ready));
            }
            if let Some(failed) = &state.failed {
                return Err(failed.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A thread with an open camera. Dropping it waits for its end, a little.
pub(super) struct Worker {
    shared: Arc<Shared>,
}

impl Worker {
    /// Starts the thread, shows the modes that the camera has to `choose`, and starts a stream of the one it takes.
    pub(super) fn start(
        index: CameraIndex,
        choose: impl FnOnce(&[Mode]) -> Result<Chosen, CameraError>,
    ) -> Result<(Self, Vec<Mode>, Chosen), CameraError> {
        let hanging = LEFT_BEHIND.load(Ordering::SeqCst);
        if hanging >= MOST_LEFT_BEHIND {
            return Err(CameraError::failed(format!(
                "{hanging} cameras hang in the system's driver; unplug them, then start the station again"
            )));
        }
        let worker = Self {
            shared: Arc::default(),
        };
        let shared = worker.shared.clone();
        std::thread::Builder::new()
            .name("nokhwa".to_owned())
            .spawn(move || {
                // nokhwa unwraps in places, also when it is dropped.
                let ran = catch_unwind(AssertUnwindSafe(|| run(&shared, &index)));
                shared.change(|state| {
                    state.failed.get_or_insert_with(|| match ran {
                        Ok(Err(error)) => error,
                        Ok(Ok(())) => CameraError::failed("it was closed"),
                        Err(_) => {
                            CameraError::failed("the camera library broke down; it is opened again")
                        }
                    });
                    state.ended = true;
                    if state.left_behind {
                        LEFT_BEHIND.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            })
            .map_err(|error| {
                worker.shared.change(|state| state.ended = true);
                CameraError::failed(format!("its thread cannot be started: {error}"))
            })?;
        let silent =
            || CameraError::lost(LostCause::Silent, "it does not answer; plug it in again");
        let modes = worker
            .shared
            .wait(OPENED_WITHIN, |state| state.modes.clone())?;
        let modes = modes.ok_or_else(silent)?;
        let chosen = choose(&modes)?;
        worker.shared.change(|state| state.chosen = Some(chosen));
        let streams = worker
            .shared
            .wait(OPENED_WITHIN, |state| state.streams.then_some(()))?;
        streams.ok_or_else(silent)?;
        Ok((worker, modes, chosen))
    }

    /// The next frame, and how many nobody came for; none where time runs out.
    pub(super) fn next(&self, timeout: Duration) -> Result<Option<(Taken, u64)>, CameraError> {
        self.shared.wait(timeout, |state| {
            let frame = state.frames.pop_front()?;
            Some((frame, state.missed))
        })
    }

    pub(super) fn controls(&self) -> Result<Vec<CameraControl>, CameraError> {
        let answer = self.ask(Request::Controls)?;
        answer.map_err(CameraError::failed)
    }

    /// The refusal is the camera's.
    pub(super) fn set(
        &self,
        control: KnownCameraControl,
        value: &FeatureValue,
    ) -> Result<Result<(), String>, CameraError> {
        Ok(self.ask(Request::Set(control, value.clone()))?.map(drop))
    }

    fn ask(&self, request: Request) -> Result<Result<Vec<CameraControl>, String>, CameraError> {
        self.shared.change(|state| {
            state.answer = None;
            state.request = Some(request);
        });
        let answer = self
            .shared
            .wait(ANSWERS_WITHIN, |state| state.answer.take())?;
        answer.ok_or_else(|| {
            // It must not be done later, when nobody looks.
            self.shared.change(|state| state.request = None);
            CameraError::Timeout {
                waited_ms: ANSWERS_WITHIN.as_millis() as u64,
            }
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.change(|state| state.stop = true);
        let deadline = Instant::now() + ENDS_WITHIN;
        let mut state = self.shared.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.left_behind = true;
                let hanging = LEFT_BEHIND.fetch_add(1, Ordering::SeqCst) + 1;
                tracing::warn!(
                    hanging,
                    "a camera hangs in the system's driver; its thread is left behind"
                );
                return;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn run(shared: &Shared, index: &CameraIndex) -> Result<(), CameraError> {
    let open = |kind| {
        let request = RequestedFormat::with_formats(kind, frame_formats());
        nokhwa::Camera::new(index.clone(), request).map_err(|error| failed(&error))
    };
    // Opened in any format only to ask what there is, and closed again before it is opened in the right one.
    let mut any = open(RequestedFormatType::None)?;
    let offered = any
        .compatible_camera_formats()
        .map_err(|error| failed(&error))?;
    drop(any);
    shared.change(|state| state.modes = Some(modes(&offered)));
    let chosen = loop {
        let waited = shared.wait(OPENED_WITHIN, |state| {
            (state.chosen.is_some() || state.stop).then_some(state.chosen)
        })?;
        match waited {
            Some(Some(chosen)) => break chosen,
            Some(None) => return Ok(()),
            None => {}
        }
    };
    let mut camera = open(RequestedFormatType::Exact(format_of(&chosen)?))?;
    camera.open_stream().map_err(|error| failed(&error))?;
    shared.change(|state| state.streams = true);
    let mut sequence = 0;
    loop {
        let request = {
            let mut state = shared.lock();
            if state.stop {
                return Ok(());
            }
            state.request.take()
        };
        if let Some(request) = request {
            let answer = match request {
                Request::Controls => camera.camera_controls().map_err(|error| error.to_string()),
                Request::Set(control, value) => camera
                    .set_camera_control(control, controls::setter(&value))
                    .map(|()| Vec::new())
                    .map_err(|error| error.to_string()),
            };
            shared.change(|state| state.answer = Some(answer));
        }
        let buffer = camera.frame().map_err(|error| failed(&error))?;
        let taken = Taken {
            sequence,
            buffer,
            arrived: Instant::now(),
        };
        sequence += 1;
        shared.change(|state| {
            if state.frames.len() == SLOT {
                state.frames.pop_front();
                state.missed += 1;
            }
            state.frames.push_back(taken);
        });
    }
}

/// nokhwa keeps the system's errors as text.
fn failed(error: &nokhwa::NokhwaError) -> CameraError {
    let words = error.to_string();
    let lower = words.to_ascii_lowercase();
    let says = |marks: &[&str]| marks.iter().any(|mark| lower.contains(mark));
    let (cause, what) = if says(&[
        "os error 19)",
        "no such device",
        "device lost",
        "0xc00d3ea2",
    ]) {
        (
            LostCause::Unplugged,
            "it was unplugged or lost its power; check the cable",
        )
    } else if says(&["os error 16)", "busy", "in use"]) {
        (
            LostCause::OpenElsewhere,
            "another program has it; close that program",
        )
    } else if says(&[
        "os error 13)",
        "permission",
        "access is denied",
        "0x80070005",
    ]) {
        (
            LostCause::NoPermission,
            "the station may not use it; allow it in the system's privacy settings",
        )
    } else if says(&["os error 2)", "no such file", "not found"]) {
        (LostCause::NotFound, "it is not there; plug it in")
    } else if says(&["failed to fufill", "failed to fulfill"]) {
        (
            LostCause::NoUsableFormat,
            "it offers no format that the station can read",
        )
    } else {
        return CameraError::failed(format!(
            "it does not work as it should ({words}); plug it in again"
        ));
    };
    CameraError::lost(cause, format!("{what} ({words})"))
}

fn encoding(format: FrameFormat) -> Encoding {
    match format {
        FrameFormat::MJPEG => Encoding::Mjpeg,
        FrameFormat::YUYV => Encoding::Raw(PixelFormat::YUV422Yuyv8),
        FrameFormat::NV12 => Encoding::Raw(PixelFormat::NV12),
        FrameFormat::GRAY => Encoding::Raw(PixelFormat::Mono8),
        FrameFormat::RAWRGB => Encoding::Raw(PixelFormat::RGB8),
        FrameFormat::RAWBGR => Encoding::Raw(PixelFormat::BGR8),
    }
}

fn format_of(chosen: &Chosen) -> Result<CameraFormat, CameraError> {
    let format = frame_formats()
        .iter()
        .find(|format| encoding(**format) == chosen.encoding);
    let fps = chosen.interval.map_or(0, |interval| interval.denominator);
    match format {
        Some(format) => {
            let size = Resolution::new(chosen.width_px, chosen.height_px);
            Ok(CameraFormat::new(size, *format, fps))
        }
        None => Err(CameraError::lost(
            LostCause::NoUsableFormat,
            format!("it does not offer {chosen}"),
        )),
    }
}

/// Each format and size once, with all its rates, in an order that does not change.
fn modes(offered: &[CameraFormat]) -> Vec<Mode> {
    let mut sorted: Vec<&CameraFormat> = offered.iter().collect();
    sorted.sort_by_key(|format| {
        (
            format.format(),
            format.width(),
            format.height(),
            format.frame_rate(),
        )
    });
    sorted.dedup();
    let mut modes: Vec<Mode> = Vec::new();
    for format in sorted {
        let rate = Interval {
            numerator: 1,
            denominator: format.frame_rate(),
        };
        let (width_px, height_px) = (format.width(), format.height());
        match modes.last_mut() {
            Some(Mode {
                encoding: of,
                width_px: width,
                height_px: height,
                rates: Rates::Discrete(rates),
            }) if (*of, *width, *height) == (encoding(format.format()), width_px, height_px) => {
                rates.push(rate);
            }
            _ => modes.push(Mode {
                encoding: encoding(format.format()),
                width_px,
                height_px,
                rates: Rates::Discrete(vec![rate]),
            }),
        }
    }
    modes
}
