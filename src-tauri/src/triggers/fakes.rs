//! A station that takes parts as the test says.

use super::{Inspecting, SeenPart, TakePart, Taken, Triggers};
use crate::{
    cameras::Running,
    clock::SystemEntropy,
    dto::{CommandError, ErrorCode},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tokio::{runtime::Handle, sync::Semaphore};
use wiko_camera::CameraFeed;
use wiko_core::{
    camera::{Access, Feature, FeatureKind, FeatureValue, Visibility},
    id::InspectionId,
    image::Sha256,
    ports::{Camera, CameraError},
    time::UnixMillis,
    trigger::{PedalKey, Trigger, TriggerCounts, TriggerSettings, TriggerSource},
};
use wiko_testkit::fakes::{
    camera::{FakeCamera, Shutter},
    clock::SetClock,
};

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
    /// The numbers of the frames that it was taken by, in that order; none where it was to take the next.
    pub seen: Mutex<Vec<Option<u64>>>,
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
    fn inspecting(&self) -> Inspecting {
        Inspecting {
            camera: "fake".into(),
            takes_by_itself: false,
        }
    }

    async fn take(&self, trigger: Trigger, seen: Option<SeenPart>) -> Result<Taken, CommandError> {
        if self.under_way.swap(true, Ordering::SeqCst) {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        let frame = seen.map(|seen| seen.frame.sequence);
        self.seen.lock().unwrap().push(frame);
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
        seen: Mutex::default(),
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

/// A camera at that line, which waits for its own input where it is to, and what makes it give frames.
pub(super) fn camera(line: &FakeLine, has_line_trigger: bool) -> (Running, Shutter) {
    let (camera, shutter) = FakeCamera::new("fake", line.clock.clone());
    let text = |name: &str, value: &str| Feature {
        name: name.into(),
        display_name: name.into(),
        category: "AcquisitionControl".into(),
        visibility: Visibility::Beginner,
        access: Access::ReadWrite,
        kind: FeatureKind::Enumeration {
            entries: vec![value.into()],
        },
        value: Some(FeatureValue::Text(value.into())),
        unit: String::new(),
        description: String::new(),
    };
    let mode = if has_line_trigger { "On" } else { "Off" };
    let mut camera = Some(camera.with_features(vec![
        text("TriggerMode", mode),
        text("TriggerSource", "Line1"),
    ]));
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        Ok(Box::new(camera.take().ok_or(CameraError::Ended)?))
    };
    let feed = CameraFeed::spawn(Box::new(open), Arc::new(SystemEntropy)).unwrap();
    let running = Running {
        entry: None,
        feed: Arc::new(feed),
    };
    (running, shutter)
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
