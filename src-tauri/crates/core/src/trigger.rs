//! What says "take this part now", and how one part is taken once however many say so.
//!
//! Invariants:
//! - One trigger within [`TriggerSettings::debounce_ms`] of the last that was let through is a bounce, whatever
//!   their sources: a pedal rings, and the picture and a foot may tell of the same part.
//! - While a part is being taken no other is begun. What is refused is refused at once and counted, never kept for
//!   later: by then another part may lie there.
//! - Time is the monotonic clock's, given by the caller. A clock that goes back all the same holds up triggers no
//!   longer than a bounce does.
//! - A trigger that took no part keeps no other source from taking one; only its own press is not heard twice.
//! - A scanned serial number goes to one part, and to none that was there before it was scanned.

mod settings;

pub use settings::{
    BadMark, BadTriggerSettings, BarcodeFills, BarcodeSettings, MARK_CHARS, OtherCode, PedalKey,
    PedalKeyRefusal, Scan, TriggerSettings, mark,
};

use crate::{coded, time::UnixMillis};

/// Where a trigger comes from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum TriggerSource {
    /// The trigger key of the keyboard.
    Key,
    /// A foot pedal, which is a keyboard of one key.
    Pedal,
    /// The trigger key on the screen.
    OnScreen,
    /// A scanned code.
    Barcode,
    /// The camera's own input line: the frame was taken because a sensor said so.
    CameraLine,
    /// The time since the last.
    Interval,
    /// The picture: a part has come and lies still.
    PartPresent,
    /// A request of a gateway or script on this machine.
    Http,
}
coded!(TriggerSource, "trigger source");

impl TriggerSource {
    /// True where each trigger tells of one part that moves on by itself: refused, that part is seen by nobody.
    pub fn tells_of_passing_parts(self) -> bool {
        match self {
            Self::CameraLine | Self::PartPresent | Self::Http => true,
            Self::Key | Self::Pedal | Self::OnScreen | Self::Barcode | Self::Interval => false,
        }
    }
}

/// One word that a part is there to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Who says so.
    pub source: TriggerSource,
    /// When; for [`TriggerSource::CameraLine`] and [`TriggerSource::PartPresent`] the exposure of the frame that told.
    pub at: UnixMillis,
    /// The part's serial number, where it was scanned or sent along.
    pub serial: Option<String>,
    /// The lot, where it was scanned or sent along; else the order's holds.
    pub lot: Option<String>,
    /// It asks again for a part that was refused before, and tells of no other.
    pub is_again: bool,
}

impl Trigger {
    /// Of a part of which nothing else is known.
    pub fn plain(source: TriggerSource, at: UnixMillis) -> Self {
        Self {
            source,
            at,
            serial: None,
            lot: None,
            is_again: false,
        }
    }
}

/// Why a trigger takes no part.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
    thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum TriggerRefusal {
    /// The set-up does not let this source trigger.
    SourceOff,
    /// It is the same press, or tells of the same part, as the one before.
    Bounce,
    /// A part is being taken.
    Busy,
}

impl TriggerRefusal {
    /// The code under which it is told to programs.
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl std::fmt::Display for TriggerRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::SourceOff => "this trigger is switched off: switch it on in the set-up",
            Self::Bounce => {
                "too soon after the last trigger to be another part; if it is one, trigger again"
            }
            Self::Busy => {
                "the part before is still being saved: wait until it is, then trigger again"
            }
        })
    }
}

/// What came of the triggers of one source since the station started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TriggerCounts {
    /// The source.
    pub source: TriggerSource,
    /// Parts taken.
    pub taken: u64,
    /// Refused as bounces.
    pub bounced: u64,
    /// Refused while a part was being taken. Where the source [tells of passing
    /// parts](TriggerSource::tells_of_passing_parts), each is a part that nobody has seen.
    pub busy: u64,
    /// Let through, and no part came of it: the camera or the disk failed.
    pub failed: u64,
    /// When its last trigger came, refused or not.
    pub last_at: Option<UnixMillis>,
}

/// Lets one trigger a part through.
#[derive(Debug, Clone)]
pub struct TriggerDebounce {
    settings: TriggerSettings,
    last_taken_ms: Option<u64>,
    /// The last that was let through and took no part.
    last_failed: Option<(TriggerSource, u64)>,
    taking: Option<Taking>,
    counts: Vec<TriggerCounts>,
    scanned_serial: Option<ScannedSerial>,
}

#[derive(Debug, Clone)]
struct ScannedSerial {
    serial: String,
    scanned_ms: u64,
}

#[derive(Debug, Clone)]
struct Taking {
    source: TriggerSource,
    /// The scanned serial number that it used up.
    scanned_serial: Option<ScannedSerial>,
    /// When the part before was let through.
    last_taken_ms: Option<u64>,
}

impl TriggerDebounce {
    /// At rest, with nothing counted.
    pub fn new(settings: TriggerSettings) -> Self {
        let none = |source: &TriggerSource| TriggerCounts {
            source: *source,
            taken: 0,
            bounced: 0,
            busy: 0,
            failed: 0,
            last_at: None,
        };
        Self {
            settings,
            last_taken_ms: None,
            last_failed: None,
            taking: None,
            counts: TriggerSource::ALL.iter().map(none).collect(),
            scanned_serial: None,
        }
    }

    /// From now on by these settings; what was counted and is under way stays.
    pub fn apply(&mut self, settings: TriggerSettings) {
        self.settings = settings;
    }

    /// The settings that hold.
    pub fn settings(&self) -> &TriggerSettings {
        &self.settings
    }

    /// Asks whether `trigger`, which came at `monotonic_ms`, takes a part. It is given back as the part is to be taken:
    /// with the serial number that was scanned for it. [`Self::settle`] has to follow.
    pub fn offer(
        &mut self,
        trigger: Trigger,
        monotonic_ms: u64,
    ) -> Result<Trigger, TriggerRefusal> {
        let debounce_ms = u64::from(self.settings.debounce_ms);
        self.offer_beyond(trigger, monotonic_ms, debounce_ms)
    }

    /// The same of a part that can be no other's, however soon it follows, as pictures of a line-scan camera are.
    pub fn offer_apart(
        &mut self,
        trigger: Trigger,
        monotonic_ms: u64,
    ) -> Result<Trigger, TriggerRefusal> {
        self.offer_beyond(trigger, monotonic_ms, 0)
    }

    fn offer_beyond(
        &mut self,
        mut trigger: Trigger,
        monotonic_ms: u64,
        debounce_ms: u64,
    ) -> Result<Trigger, TriggerRefusal> {
        let source = trigger.source;
        self.count(source).last_at = Some(trigger.at);
        if !self.settings.is_on(source) {
            return Err(TriggerRefusal::SourceOff);
        }
        // Also where it is a little earlier than the last: two sources need not report in order.
        let bounces = |last_ms: u64| monotonic_ms.abs_diff(last_ms) < debounce_ms;
        let failed = self.last_failed.filter(|(failed, _)| *failed == source);
        let same_press = failed.is_some_and(|(_, failed_ms)| bounces(failed_ms));
        if same_press || self.last_taken_ms.is_some_and(bounces) {
            self.count(source).bounced += 1;
            return Err(TriggerRefusal::Bounce);
        }
        if self.taking.is_some() {
            self.count(source).busy += 1;
            return Err(TriggerRefusal::Busy);
        }
        let is_after = |scanned: &mut ScannedSerial| scanned.scanned_ms <= monotonic_ms;
        let scanned_serial = self.scanned_serial.take_if(is_after);
        let serial = scanned_serial
            .as_ref()
            .map(|scanned| scanned.serial.clone());
        trigger.serial = trigger.serial.or(serial);
        self.taking = Some(Taking {
            source,
            scanned_serial,
            last_taken_ms: self.last_taken_ms.replace(monotonic_ms),
        });
        Ok(trigger)
    }

    /// The part that was let through is safe on disk, or cannot be had. What was scanned for a part that cannot be had
    /// goes to the next try, unless another was scanned since.
    pub fn settle(&mut self, is_taken: bool) {
        let Some(taking) = self.taking.take() else {
            return;
        };
        let count = self.count(taking.source);
        if is_taken {
            count.taken += 1;
        } else {
            count.failed += 1;
            self.scanned_serial = self.scanned_serial.take().or(taking.scanned_serial);
            let let_through_ms = std::mem::replace(&mut self.last_taken_ms, taking.last_taken_ms);
            self.last_failed = let_through_ms.map(|ms| (taking.source, ms));
        }
    }

    /// True while a part is being taken.
    pub fn is_taking(&self) -> bool {
        self.taking.is_some()
    }

    /// Keeps a serial number that was scanned at `scanned_ms` for the next part, in place of one that was scanned before.
    pub fn keep_serial(&mut self, serial: String, scanned_ms: u64) {
        self.scanned_serial = Some(ScannedSerial { serial, scanned_ms });
    }

    /// Forgets the serial number that was scanned for the next part.
    pub fn forget_serial(&mut self) {
        self.scanned_serial = None;
    }

    /// The serial number that the next part gets.
    pub fn kept_serial(&self) -> Option<&str> {
        self.scanned_serial
            .as_ref()
            .map(|scanned| scanned.serial.as_str())
    }

    /// What came of the triggers, each source in its order.
    pub fn counts(&self) -> &[TriggerCounts] {
        &self.counts
    }

    fn count(&mut self, source: TriggerSource) -> &mut TriggerCounts {
        // One entry a source, in the order of their declaration.
        &mut self.counts[source as usize]
    }
}

#[cfg(test)]
#[path = "trigger_tests.rs"]
mod tests;
