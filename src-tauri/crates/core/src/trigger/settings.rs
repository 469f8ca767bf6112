//! How triggers are set up. Invariant: what stands here once was checked; nothing is corrected in silence.

use super::TriggerSource;
use crate::{coded, text::plain};
use std::collections::BTreeSet;

/// The longest serial number or lot, in characters.
pub const MARK_CHARS: usize = 64;

/// Shorter than any contact rings, longer than anybody waits.
const DEBOUNCE_MS: std::ops::RangeInclusive<u32> = 50..=10_000;

/// Faster than a part is captured, slower than any line.
const INTERVAL_MS: std::ops::RangeInclusive<u32> = 200..=3_600_000;

/// Below, ports are the system's.
const LOWEST_PORT: u16 = 1024;

/// The longest prefix or suffix of a code, in characters.
const AFFIX_CHARS: usize = 16;

/// How triggers are set up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TriggerSettings {
    /// Who may trigger.
    pub sources: BTreeSet<TriggerSource>,
    /// Two triggers closer than this are one.
    pub debounce_ms: u32,
    /// From one trigger of [`TriggerSource::Interval`] to the next.
    pub interval_ms: u32,
    /// The key that the pedal sends.
    pub pedal_key: Option<PedalKey>,
    /// What a scanned code does.
    pub barcode: BarcodeSettings,
    /// Where [`TriggerSource::Http`] listens, on 127.0.0.1 alone.
    pub http_port: u16,
}

impl Default for TriggerSettings {
    fn default() -> Self {
        Self {
            sources: BTreeSet::from([TriggerSource::Key, TriggerSource::OnScreen]),
            debounce_ms: 350,
            interval_ms: 5_000,
            pedal_key: None,
            barcode: BarcodeSettings::default(),
            http_port: 8642,
        }
    }
}

/// The settings of triggers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct BadTriggerSettings {
    /// The key within the settings.
    pub key: &'static str,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

impl TriggerSettings {
    /// True where this source may trigger.
    pub fn is_on(&self, source: TriggerSource) -> bool {
        self.sources.contains(&source)
    }

    /// The settings, where a station can work by them.
    pub fn checked(self) -> Result<Self, BadTriggerSettings> {
        let bad = |key, reason: String| Err(BadTriggerSettings { key, reason });
        let within = |range: &std::ops::RangeInclusive<u32>| {
            format!("must be from {} to {}", range.start(), range.end())
        };
        if self.sources.is_empty() {
            let reason = "name at least one, such as \"key\"".to_owned();
            return bad("sources", reason);
        }
        if !DEBOUNCE_MS.contains(&self.debounce_ms) {
            return bad("debounce_ms", within(&DEBOUNCE_MS));
        }
        if !INTERVAL_MS.contains(&self.interval_ms) {
            return bad("interval_ms", within(&INTERVAL_MS));
        }
        if self.is_on(TriggerSource::Interval) && self.interval_ms <= self.debounce_ms {
            let reason = "must be longer than debounce_ms, or every second part is a bounce";
            return bad("interval_ms", reason.to_owned());
        }
        if self.is_on(TriggerSource::Pedal) && self.pedal_key.is_none() {
            let reason = "let the station learn the pedal's key, or take \"pedal\" from sources";
            return bad("pedal_key", reason.to_owned());
        }
        if self.http_port < LOWEST_PORT {
            return bad("http_port", format!("must be {LOWEST_PORT} or above"));
        }
        for (key, affix) in [
            ("barcode.prefix", &self.barcode.prefix),
            ("barcode.suffix", &self.barcode.suffix),
        ] {
            if affix.chars().count() > AFFIX_CHARS || plain(affix) != *affix {
                let reason = format!(
                    "must be at most {AFFIX_CHARS} characters that can be seen, without spaces at its ends"
                );
                return bad(key, reason);
            }
        }
        let barcode = &self.barcode;
        let does_nothing = barcode.fills == BarcodeFills::Nothing && !barcode.triggers;
        if self.is_on(TriggerSource::Barcode) && does_nothing {
            let reason = "a scan fills nothing and triggers nothing: choose what it does, or take \"barcode\" from sources";
            return bad("barcode", reason.to_owned());
        }
        Ok(self)
    }
}

/// What a scanned code is.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum BarcodeFills {
    /// The serial number of the part that lies there.
    #[default]
    Serial,
    /// The lot of the parts from now on.
    Lot,
    /// Neither: that there is a code is all that matters.
    Nothing,
}
coded!(BarcodeFills, "use of a code");

/// What a scanned code does.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BarcodeSettings {
    /// What every code of a part begins with; not part of the number.
    pub prefix: String,
    /// What every code of a part ends with; not part of the number.
    pub suffix: String,
    /// What the code is.
    pub fills: BarcodeFills,
    /// True where a scan takes the part as well.
    pub triggers: bool,
}

/// What a scan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The part's serial number.
    pub serial: Option<String>,
    /// The lot.
    pub lot: Option<String>,
    /// True where the part is to be taken as well.
    pub triggers: bool,
}

/// The scanned code is none of a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherCode {
    /// It does not begin or end as the codes of parts do.
    #[error(
        "the code \"{code}\" does not begin with \"{prefix}\" and end with \"{suffix}\": scan the code of the part"
    )]
    Affix {
        /// What was scanned, as it can be shown.
        code: String,
        /// What it should begin with.
        prefix: String,
        /// What it should end with.
        suffix: String,
    },
    /// It cannot be a number of a part.
    #[error(transparent)]
    Mark(#[from] BadMark),
}

impl BarcodeSettings {
    /// What the scanned code says.
    pub fn read(&self, scanned: &str) -> Result<Scan, OtherCode> {
        let number = scanned
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_suffix(self.suffix.as_str()))
            .ok_or_else(|| OtherCode::Affix {
                code: shown(scanned),
                prefix: self.prefix.clone(),
                suffix: self.suffix.clone(),
            })?;
        let number = mark(number)?;
        let (serial, lot) = match self.fills {
            BarcodeFills::Serial => (Some(number), None),
            BarcodeFills::Lot => (None, Some(number)),
            BarcodeFills::Nothing => (None, None),
        };
        Ok(Scan {
            serial,
            lot,
            triggers: self.triggers,
        })
    }
}

/// A text can be no serial number and no lot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{given}\" is no serial number or lot: it needs 1 to {MARK_CHARS} characters that can be seen; scan or write it again"
)]
pub struct BadMark {
    given: String,
}

/// A serial number or lot as it is kept: without spaces around it. Nothing else is taken away: a number that was
/// corrected is another number.
pub fn mark(given: &str) -> Result<String, BadMark> {
    let trimmed = given.trim();
    if plain(trimmed) == trimmed && (1..=MARK_CHARS).contains(&trimmed.chars().count()) {
        return Ok(trimmed.to_owned());
    }
    Err(BadMark {
        given: shown(given),
    })
}

/// So much of a text from outside as an error repeats.
fn shown(text: &str) -> String {
    plain(text).chars().take(MARK_CHARS).collect()
}

/// The key of a pedal, as a `KeyboardEvent.code` of the window, such as `F13`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "specta", specta(transparent))]
pub struct PedalKey(String);

/// Why a key cannot be a pedal's.
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
pub enum PedalKeyRefusal {
    /// It is the trigger key already.
    #[error("the pedal sends the trigger key: it works without being learned")]
    TriggerKey,
    /// The window uses it for something else.
    #[error("the window uses this key: set the pedal to another, such as F13")]
    WindowKey,
    /// Scanners and people write with it.
    #[error("scanners and people write with this key: set the pedal to another, such as F13")]
    WritingKey,
    /// It does nothing alone.
    #[error("this key does nothing alone: set the pedal to another, such as F13")]
    ModifierKey,
    /// The system does not know the key.
    #[error("the system does not know this key: set the pedal to another, such as F13")]
    UnknownKey,
}

impl PedalKeyRefusal {
    /// Every one, in its order.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The code under which the window names it.
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl PedalKey {
    /// The code of the key.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PedalKey {
    type Error = PedalKeyRefusal;

    /// The same table as `pedalKeyRefusal` of the window.
    fn try_from(code: String) -> Result<Self, Self::Error> {
        let is_name = |text: &str| {
            (2..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let starts = |heads: &[&str]| heads.iter().any(|head| code.starts_with(head));
        if !is_name(&code) || code == "Unidentified" {
            return Err(PedalKeyRefusal::UnknownKey);
        }
        match code.as_str() {
            "Space" => return Err(PedalKeyRefusal::TriggerKey),
            "F5" | "F8" | "F9" | "Escape" | "ArrowLeft" | "ArrowRight" | "ArrowUp"
            | "ArrowDown" => return Err(PedalKeyRefusal::WindowKey),
            "Enter" | "Tab" | "Minus" | "Equal" | "Backslash" | "Semicolon" | "Quote" | "Comma"
            | "Period" | "Slash" | "Backquote" | "Backspace" | "Delete" => {
                return Err(PedalKeyRefusal::WritingKey);
            }
            "CapsLock" | "NumLock" | "ScrollLock" | "Fn" | "FnLock" | "ContextMenu" => {
                return Err(PedalKeyRefusal::ModifierKey);
            }
            _ => {}
        }
        // Numpad, Intl and Bracket keys write; `AltLeft`, `ShiftRight` and their like modify.
        if starts(&["Key", "Digit", "Numpad", "Bracket", "Intl", "Lang"]) {
            return Err(PedalKeyRefusal::WritingKey);
        }
        if starts(&["Shift", "Control", "Alt", "Meta", "OS"]) {
            return Err(PedalKeyRefusal::ModifierKey);
        }
        Ok(Self(code))
    }
}

impl From<PedalKey> for String {
    fn from(key: PedalKey) -> Self {
        key.0
    }
}
