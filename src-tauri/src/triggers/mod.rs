//! Who says "take this part now", brought together: the window, pedals and scanners through it, the camera, the
//! time, and programs on this machine.
//!
//! Invariants:
//! - One part is taken at a time, and nothing waits in line: a trigger is let through or refused where it arrives. Only a
//!   frame that is the part's picture already waits until the part before is safe: what it shows does not move on.
//! - A part that was begun is taken to its end, also where who asked for it is gone.
//! - A taking that fails or breaks off frees the next; what came of each trigger is told to all who listen.

mod by_camera;
mod file;
mod http;
mod interval;
mod missed;
mod sources;
mod token;

pub use file::{TriggerFileError, edit, load, reload, save};
pub use http::{HttpError, HttpTrigger};
pub use sources::Sources;
pub use token::{TOKEN_FILE, Token, TokenError};

use crate::{cameras::Running, dto::CommandError};
use missed::{Missed, Passing};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, broadcast, oneshot, watch},
};
use wiko_core::{
    camera::Frame,
    id::InspectionId,
    image::Sha256,
    ports::Clock,
    trigger::{
        OtherCode, Trigger, TriggerCounts, TriggerDebounce, TriggerRefusal, TriggerSettings,
        TriggerSource,
    },
};

/// So many outcomes wait for a listener that is slow; it is told how many it missed.
const OUTCOMES_KEPT: usize = 64;

/// A part that is safe on disk.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// The part.
    pub id: InspectionId,
    /// Its picture.
    pub sha256: Sha256,
}

/// A frame that tells of a part, and is its picture.
#[derive(Clone)]
pub struct SeenPart {
    /// Whose it is.
    pub camera: Running,
    /// The frame.
    pub frame: Arc<Frame>,
    /// True where no other trigger can tell of the same part.
    pub is_apart: bool,
}

/// Takes a part: the way from a frame to the records. It answers once the part is durable.
#[async_trait::async_trait]
pub trait TakePart: Send + Sync {
    /// Takes the part that `trigger` tells of, with its serial number and lot where it has them: by the frame that was
    /// seen, or by the next one.
    async fn take(&self, trigger: Trigger, seen: Option<SeenPart>) -> Result<Taken, CommandError>;

    /// The camera that inspects now.
    fn inspecting(&self) -> Inspecting;
}

/// The camera that inspects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspecting {
    /// Its id in records.
    pub camera: String,
    /// Each part is taken as it tells of it, so that no other trigger is asked for one.
    pub takes_by_itself: bool,
}

/// Why no part was taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// The trigger was not let through.
    #[error("{0}")]
    Trigger(TriggerRefusal),
    /// What was scanned is no code of a part.
    #[error("{0}")]
    OtherCode(OtherCode),
    /// The camera, the disk or the records refused.
    #[error("{}", .0.message)]
    Failed(CommandError),
    /// A fault of the program.
    #[error(
        "the station broke off while it took the part: look in the history whether it is there, and send the log in"
    )]
    BrokenOff,
}

impl From<TriggerRefusal> for Refused {
    fn from(refusal: TriggerRefusal) -> Self {
        Self::Trigger(refusal)
    }
}

impl From<OtherCode> for Refused {
    fn from(other: OtherCode) -> Self {
        Self::OtherCode(other)
    }
}

/// What came of one trigger.
#[derive(Debug, Clone)]
pub struct TriggerOutcome {
    /// Who triggered.
    pub source: TriggerSource,
    /// The part, or why there is none.
    pub result: Result<Taken, Refused>,
}

/// What a scanned code did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// It took the part, and perhaps names the lot from now on.
    Taken {
        /// The part.
        taken: Taken,
        /// The lot, where that is what codes are.
        lot: Option<String>,
    },
    /// Its serial number is kept for the next part.
    SerialKept(String),
    /// It names the lot from now on; the order has to be set.
    Lot(String),
}

/// Lets triggers of all sources through to one [`TakePart`]. Clones are the same.
#[derive(Clone)]
pub struct Triggers {
    inner: Arc<Inner>,
}

struct Inner {
    /// The program ends.
    is_closed: AtomicBool,
    debounce: Mutex<TriggerDebounce>,
    missed: Mutex<Missed>,
    clock: Arc<dyn Clock>,
    take: Arc<dyn TakePart>,
    outcomes: broadcast::Sender<TriggerOutcome>,
    kept_serial: watch::Sender<Option<String>>,
    /// A part is safe, or cannot be had.
    settled: Notify,
    /// What was seen of the picture, so that who follows it anew does not take what lies there a second time.
    presence: tokio::sync::Mutex<by_camera::Presence>,
    runtime: Handle,
}

impl Triggers {
    /// Takes parts by `take`, on the runtime that `runtime` leads to. `settings` are checked ones.
    pub fn new(
        settings: TriggerSettings,
        clock: Arc<dyn Clock>,
        take: Arc<dyn TakePart>,
        runtime: Handle,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                debounce: Mutex::new(TriggerDebounce::new(settings)),
                missed: Mutex::default(),
                is_closed: AtomicBool::new(false),
                clock,
                take,
                outcomes: broadcast::Sender::new(OUTCOMES_KEPT),
                kept_serial: watch::Sender::new(None),
                settled: Notify::new(),
                presence: tokio::sync::Mutex::default(),
                runtime,
            }),
        }
    }

    /// Lets the trigger through, or refuses it at once. Never waits: threads of cameras call it too. What comes of the
    /// part is told by the receiver, which may be dropped: the part is taken all the same.
    pub fn offer(
        &self,
        trigger: Trigger,
    ) -> Result<oneshot::Receiver<Result<Taken, Refused>>, TriggerRefusal> {
        let passing = self.passing(&trigger, None);
        if self.is_closed() {
            return Err(self.refused(&passing, TriggerRefusal::SourceOff));
        }
        let monotonic_ms = self.inner.clock.reading().monotonic_ms;
        let offered = {
            let mut debounce = self.debounce();
            let offered = debounce.offer(trigger, monotonic_ms);
            self.note_let_through(&offered, &passing);
            offered
        };
        match offered {
            Ok(trigger) => Ok(self.begin(trigger, None)),
            Err(refusal) => Err(self.refused(&passing, refusal)),
        }
    }

    /// Lets a trigger through whose part is seen already, once the part before is safe; else as [`Self::offer`]. What is a
    /// bounce goes by when frames were exposed, not by how long they waited.
    pub async fn offer_seen(
        &self,
        source: TriggerSource,
        seen: SeenPart,
    ) -> Result<oneshot::Receiver<Result<Taken, Refused>>, TriggerRefusal> {
        let trigger = Trigger::plain(source, seen.frame.exposed_at);
        let passing = self.passing(&trigger, Some(&seen));
        let settled = self.inner.settled.notified();
        tokio::pin!(settled);
        loop {
            // From here on no word of an end is missed.
            settled.as_mut().enable();
            if self.is_closed() {
                return Err(self.refused(&passing, TriggerRefusal::SourceOff));
            }
            let offered = {
                let mut debounce = self.debounce();
                if debounce.is_taking() {
                    None
                } else {
                    let reading = self.inner.clock.reading();
                    let age_ms = u64::try_from(reading.now.0 - trigger.at.0).unwrap_or(0);
                    let exposed_ms = reading.monotonic_ms.saturating_sub(age_ms);
                    let trigger = trigger.clone();
                    let offered = match seen.is_apart {
                        true => debounce.offer_apart(trigger, exposed_ms),
                        false => debounce.offer(trigger, exposed_ms),
                    };
                    self.note_let_through(&offered, &passing);
                    Some(offered)
                }
            };
            match offered {
                Some(Ok(trigger)) => return Ok(self.begin(trigger, Some(seen))),
                Some(Err(refusal)) => return Err(self.refused(&passing, refusal)),
                None => settled.as_mut().await,
            }
            settled.set(self.inner.settled.notified());
        }
    }

    /// Under the lock of `debounce`, so that who is refused next finds it.
    fn note_let_through(&self, offered: &Result<Trigger, TriggerRefusal>, passing: &Passing) {
        if offered.is_ok() {
            self.missed().let_through(passing.clone());
        }
    }

    fn refused(&self, passing: &Passing, refusal: TriggerRefusal) -> TriggerRefusal {
        let source = passing.source;
        let at_ms = self.inner.clock.reading().monotonic_ms;
        self.missed().refused(passing, refusal, at_ms);
        if refusal != TriggerRefusal::SourceOff && source.tells_of_passing_parts() {
            tracing::warn!(%source, refusal = refusal.code(), "a part came too soon after the one before, and was not taken");
        } else {
            tracing::debug!(%source, refusal = refusal.code(), "a trigger took no part");
        }
        self.tell(source, Err(refusal.into()));
        refusal
    }

    /// The trigger, and the camera that its part passes.
    fn passing(&self, trigger: &Trigger, seen: Option<&SeenPart>) -> Passing {
        let inspecting = self.inner.take.inspecting();
        let camera = match seen {
            Some(SeenPart { camera, .. }) => match &camera.entry {
                Some(entry) => Some(entry.id.clone()),
                None => Some(inspecting.camera),
            },
            None => (!inspecting.takes_by_itself).then_some(inspecting.camera),
        };
        Passing {
            source: trigger.source,
            camera,
            is_apart: seen.is_some_and(|seen| seen.is_apart),
            is_again: trigger.is_again,
        }
    }

    /// A program that may trigger has told of a part in a way that is not understood.
    fn not_understood(&self) {
        let now = self.inner.clock.reading();
        let passing = self.passing(&Trigger::plain(TriggerSource::Http, now.now), None);
        self.missed()
            .refused(&passing, TriggerRefusal::Busy, now.monotonic_ms);
    }

    /// True once the program ends.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::Acquire)
    }

    /// Takes the part of a trigger that was let through.
    fn begin(
        &self,
        trigger: Trigger,
        seen: Option<SeenPart>,
    ) -> oneshot::Receiver<Result<Taken, Refused>> {
        let source = trigger.source;
        self.tell_serial();
        let (tell, told) = oneshot::channel();
        let triggers = self.clone();
        self.inner.runtime.spawn(async move {
            let take = triggers.inner.take.clone();
            // In a task of its own, whose panic ends nothing else.
            let taking = tokio::spawn(async move { take.take(trigger, seen).await });
            let result = match taking.await {
                Ok(result) => result.map_err(Refused::Failed),
                Err(error) => {
                    tracing::error!(%error, %source, "the taking of a part broke off");
                    Err(Refused::BrokenOff)
                }
            };
            let at_ms = triggers.inner.clock.reading().monotonic_ms;
            triggers.missed().settled(result.is_ok(), at_ms);
            triggers.debounce().settle(result.is_ok());
            triggers.inner.settled.notify_waiters();
            triggers.tell_serial();
            triggers.tell(source, result.clone());
            // Who asked may be gone.
            let _ = tell.send(result);
        });
        told
    }

    /// Takes the part that `trigger` tells of; answers once it is safe on disk.
    pub async fn take(&self, trigger: Trigger) -> Result<Taken, Refused> {
        self.offer(trigger)?
            .await
            .unwrap_or(Err(Refused::BrokenOff))
    }

    /// Does with a scanned code what the settings say.
    pub async fn scan(&self, scanned: &str) -> Result<Scanned, Refused> {
        let now = self.inner.clock.now();
        let settings = self.settings();
        if !settings.is_on(TriggerSource::Barcode) {
            return Err(TriggerRefusal::SourceOff.into());
        }
        let scan = settings.barcode.read(scanned)?;
        if scan.triggers {
            let trigger = Trigger {
                serial: scan.serial,
                lot: scan.lot.clone(),
                ..Trigger::plain(TriggerSource::Barcode, now)
            };
            let taken = self.take(trigger).await?;
            return Ok(Scanned::Taken {
                taken,
                lot: scan.lot,
            });
        }
        if let Some(lot) = scan.lot {
            return Ok(Scanned::Lot(lot));
        }
        // Settings under which a scan does nothing at all are refused where they are checked.
        let serial = scan.serial.unwrap_or_default();
        let scanned_ms = self.inner.clock.reading().monotonic_ms;
        self.debounce().keep_serial(serial.clone(), scanned_ms);
        self.tell_serial();
        Ok(Scanned::SerialKept(serial))
    }

    /// The serial number that was scanned for the next part.
    pub fn kept_serial(&self) -> Option<String> {
        self.debounce().kept_serial().map(str::to_owned)
    }

    /// Forgets the serial number that was scanned for the next part.
    pub fn forget_serial(&self) {
        self.debounce().forget_serial();
        self.tell_serial();
    }

    /// Told of each change of the serial number that was scanned for the next part.
    pub fn subscribe_serial(&self) -> watch::Receiver<Option<String>> {
        self.inner.kept_serial.subscribe()
    }

    fn tell_serial(&self) {
        let debounce = self.debounce();
        let now = debounce.kept_serial().map(str::to_owned);
        // Under the lock, so that what is told last is what holds.
        self.inner.kept_serial.send_if_modified(|kept| {
            let is_other = *kept != now;
            *kept = now;
            is_other
        });
    }

    /// The settings that hold.
    pub fn settings(&self) -> TriggerSettings {
        self.debounce().settings().clone()
    }

    /// From now on by these settings, which were checked. [`Sources`] are to be started anew.
    pub fn apply(&self, settings: TriggerSettings) {
        self.debounce().apply(settings);
    }

    /// Parts of which triggers told, that passed each camera and that nobody has seen, since the start.
    pub fn missed_by_camera(&self) -> BTreeMap<String, u64> {
        let now_ms = self.inner.clock.reading().monotonic_ms;
        self.missed().by_camera(now_ms)
    }

    /// Those of them that this source told of.
    pub fn missed_of(&self, source: TriggerSource) -> u64 {
        self.missed().of_source(source)
    }

    /// Lets no trigger through from now on.
    pub fn close_at_once(&self) {
        self.inner.is_closed.store(true, Ordering::Release);
    }

    /// For the end of the program: lets no trigger through any more, whatever the settings say, and waits for the part that is
    /// being taken. One that is not safe within the time and moves on by itself counts as unseen, and so does each that a
    /// program was refused.
    pub async fn close(&self, within: Duration) {
        self.close_at_once();
        let settled = self.inner.settled.notified();
        tokio::pin!(settled);
        settled.as_mut().enable();
        let is_taking = self.debounce().is_taking();
        if is_taking && tokio::time::timeout(within, settled).await.is_err() {
            tracing::error!("a part was not safe when the station was closed");
        }
        self.missed().give_up();
    }

    /// What came of the triggers of each source since the start.
    pub fn counts(&self) -> Vec<TriggerCounts> {
        self.debounce().counts().to_vec()
    }

    /// Told of what comes of each trigger from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<TriggerOutcome> {
        self.inner.outcomes.subscribe()
    }

    fn tell(&self, source: TriggerSource, result: Result<Taken, Refused>) {
        // Nobody need listen.
        let _ = self.inner.outcomes.send(TriggerOutcome { source, result });
    }

    fn missed(&self) -> MutexGuard<'_, Missed> {
        let missed = self.inner.missed.lock();
        missed.unwrap_or_else(PoisonError::into_inner)
    }

    fn debounce(&self) -> MutexGuard<'_, TriggerDebounce> {
        let debounce = self.inner.debounce.lock();
        debounce.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod by_camera_tests;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod tests;
