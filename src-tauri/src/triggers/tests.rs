use super::fakes::{CAMERA_LOST, Ends, camera, counts_of, line, settings, taken, until};
use super::*;
use crate::dto::ErrorCode;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use wiko_core::{
    time::UnixMillis,
    trigger::{BarcodeFills, BarcodeSettings},
};

fn from(source: TriggerSource) -> Trigger {
    Trigger::plain(source, UnixMillis(1_772_352_000_000))
}

const PAST_BOUNCE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_part_is_told_once_it_is_durable_and_the_next_can_follow_at_once() {
    let (triggers, line) = line(settings(), 2);
    for number in 1..=2 {
        let part = triggers.take(from(TriggerSource::Pedal)).await.unwrap();
        assert_eq!(part, taken(number));
        line.clock.advance(PAST_BOUNCE);
    }
    assert_eq!(counts_of(&triggers, TriggerSource::Pedal).taken, 2);
}

#[tokio::test]
async fn the_picture_and_a_foot_take_one_part() {
    let (triggers, line) = line(settings(), 5);
    triggers
        .take(from(TriggerSource::PartPresent))
        .await
        .unwrap();
    line.clock.advance(Duration::from_millis(200));
    let refused = triggers.take(from(TriggerSource::Pedal)).await.unwrap_err();
    assert!(matches!(refused, Refused::Trigger(TriggerRefusal::Bounce)));
    assert_eq!(line.took().len(), 1);
    assert_eq!(counts_of(&triggers, TriggerSource::Pedal).bounced, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_sources_at_once_from_many_threads_take_one_part() {
    let (triggers, line) = line(settings(), 0);
    let mut threads = Vec::new();
    for n in 0..64 {
        let (triggers, source) = (triggers.clone(), TriggerSource::ALL[n % 8]);
        // As the threads of cameras do, which are no tasks.
        threads.push(std::thread::spawn(move || {
            triggers.offer(from(source)).is_ok()
        }));
    }
    let through = threads
        .into_iter()
        .filter_map(|t| t.join().ok())
        .filter(|ok| *ok);
    assert_eq!(through.count(), 1);
    until("the part is begun", || line.took().len() == 1).await;
    line.clock.advance(PAST_BOUNCE);
    let refused = triggers.offer(from(TriggerSource::CameraLine)).unwrap_err();
    assert_eq!(refused, TriggerRefusal::Busy);
    line.ends.add_permits(1);
    until("it is taken", || {
        triggers.counts().iter().any(|c| c.taken == 1)
    })
    .await;
    assert_eq!(line.took().len(), 1);
    assert!(!line.overlapped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_part_that_cannot_be_had_is_told_with_its_sentence_and_frees_the_next() {
    let (triggers, line) = line(settings(), 2);
    let mut outcomes = triggers.subscribe();
    line.end_as(Ends::CameraLost);
    let refused = triggers
        .take(from(TriggerSource::CameraLine))
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), CAMERA_LOST);
    let told = outcomes.recv().await.unwrap();
    assert_eq!(told.source, TriggerSource::CameraLine);
    assert!(
        matches!(told.result, Err(Refused::Failed(error)) if error.code == ErrorCode::CameraLost)
    );
    line.end_as(Ends::Durable);
    line.clock.advance(PAST_BOUNCE);
    triggers
        .take(from(TriggerSource::CameraLine))
        .await
        .unwrap();
    let counts = counts_of(&triggers, TriggerSource::CameraLine);
    assert_eq!((counts.taken, counts.failed), (1, 1));
}

#[tokio::test]
async fn a_taking_that_breaks_off_is_told_and_frees_the_next() {
    let (triggers, line) = line(settings(), 2);
    line.end_as(Ends::Panics);
    let refused = triggers.take(from(TriggerSource::Key)).await.unwrap_err();
    assert!(matches!(refused, Refused::BrokenOff), "{refused}");
    line.end_as(Ends::Durable);
    line.clock.advance(PAST_BOUNCE);
    assert!(triggers.take(from(TriggerSource::Key)).await.is_ok());
}

#[tokio::test]
async fn a_part_is_taken_also_where_nobody_waits_for_it() {
    let (triggers, line) = line(settings(), 0);
    drop(triggers.offer(from(TriggerSource::Http)).unwrap());
    line.ends.add_permits(1);
    until("it is taken", || {
        counts_of(&triggers, TriggerSource::Http).taken == 1
    })
    .await;
}

#[tokio::test]
async fn a_scan_does_what_the_set_up_says() {
    let with = |fills, also_triggers| TriggerSettings {
        barcode: BarcodeSettings {
            fills,
            triggers: also_triggers,
            ..BarcodeSettings::default()
        },
        ..settings()
    };
    let (triggers, line) = line(with(BarcodeFills::Serial, false), 9);
    let kept = triggers.scan("S-1").await.unwrap();
    assert_eq!(kept, Scanned::SerialKept("S-1".into()));
    assert_eq!(triggers.kept_serial().as_deref(), Some("S-1"));
    assert_eq!(line.took().len(), 0);
    triggers.take(from(TriggerSource::Pedal)).await.unwrap();
    assert_eq!(line.took()[0].serial.as_deref(), Some("S-1"));
    assert_eq!(triggers.kept_serial(), None);
    triggers.scan("S-1 again").await.unwrap();
    triggers.forget_serial();
    assert_eq!(triggers.kept_serial(), None);

    triggers.apply(with(BarcodeFills::Lot, false));
    assert_eq!(
        triggers.scan("L-7").await.unwrap(),
        Scanned::Lot("L-7".into())
    );
    assert_eq!(line.took().len(), 1);

    line.clock.advance(PAST_BOUNCE);
    triggers.apply(with(BarcodeFills::Serial, true));
    let part = triggers.scan("S-2").await.unwrap();
    assert_eq!(
        part,
        Scanned::Taken {
            taken: taken(2),
            lot: None
        }
    );
    assert_eq!(line.took()[1].serial.as_deref(), Some("S-2"));
    assert_eq!(line.took()[1].source, TriggerSource::Barcode);

    let refused = triggers.scan("S-\u{1}3").await.unwrap_err();
    assert!(matches!(refused, Refused::OtherCode(_)), "{refused}");
    triggers.apply(TriggerSettings::default());
    let refused = triggers.scan("S-4").await.unwrap_err();
    assert!(matches!(
        refused,
        Refused::Trigger(TriggerRefusal::SourceOff)
    ));
}

#[tokio::test]
async fn the_interval_takes_a_part_each_time_and_none_for_ticks_that_find_it_busy() {
    let (triggers, line) = line(settings(), 1);
    let mut tasks = JoinSet::new();
    tasks.spawn(interval::run(triggers.clone(), Duration::from_millis(5)));
    let counts = || counts_of(&triggers, TriggerSource::Interval);
    until("a first part", || counts().taken == 1).await;
    until("a tick within the debounce time", || counts().bounced > 0).await;
    line.clock.advance(PAST_BOUNCE);
    until("a second part is begun", || line.took().len() == 2).await;
    line.clock.advance(PAST_BOUNCE);
    until("ticks that find it busy", || counts().busy > 2).await;
    line.ends.add_permits(1);
    until("a third part is begun", || line.took().len() == 3).await;
    assert!(!line.overlapped.load(Ordering::SeqCst));
    tasks.shutdown().await;
    line.ends.add_permits(9);
    until("the third part is taken", || counts().taken == 3).await;
    line.clock.advance(PAST_BOUNCE);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(line.took().len(), 3, "stopped, it ticks no more");
}

#[tokio::test]
async fn only_the_sources_that_are_on_are_started() {
    let started = async |sources: &[TriggerSource]| {
        let dir = tempfile::tempdir().unwrap();
        let on = TriggerSettings {
            sources: sources.iter().copied().collect(),
            interval_ms: 400,
            http_port: free_port(),
            ..settings()
        };
        let (triggers, line) = line(on, 9);
        let (camera, _shutter) = camera(&line, false);
        let (_cameras, inspecting) = watch::channel(camera);
        let sources = Sources::start(&triggers, inspecting, dir.path(), None).await;
        let has_http = matches!(&sources.http, Some(Ok(address)) if address.ip().is_loopback());
        (sources.tasks.len() + sources.server.len(), has_http)
    };
    use TriggerSource::{CameraLine, Http, Interval, Key, PartPresent};
    assert_eq!(started(&[Key]).await, (0, false));
    assert_eq!(started(&[Key, Interval]).await, (1, false));
    assert_eq!(started(&[Interval, Http]).await, (2, true));
    assert_eq!(started(&[CameraLine, PartPresent]).await, (1, false));
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_part_that_a_program_told_of_and_that_failed_counts_for_the_camera_that_it_passed() {
    let (triggers, line) = line(settings(), 1);
    line.end_as(Ends::CameraLost);
    triggers.take(from(TriggerSource::Http)).await.unwrap_err();
    // It may still ask again.
    assert_eq!(triggers.missed_by_camera().len(), 0);
    line.clock.advance(Duration::from_secs(3));
    let missed: Vec<_> = triggers.missed_by_camera().into_iter().collect();
    assert_eq!(missed, [("fake".to_owned(), 1)]);
    assert_eq!(triggers.missed_of(TriggerSource::Http), 1);
}

#[tokio::test]
async fn a_part_that_is_not_safe_when_the_station_closes_counts_as_unseen() {
    let (triggers, line) = line(settings(), 0);
    let told = triggers.offer(from(TriggerSource::Http)).unwrap();
    triggers.close(Duration::from_millis(20)).await;
    let missed: Vec<_> = triggers.missed_by_camera().into_iter().collect();
    assert_eq!(missed, [("fake".to_owned(), 1)]);
    // Whatever is set up meanwhile.
    triggers.apply(settings());
    let refused = triggers.offer(from(TriggerSource::Key)).unwrap_err();
    assert_eq!(refused, TriggerRefusal::SourceOff);
    line.ends.add_permits(1);
    told.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_station_that_closes_waits_for_the_part_that_is_being_taken() {
    let (triggers, line) = line(settings(), 0);
    let told = triggers.offer(from(TriggerSource::Http)).unwrap();
    let closing = {
        let triggers = triggers.clone();
        tokio::spawn(async move { triggers.close(Duration::from_secs(20)).await })
    };
    until("it takes no more", || {
        triggers.offer(from(TriggerSource::Key)).unwrap_err() == TriggerRefusal::SourceOff
    })
    .await;
    line.ends.add_permits(1);
    told.await.unwrap().unwrap();
    closing.await.unwrap();
    assert_eq!(triggers.missed_by_camera().len(), 0);
}

#[tokio::test]
async fn http_is_to_be_had_once_who_had_its_port_is_gone() {
    let other = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let on = TriggerSettings {
        sources: [TriggerSource::Http].into(),
        http_port: other.local_addr().unwrap().port(),
        ..settings()
    };
    let dir = tempfile::tempdir().unwrap();
    let (triggers, line) = line(on, 0);
    let (camera, _shutter) = camera(&line, false);
    let (_cameras, inspecting) = watch::channel(camera);
    let mut sources = Sources::start(&triggers, inspecting, dir.path(), None).await;
    assert!(matches!(sources.http, Some(Err(_))));
    sources.retry_http(&triggers, dir.path()).await;
    assert!(matches!(sources.http, Some(Err(_))));
    drop(other);
    sources.retry_http(&triggers, dir.path()).await;
    assert!(matches!(sources.http, Some(Ok(_))));
}
