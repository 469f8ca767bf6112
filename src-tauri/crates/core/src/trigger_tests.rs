use super::*;
use std::collections::BTreeSet;

fn settings() -> TriggerSettings {
    TriggerSettings {
        sources: TriggerSource::ALL.iter().copied().collect(),
        pedal_key: Some(PedalKey::try_from("F13".to_owned()).unwrap()),
        ..TriggerSettings::default()
    }
}

fn from(source: TriggerSource) -> Trigger {
    Trigger::plain(source, UnixMillis(1_772_352_000_000))
}

/// A trigger at a monotonic time, or the end of a part that was begun.
enum Step {
    At(u64, TriggerSource, Result<(), TriggerRefusal>),
    Done(bool),
}
use Step::{At, Done};
use TriggerRefusal::{Bounce, Busy, SourceOff};
use TriggerSource::{Barcode, CameraLine, Http, Interval, Key, OnScreen, PartPresent, Pedal};

fn check(name: &str, steps: &[Step]) -> TriggerDebounce {
    let mut debounce = TriggerDebounce::new(settings());
    for (n, step) in steps.iter().enumerate() {
        match step {
            At(ms, source, expected) => {
                let came = debounce.offer(from(*source), *ms).map(|_| ());
                assert_eq!(came, *expected, "{name}, step {n}");
            }
            Done(is_taken) => debounce.settle(*is_taken),
        }
    }
    debounce
}

#[test]
fn each_part_is_taken_once() {
    let cases: &[(&str, &[Step])] = &[
        (
            "a pedal that rings is one press",
            &[
                At(1_000, Pedal, Ok(())),
                At(1_012, Pedal, Err(Bounce)),
                Done(true),
                At(1_090, Pedal, Err(Bounce)),
                At(1_349, Pedal, Err(Bounce)),
                At(1_350, Pedal, Ok(())),
            ],
        ),
        (
            "the picture and a foot 200 ms later tell of one part",
            &[
                At(5_000, PartPresent, Ok(())),
                Done(true),
                At(5_200, Pedal, Err(Bounce)),
                At(5_400, Pedal, Ok(())),
            ],
        ),
        (
            "a bounce does not begin the wait anew",
            &[
                At(0, Key, Ok(())),
                Done(true),
                At(300, Key, Err(Bounce)),
                At(360, Key, Ok(())),
            ],
        ),
        (
            "while a part is taken others are refused however long it takes",
            &[
                At(0, Key, Ok(())),
                At(400, Http, Err(Busy)),
                At(90_000, Interval, Err(Busy)),
                Done(true),
                At(90_001, OnScreen, Ok(())),
            ],
        ),
        (
            "after a part that could not be had the next is taken, unless it is the same press",
            &[
                At(0, CameraLine, Ok(())),
                Done(false),
                At(100, CameraLine, Err(Bounce)),
                At(400, CameraLine, Ok(())),
            ],
        ),
        (
            "two sources that report out of order tell of one part",
            &[
                At(5_000, Pedal, Ok(())),
                Done(true),
                At(4_900, PartPresent, Err(Bounce)),
            ],
        ),
        (
            "a clock that was set back far locks nothing",
            &[
                At(9_000_000, Key, Ok(())),
                Done(true),
                At(10, Key, Ok(())),
                Done(true),
                At(20, Key, Err(Bounce)),
                At(360, Key, Ok(())),
            ],
        ),
        (
            "a clock that was set back a little holds up no longer than a bounce",
            &[
                At(10_000, Key, Ok(())),
                Done(true),
                At(9_800, Key, Err(Bounce)),
                At(10_150, Key, Err(Bounce)),
                At(10_350, Key, Ok(())),
            ],
        ),
        (
            "the clock's ends are times like others",
            &[
                At(u64::MAX, Barcode, Ok(())),
                Done(true),
                At(u64::MAX - 1, Barcode, Err(Bounce)),
                At(0, Barcode, Ok(())),
            ],
        ),
    ];
    for (name, steps) in cases {
        check(name, steps);
    }
}

#[test]
fn what_came_of_each_source_is_counted() {
    let debounce = check(
        "counts",
        &[
            At(0, Pedal, Ok(())),
            At(100, Pedal, Err(Bounce)),
            At(400, Pedal, Err(Busy)),
            At(500, Http, Err(Busy)),
            Done(true),
            At(1_000, Pedal, Ok(())),
            Done(false),
            // Nothing is under way: it says nothing of any part.
            Done(true),
        ],
    );
    let of = |source| {
        let count = debounce.counts().iter().find(|c| c.source == source);
        let count = count.unwrap();
        (count.taken, count.bounced, count.busy, count.failed)
    };
    assert_eq!(of(Pedal), (1, 1, 1, 1));
    assert_eq!(of(Http), (0, 0, 1, 0));
    assert_eq!(of(Key), (0, 0, 0, 0));
    let sources: Vec<_> = debounce.counts().iter().map(|c| c.source).collect();
    assert_eq!(sources, TriggerSource::ALL);
}

#[test]
fn a_source_that_is_off_takes_nothing_and_holds_up_nobody() {
    let mut debounce = TriggerDebounce::new(TriggerSettings::default());
    assert_eq!(debounce.offer(from(Http), 0), Err(SourceOff));
    assert!(debounce.offer(from(Key), 1).is_ok());
    let mut on = settings();
    on.sources = BTreeSet::from([Http]);
    debounce.apply(on);
    assert_eq!(debounce.offer(from(Key), 2), Err(SourceOff));
    assert_eq!(debounce.offer(from(Http), 3), Err(Bounce));
    assert!(debounce.is_taking());
}

#[test]
fn a_scanned_serial_number_goes_to_one_part() {
    let mut debounce = TriggerDebounce::new(settings());
    let take = |debounce: &mut TriggerDebounce, ms, is_taken| {
        let serial = debounce.offer(from(Pedal), ms).unwrap().serial;
        debounce.settle(is_taken);
        serial
    };
    debounce.keep_serial("A".into(), 0);
    debounce.keep_serial("B".into(), 0);
    assert_eq!(debounce.kept_serial(), Some("B"));
    assert_eq!(take(&mut debounce, 0, false).as_deref(), Some("B"));
    assert_eq!(take(&mut debounce, 1_000, true).as_deref(), Some("B"));
    assert_eq!(take(&mut debounce, 2_000, true), None);
}

#[test]
fn a_serial_number_scanned_while_a_part_is_taken_is_of_the_next() {
    for (is_taken, next) in [(true, "B"), (false, "B")] {
        let mut debounce = TriggerDebounce::new(settings());
        debounce.keep_serial("A".into(), 0);
        let first = debounce.offer(from(Pedal), 0).unwrap();
        assert_eq!(first.serial.as_deref(), Some("A"));
        debounce.keep_serial("B".into(), 0);
        debounce.settle(is_taken);
        let second = debounce.offer(from(Pedal), 1_000).unwrap();
        assert_eq!(second.serial.as_deref(), Some(next));
    }
}

#[test]
fn a_serial_number_that_was_sent_along_goes_before_a_scanned_one_which_is_used_up() {
    let mut debounce = TriggerDebounce::new(settings());
    debounce.keep_serial("A".into(), 0);
    let sent = Trigger {
        serial: Some("S".into()),
        ..from(Http)
    };
    assert_eq!(
        debounce.offer(sent, 0).unwrap().serial.as_deref(),
        Some("S")
    );
    debounce.settle(true);
    assert_eq!(debounce.kept_serial(), None);
}

#[test]
fn a_refused_trigger_uses_up_no_serial_number() {
    let mut debounce = TriggerDebounce::new(settings());
    debounce.offer(from(Key), 0).unwrap();
    debounce.keep_serial("A".into(), 0);
    assert_eq!(debounce.offer(from(Key), 10), Err(Bounce));
    assert_eq!(debounce.offer(from(Key), 800), Err(Busy));
    debounce.settle(true);
    let next = debounce.offer(from(Key), 900).unwrap();
    assert_eq!(next.serial.as_deref(), Some("A"));
}

#[test]
fn settings_that_no_station_can_work_by_are_refused_with_their_key() {
    type Spoil = fn(&mut TriggerSettings);
    let cases: [(&str, Spoil); 10] = [
        ("sources", |s| s.sources.clear()),
        ("debounce_ms", |s| s.debounce_ms = 49),
        ("debounce_ms", |s| s.debounce_ms = 10_001),
        ("interval_ms", |s| s.interval_ms = 0),
        ("interval_ms", |s| {
            (s.interval_ms, s.debounce_ms) = (350, 350);
        }),
        ("pedal_key", |s| s.pedal_key = None),
        ("http_port", |s| s.http_port = 80),
        ("barcode.prefix", |s| s.barcode.prefix = " P".into()),
        ("barcode.suffix", |s| s.barcode.suffix = "S".repeat(17)),
        ("barcode", |s| {
            (s.barcode.fills, s.barcode.triggers) = (BarcodeFills::Nothing, false);
        }),
    ];
    assert_eq!(settings().checked(), Ok(settings()));
    for (key, spoil) in cases {
        let mut spoilt = settings();
        spoil(&mut spoilt);
        let refused = spoilt.checked().unwrap_err();
        assert_eq!(refused.key, key, "{refused}");
    }
}

#[test]
fn without_any_settings_the_key_and_the_screen_trigger_as_they_always_did() {
    let read: TriggerSettings = serde_json::from_str("{}").unwrap();
    assert_eq!(read, TriggerSettings::default());
    assert_eq!(read.sources, BTreeSet::from([Key, OnScreen]));
    assert_eq!(read.debounce_ms, 350);
    assert!(read.checked().is_ok());
}

#[test]
fn a_setting_that_is_not_known_is_refused() {
    for text in [
        r#"{"debounce": 1}"#,
        r#"{"sources": ["foot"]}"#,
        r#"{"barcode": {"regex": "x"}}"#,
        r#"{"pedal_key": "F8"}"#,
    ] {
        assert!(
            serde_json::from_str::<TriggerSettings>(text).is_err(),
            "{text}"
        );
    }
}

#[test]
fn settings_are_read_as_they_were_written() {
    let mut written = settings();
    written.barcode.fills = BarcodeFills::Lot;
    let text = serde_json::to_string(&written).unwrap();
    assert!(text.contains(r#""pedal_key":"F13""#), "{text}");
    assert_eq!(
        serde_json::from_str::<TriggerSettings>(&text).unwrap(),
        written
    );
}

#[test]
fn a_scanned_code_says_what_the_set_up_makes_of_it() {
    let barcode = |fills, triggers| BarcodeSettings {
        prefix: "WK-".into(),
        suffix: "#".into(),
        fills,
        triggers,
    };
    let number = || Some("2026-0042".to_owned());
    let cases = [
        (BarcodeFills::Serial, true, number(), None),
        (BarcodeFills::Lot, false, None, number()),
        (BarcodeFills::Nothing, true, None, None),
    ];
    for (fills, triggers, serial, lot) in cases {
        let scan = barcode(fills, triggers).read("WK-2026-0042#").unwrap();
        assert_eq!(
            scan,
            Scan {
                serial,
                lot,
                triggers
            }
        );
    }
    let serial = barcode(BarcodeFills::Serial, true);
    for other in [
        "2026-0042#",
        "WK-2026-0042",
        "",
        "WK-#",
        "WK- #",
        "WK-12\u{1d}34#",
    ] {
        let refused = serial.read(other).unwrap_err().to_string();
        assert!(refused.contains("scan"), "{other}: {refused}");
    }
}

#[test]
fn a_prefix_and_a_suffix_do_not_share_characters() {
    let barcode = BarcodeSettings {
        prefix: "AB".into(),
        suffix: "BA".into(),
        ..BarcodeSettings::default()
    };
    assert!(barcode.read("ABA").is_err());
}

#[test]
fn a_number_is_kept_as_it_was_scanned_or_not_at_all() {
    for (given, kept) in [
        ("A1", "A1"),
        (" A1\t", "A1"),
        ("批次 7", "批次 7"),
        ("a b", "a b"),
    ] {
        assert_eq!(mark(given).as_deref(), Ok(kept));
    }
    for given in ["", " ", "A\u{202e}1", "A\n1", "A\u{0}1"] {
        assert!(mark(given).is_err(), "{given:?}");
    }
    assert!(mark(&"刀".repeat(MARK_CHARS)).is_ok());
    assert!(mark(&"刀".repeat(MARK_CHARS + 1)).is_err());
    let told = mark("A\u{1b}[31m\n1").unwrap_err().to_string();
    assert!(!told.contains(['\u{1b}', '\n']), "{told}");
}

#[test]
fn a_pedal_has_a_key_of_its_own() {
    for code in [
        "F1",
        "F13",
        "F24",
        "PageDown",
        "Pause",
        "Home",
        "MediaPlayPause",
    ] {
        let key = PedalKey::try_from(code.to_owned());
        assert_eq!(key.map(|key| key.code().to_owned()).as_deref(), Ok(code));
    }
    for (code, why) in [
        ("Space", PedalKeyRefusal::TriggerKey),
        ("F5", PedalKeyRefusal::WindowKey),
        ("F8", PedalKeyRefusal::WindowKey),
        ("F9", PedalKeyRefusal::WindowKey),
        ("Escape", PedalKeyRefusal::WindowKey),
        ("ArrowDown", PedalKeyRefusal::WindowKey),
        ("KeyB", PedalKeyRefusal::WritingKey),
        ("Digit1", PedalKeyRefusal::WritingKey),
        ("Numpad5", PedalKeyRefusal::WritingKey),
        ("NumpadEnter", PedalKeyRefusal::WritingKey),
        ("Enter", PedalKeyRefusal::WritingKey),
        ("Tab", PedalKeyRefusal::WritingKey),
        ("BracketLeft", PedalKeyRefusal::WritingKey),
        ("ShiftLeft", PedalKeyRefusal::ModifierKey),
        ("ControlRight", PedalKeyRefusal::ModifierKey),
        ("MetaLeft", PedalKeyRefusal::ModifierKey),
        ("CapsLock", PedalKeyRefusal::ModifierKey),
        ("", PedalKeyRefusal::UnknownKey),
        ("Unidentified", PedalKeyRefusal::UnknownKey),
        ("F 13", PedalKeyRefusal::UnknownKey),
    ] {
        assert_eq!(PedalKey::try_from(code.to_owned()), Err(why), "{code}");
    }
}

#[test]
fn a_trigger_that_took_no_part_hides_none_that_comes_just_after() {
    let mut debounce = TriggerDebounce::new(TriggerSettings {
        sources: [TriggerSource::Key, TriggerSource::CameraLine].into(),
        ..TriggerSettings::default()
    });
    let plain = |source| Trigger::plain(source, UnixMillis(0));
    debounce.offer(plain(TriggerSource::Key), 1_000).unwrap();
    debounce.settle(false);
    debounce
        .offer(plain(TriggerSource::CameraLine), 1_100)
        .unwrap();
    debounce.settle(true);
    let bounce = debounce.offer(plain(TriggerSource::CameraLine), 1_200);
    assert_eq!(bounce.unwrap_err(), TriggerRefusal::Bounce);
    debounce
        .offer_apart(plain(TriggerSource::CameraLine), 1_210)
        .unwrap();
}

#[test]
fn a_part_that_was_exposed_before_a_code_was_scanned_does_not_get_its_number() {
    let mut debounce = TriggerDebounce::new(TriggerSettings {
        sources: [TriggerSource::CameraLine].into(),
        ..TriggerSettings::default()
    });
    let plain = || Trigger::plain(TriggerSource::CameraLine, UnixMillis(0));
    debounce.keep_serial("C".into(), 2_000);
    let before = debounce.offer(plain(), 1_000).unwrap();
    assert_eq!(before.serial, None);
    debounce.settle(true);
    assert_eq!(debounce.kept_serial(), Some("C"));
    let after = debounce.offer(plain(), 2_500).unwrap();
    assert_eq!(after.serial.as_deref(), Some("C"));
}
