//! A station that takes parts as the test says.

use super::{TakePart, Taken, Triggers};
use crate::dto::{CommandError, ErrorCode};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tokio::{runtime::Handle, sync::Semaphore};
use wiko_core::{
    id::InspectionId,
    image::Sha256,
    time::UnixMillis,
    trigger::{PedalKey, Trigger, TriggerCounts, TriggerSettings, TriggerSource},
};
use wiko_testkit::fakes::clock::SetClock;

pub(super) const CAMERA_LOST: &str = "the camera is unplugged: check the cable";

/// How the next parts end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Durable,
    CameraLost,
    Panics,
}

pub(super) struct FakeLine {
    pub clock: Arc<SetClock>,
    /// What was taken, in its order.
    pub took: Mutex<Vec<Trigger>>,
    /// One part ends for each permit.
    pub ends: Semaphore,
    ending: Mutex<Ends>,
    /// A second part was begun before the first had ended.
    pub overlapped: AtomicBool,
    under_way: AtomicBool,
}

impl FakeLine {
    pub fn end_as(&self, ending: Ends) {
        *self.ending.lock().unwrap() = ending;
    }

    pub fn took(&self) -> Vec<Trigger> {
        self.took.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl TakePart for FakeLine {
    async fn take(&self, trigger: Trigger) -> Result<Taken, CommandError> {
        if self.under_way.swap(true, Ordering::SeqCst) {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        let number = {
            let mut took = self.took.lock().unwrap();
            took.push(trigger);
            took.len() as u8
        };
        self.ends.acquire().await.unwrap().forget();
        self.under_way.store(false, Ordering::SeqCst);
        let ending = *self.ending.lock().unwrap();
        match ending {
            Ends::Durable => Ok(taken(number)),
            Ends::CameraLost => Err(CommandError::new(ErrorCode::CameraLost, CAMERA_LOST)),
            Ends::Panics => panic!("made up by the test"),
        }
    }
}

/// The part of that number, from 1.
pub(super) fn taken(number: u8) -> Taken {
    Taken {
        id: InspectionId::new(UnixMillis(1_772_352_000_000), [number; 10]),
        sha256: Sha256::from([number; 32]),
    }
}

/// All sources on.
pub(super) fn settings() -> TriggerSettings {
    TriggerSettings {
        sources: TriggerSource::ALL.iter().copied().collect(),
        pedal_key: PedalKey::try_from("F13".to_owned()).ok(),
        ..TriggerSettings::default()
    }
}

/// A line whose parts end by themselves for `ends` times.
pub(super) fn line(settings: TriggerSettings, ends: usize) -> (Triggers, Arc<FakeLine>) {
    let line = Arc::new(FakeLine {
        clock: Arc::new(SetClock::at(UnixMillis(1_772_352_000_000))),
        took: Mutex::default(),
        ends: Semaphore::new(ends),
        ending: Mutex::new(Ends::Durable),
        overlapped: AtomicBool::new(false),
        under_way: AtomicBool::new(false),
    });
    let settings = settings.checked().unwrap();
    let triggers = Triggers::new(
        settings,
        line.clock.clone(),
        line.clone(),
        Handle::current(),
    );
    (triggers, line)
}

pub(super) fn counts_of(triggers: &Triggers, source: TriggerSource) -> TriggerCounts {
    let all = triggers.counts();
    *all.iter().find(|count| count.source == source).unwrap()
}

/// Waits until `is_so`, which something else brings about.
pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .is_err()
    {
        panic!("waited in vain: {what}");
    }
}
