//! The line-scan camera behind the port.

use super::*;
use crate::clock;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use wiko_camera::{
    LineScanCamera, Pacing,
    line_scan::{CorrectLines, LineScanControl, PartSignal},
    simulated::{Belt, BeltCamera, BeltConfig},
};
use wiko_core::{
    camera::{FrameFault, RowSpan},
    ports::{Camera, CameraError, LostCause},
    sku::ProductSku,
    stage::Stage,
};
use wiko_testkit::{contracts::camera as contract, fakes::clock::SetClock};

const SOON: Duration = Duration::from_millis(5);

/// Gives what it is told to; nothing in time, then.
struct Scripted {
    id: CameraId,
    answers: Arc<Mutex<VecDeque<Result<Frame, CameraError>>>>,
}

impl Camera for Scripted {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| {
            std::thread::sleep(timeout);
            Err(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            })
        })
    }
}

struct Bench {
    camera: LineScanCamera,
    control: LineScanControl,
    answers: Arc<Mutex<VecDeque<Result<Frame, CameraError>>>>,
    clock: Arc<SetClock>,
}

fn bench(mode: LineMode, correct: Option<CorrectLines>) -> Bench {
    let (answers, clock) = (Arc::default(), clock());
    let scripted = Scripted {
        id: CameraId("lines".into()),
        answers: Arc::clone(&answers),
    };
    let camera =
        LineScanCamera::new(Box::new(scripted), config(mode), correct, clock.clone()).unwrap();
    Bench {
        control: camera.control(),
        camera,
        answers,
        clock,
    }
}

impl Bench {
    fn gives(&self, answer: Result<Frame, CameraError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    fn gives_rows(&self, sequence: u64, levels: &[u8]) {
        let rows = levels.iter().flat_map(|level| row(0, *level, WIDTH));
        self.gives(Ok(block(sequence, 7, WIDTH, rows.collect())));
    }

    fn next(&mut self) -> Result<Frame, CameraError> {
        self.camera.next_frame(SOON)
    }
}

fn levels(frame: &Frame) -> Vec<u8> {
    let FramePicture::Raw(raw) = &frame.picture else {
        panic!("lines were encoded");
    };
    raw.bytes()
        .chunks(WIDTH as usize)
        .map(|row| row[8])
        .collect()
}

fn timed_out(answer: Result<Frame, CameraError>) -> bool {
    matches!(answer, Err(CameraError::Timeout { waited_ms: 5 }))
}

const GAP: [u8; 4] = [EMPTY; 4];
const KNIFE: [u8; 4] = [PART; 4];

#[test]
fn it_keeps_the_contract_of_cameras() {
    let belt = Arc::new(Belt::new(&BeltConfig {
        sku: ProductSku::new("WK-KN-100").unwrap(),
        stage: Stage::Inspection,
        seed: 1,
        parts: vec![None],
        gap_rows: 100,
    }));
    let open = |rows: Option<u64>, pacing| -> LineScanCamera {
        let web = LineMode::Web {
            window_rows: 500,
            overlap_rows: 100,
        };
        let config = LineScanConfig {
            widest: LineLayout {
                format: PixelFormat::Mono8,
                width_px: Belt::WIDTH_PX,
            },
            most_bytes: 1 << 24,
            ..config(web)
        };
        let id = CameraId("belt".into());
        let lines = BeltCamera::new(id, belt.clone(), 128, rows, pacing, clock());
        LineScanCamera::new(Box::new(lines), config, None, clock()).unwrap()
    };
    let as_asked = Pacing::AsFastAsAsked;
    contract::frames_count_up_and_carry_their_own_facts(&mut open(None, as_asked), 6);
    contract::the_end_stays_the_end(&mut open(Some(3000), as_asked));
    contract::a_call_returns_within_its_timeout(&mut open(None, Pacing::Fps(0.01)));
    // Blocks without end and never a part.
    let mut bench = bench(long_page(12, 2, 2), None);
    (0..10).for_each(|number| bench.gives_rows(number, &GAP));
    contract::a_call_returns_within_its_timeout(&mut bench.camera);
}

#[test]
fn a_part_is_a_frame_with_its_faults_and_invalid_rows() {
    let mut bench = bench(long_page(12, 2, 2), None);
    for (number, rows) in [(0, GAP), (1, KNIFE), (3, KNIFE), (4, GAP)] {
        bench.gives_rows(number, &rows);
    }
    let frame = bench.next().unwrap();
    let rows = [EMPTY; 2].iter().chain(&KNIFE).chain(&[GREY; 4]);
    let rows = rows.chain(&KNIFE).chain(&[EMPTY; 2]);
    assert_eq!(levels(&frame), rows.copied().collect::<Vec<_>>());
    assert_eq!(frame.faults, [FrameFault::MissingRows]);
    assert_eq!(frame.invalid_rows, [RowSpan { from: 6, until: 10 }]);
    assert_eq!(frame.exposed_at, UnixMillis(7));
    assert!(timed_out(bench.next()));
    let statistics = bench.control.status().statistics;
    assert_eq!((statistics.rows, statistics.rows_missing), (16, 4));
    assert_eq!(statistics.pictures, 1);
}

#[test]
fn what_a_camera_says_against_its_own_block_is_said_of_the_picture() {
    let mut bench = bench(long_page(12, 2, 2), None);
    bench.gives_rows(0, &GAP);
    let rows = KNIFE.iter().flat_map(|level| row(0, *level, WIDTH));
    let mut blurred = block(1, 7, WIDTH, rows.collect());
    blurred.faults = vec![FrameFault::WrongSettings];
    bench.gives(Ok(blurred));
    bench.gives_rows(2, &GAP);
    assert_eq!(bench.next().unwrap().faults, [FrameFault::WrongSettings]);
}

#[test]
fn a_belt_that_stands_too_long_cuts_the_part_by_the_clock_that_nobody_can_set() {
    let mut bench = bench(long_page(12, 2, 2), None);
    bench.gives_rows(0, &GAP);
    bench.gives_rows(1, &KNIFE);
    assert!(timed_out(bench.next()));
    bench.clock.set(UnixMillis(i64::MAX / 2));
    assert!(timed_out(bench.next()));
    bench.clock.advance(Duration::from_millis(999));
    assert!(timed_out(bench.next()));
    bench.clock.advance(Duration::from_millis(1));
    let frame = bench.next().unwrap();
    assert_eq!(levels(&frame).len(), 6);
    assert_eq!(frame.faults, [FrameFault::CutShort]);
    assert!(timed_out(bench.next()));
}

#[test]
fn signals_from_outside_begin_and_end_parts() {
    let mode = LineMode::LongPage {
        longest_rows: 12,
        pre_roll_rows: 1,
        post_roll_rows: 1,
        trigger: PartTrigger::External,
    };
    let mut bench = bench(mode, None);
    bench.gives_rows(0, &GAP);
    assert!(timed_out(bench.next()));
    let control = bench.control.clone();
    let barrier = std::thread::spawn(move || control.tell(PartSignal::Begins));
    barrier.join().unwrap().unwrap();
    bench.gives_rows(1, &KNIFE);
    assert!(timed_out(bench.next()));
    bench.control.tell(PartSignal::Ended).unwrap();
    bench.gives_rows(2, &GAP);
    let frame = bench.next().unwrap();
    assert_eq!(levels(&frame), [EMPTY, PART, PART, PART, PART, EMPTY]);
    assert_eq!(frame.faults, []);
    // Nobody takes them.
    let refused = (0..1000).find_map(|_| bench.control.tell(PartSignal::Begins).err());
    assert!(
        refused
            .unwrap()
            .to_string()
            .contains("check that it is open")
    );
}

#[test]
fn a_camera_that_is_lost_within_a_part_gives_what_there_is_and_then_says_why() {
    for over in [
        CameraError::Ended,
        CameraError::lost(LostCause::Unplugged, "unplugged"),
    ] {
        let mut bench = bench(long_page(12, 2, 2), None);
        bench.gives_rows(0, &GAP);
        bench.gives_rows(1, &KNIFE);
        bench.gives(Err(over.clone()));
        assert_eq!(bench.next().unwrap().faults, [FrameFault::CutShort]);
        for _ in 0..2 {
            assert_eq!(bench.next().unwrap_err(), over);
        }
    }
}

#[test]
fn a_bad_block_is_told_and_the_next_goes_on() {
    let mut bench = bench(long_page(12, 2, 2), None);
    let bad = CameraError::BadFrame {
        source_name: "block 1".into(),
        reason: "torn".into(),
    };
    bench.gives_rows(0, &GAP);
    bench.gives(Err(bad.clone()));
    bench.gives_rows(1, &KNIFE);
    bench.gives_rows(2, &GAP);
    assert_eq!(bench.next().unwrap_err(), bad);
    assert_eq!(levels(&bench.next().unwrap()).len(), 8);
}

#[test]
fn what_is_no_lines_or_longer_ones_than_configured_ends_the_camera_with_what_to_do() {
    let wider = block(2, 0, WIDTH + 1, vec![PART; WIDTH as usize + 1]);
    let file = FramePicture::Encoded(wiko_testkit::builders::image(b"a file"));
    let encoded = Frame {
        picture: file,
        ..wider.clone()
    };
    for (odd, said) in [(wider, "33 pixels in Mono8"), (encoded, "no lines")] {
        let mut bench = bench(long_page(12, 2, 2), None);
        bench.gives_rows(0, &GAP);
        bench.gives_rows(1, &KNIFE);
        bench.gives(Ok(odd));
        assert_eq!(bench.next().unwrap().faults, [FrameFault::CutShort]);
        for _ in 0..2 {
            let Err(CameraError::Lost { cause, reason }) = bench.next() else {
                panic!("it goes on");
            };
            assert_eq!(cause, LostCause::NoUsableFormat);
            assert!(reason.contains(said), "{reason}");
        }
    }
}

#[test]
fn every_line_is_corrected_once_before_it_is_looked_at() {
    let correct: CorrectLines = Box::new(|lines, row_bytes, format| {
        assert_eq!((row_bytes, format), (WIDTH as usize, PixelFormat::Mono8));
        assert_eq!(lines.len() % row_bytes, 0);
        for level in lines {
            *level = level.saturating_add(90);
        }
        None
    });
    let mut bench = bench(long_page(300, 2, 2), Some(correct));
    let dark = EMPTY - 50;
    bench.gives_rows(0, &[dark; 10]);
    bench.gives_rows(1, &[PART - 90; 200]);
    bench.gives_rows(2, &[dark; 10]);
    let frame = bench.next().unwrap();
    let rows = [vec![90; 2], vec![PART; 200], vec![90; 2]].concat();
    assert_eq!(levels(&frame), rows);
}

#[test]
fn rows_that_a_camera_pads_come_without_their_padding() {
    let mut bench = bench(long_page(12, 1, 1), None);
    let (stride, rows) = (WIDTH as usize + 5, 12);
    let mut bytes = vec![99; stride * rows];
    for (at, line) in bytes.chunks_mut(stride).enumerate() {
        let level = if (4..8).contains(&at) { PART } else { EMPTY };
        line[..WIDTH as usize].fill(level);
    }
    // Nor has the last one to have any.
    bytes.truncate(stride * rows - 5);
    let raw = RawImage::new(PixelFormat::Mono8, WIDTH, rows as u32, stride, bytes).unwrap();
    let mut padded = block(0, 0, WIDTH, vec![0; WIDTH as usize]);
    padded.picture = FramePicture::Raw(raw);
    bench.gives(Ok(padded));
    let frame = bench.next().unwrap();
    assert_eq!(levels(&frame), [EMPTY, PART, PART, PART, PART, EMPTY]);
}
