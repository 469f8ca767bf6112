//! The thread on which a camera is opened, asked and let go.
//!
//! Invariants:
//! - Aravis' calls take seconds where a camera is gone, and cannot be broken off. Whoever asks waits no longer than the
//!   camera gives signs of life; what hangs ends by itself on this thread, and gives back what it holds there.
//! - A camera that is there is waited for, however long a question takes it, within reason.
//! - Whoever opens a camera that this process lets go of at the moment waits until it has.

use super::{gvcp::Pulse, session::Session};
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use wiko_core::{
    camera::FoundDevice,
    ports::{CameraError, LostCause},
};

/// In between signs of life are looked for.
const LOOK: Duration = Duration::from_millis(25);
/// No camera that answers takes longer for anything.
const LONGEST: Duration = Duration::from_secs(30);
/// Nor for being let go.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// A camera that came back while it was being let go of is free as soon as the library has noticed.
const LET_GO_WITHIN: Duration = Duration::from_secs(2);

/// Threads that have a camera, each with its address and whether nobody waits for it any more.
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());
static LET_GO: Condvar = Condvar::new();

type Held = (String, Arc<AtomicBool>);

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits while a thread that was left to itself has still a hold on the camera at that address, but not for ever. True
/// where one had.
pub(super) fn wait_until_let_go(address: &str) -> bool {
    let is_left = |held: &mut Vec<Held>| {
        held.iter()
            .any(|(at, left)| at == address && left.load(Ordering::Acquire))
    };
    let mut held = held();
    let was_left = is_left(&mut held);
    // Whether it was in time is seen by whoever asks the camera again.
    let _ = LET_GO.wait_timeout_while(held, LET_GO_WITHIN, is_left);
    was_left
}

/// The hold of a thread on its camera.
struct Hold(Arc<AtomicBool>);

impl Hold {
    fn on(address: String, left: Arc<AtomicBool>) -> Self {
        held().push((address, Arc::clone(&left)));
        Self(left)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        held().retain(|(_, left)| !Arc::ptr_eq(left, &self.0));
        LET_GO.notify_all();
    }
}

type Question = Box<dyn FnOnce(&mut Session) + Send>;

/// The thread of an open camera, as long as that is there.
pub(super) struct Worker {
    label: String,
    questions: Option<SyncSender<Question>>,
    ended: Receiver<()>,
    gone: Arc<AtomicBool>,
    /// None for cameras that are not reached by a network.
    pulse: Option<Pulse>,
}

impl Worker {
    /// Starts it with what `open` opens, and answers with what `look` sees of it. `open` is given what says later that
    /// nobody is there any more.
    pub(super) fn start<T: Send + 'static>(
        found: &FoundDevice,
        pulse: Option<Pulse>,
        open: impl FnOnce(Arc<AtomicBool>) -> Result<Session, CameraError> + Send + 'static,
        look: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> Result<(Self, T), CameraError> {
        let label = found.identity.label();
        let (questions, asked) = sync_channel::<Question>(1);
        let (end, ended) = sync_channel(0);
        let (opened, is_open) = sync_channel(1);
        let gone = Arc::new(AtomicBool::new(false));
        let is_gone = Arc::clone(&gone);
        let hold = Hold::on(found.address.clone(), Arc::clone(&gone));
        std::thread::Builder::new()
            .name("genicam".to_owned())
            .spawn(move || {
                // Dropped last, which tells that it is over.
                let _end: SyncSender<()> = end;
                let _hold = hold;
                let mut session = match open(is_gone) {
                    Ok(session) => session,
                    Err(error) => return drop(opened.send(Err(error))),
                };
                if opened.send(Ok(look(&session))).is_err() {
                    return;
                }
                while let Ok(question) = asked.recv() {
                    question(&mut session);
                }
            })
            .map_err(|error| {
                CameraError::failed(format!("{label}: its thread cannot be started: {error}"))
            })?;
        let mut worker = Self {
            label,
            questions: Some(questions),
            ended,
            gone,
            pulse,
        };
        let seen = worker.wait(&is_open)??;
        Ok((worker, seen))
    }

    /// Has the camera do something, and waits for it as long as the camera is there.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut Session) -> T + Send + 'static,
    ) -> Result<T, CameraError> {
        let (reply, answer) = sync_channel(1);
        let question: Question = Box::new(move |session| {
            // Who has stopped waiting misses nothing.
            let _ = reply.send(question(session));
        });
        let sent = self.questions.as_ref().map(|to| to.try_send(question));
        if !matches!(sent, Some(Ok(()))) {
            return Err(self.silent());
        }
        self.wait(&answer)
    }

    /// A frame came.
    pub(super) fn heard(&mut self) {
        if let Some(pulse) = &mut self.pulse {
            pulse.heard();
        }
    }

    /// True where the camera has left questions unanswered, one of which may be asked now; does not wait.
    pub(super) fn is_gone(&mut self) -> bool {
        self.pulse.as_mut().is_some_and(Pulse::is_gone)
    }

    fn wait<T>(&mut self, answer: &Receiver<T>) -> Result<T, CameraError> {
        let begun = Instant::now();
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(self.leave()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.is_gone() || begun.elapsed() >= LONGEST {
                return Err(self.leave());
            }
        }
    }

    /// Leaves the thread to itself, whatever it does: nobody answers there.
    pub(super) fn leave(&mut self) -> CameraError {
        self.gone.store(true, Ordering::Release);
        self.questions = None;
        self.silent()
    }

    fn silent(&self) -> CameraError {
        CameraError::lost(
            LostCause::Unplugged,
            format!(
                "{} has stopped answering; check cable, power and network",
                self.label
            ),
        )
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.questions.take().is_none() {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < ENDS_WITHIN {
            // Nothing is ever sent: it is over when the thread is.
            if self.ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            if self.is_gone() {
                break;
            }
        }
        self.gone.store(true, Ordering::Release);
        tracing::debug!(camera = self.label, "it is let go of in the background");
    }
}
