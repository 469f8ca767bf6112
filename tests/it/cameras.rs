//! Real cameras from the command line: a GigE Vision camera on loopback, found, assigned, set up and inspected with.

use crate::{screen::learn, station::TestStation};
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::Stdio,
};
use wiko_camera::simulated::{Belt, BeltConfig};
use wiko_core::{defect::DefectType, geometry::BoxPx, sku::ProductSku, stage::Stage};
use wiko_testkit::{
    gige_camera::{FIRST, SECOND, Simulator, in_own_network},
    skip::skip,
};

/// The station says itself whether it could look for such cameras.
pub(crate) fn with_library(test: impl FnOnce()) {
    let found = TestStation::new().run(&["cameras", "find"]);
    let gige = found.events("unavailable").into_iter();
    let mut gige = gige.filter(|line| line["transport"] == "gige_vision");
    match gige.next() {
        Some(line) => skip(line["reason"].as_str().unwrap()),
        None => test(),
    }
}

pub(crate) fn assign(station: &TestStation, id: &str, serial: &str, more: &[&str]) {
    let start = [
        "cameras",
        "assign",
        id,
        "--stage",
        "inspection",
        "--device",
        serial,
    ];
    let ran = station.run(&[&start[..], more].concat());
    assert_eq!(ran.status, 0, "{}", ran.told());
}

#[test]
fn a_gige_camera_is_found_assigned_set_and_takes_a_part() {
    in_own_network(|| {
        with_library(|| {
            let _first = Simulator::start(FIRST, "GV01", &["--scene", "ramp"]);
            let _second = Simulator::start(SECOND, "GV02", &["--scene", "ramp"]);
            let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
            let found = station.run(&["cameras", "find"]);
            let serials: Vec<_> = found
                .events("found")
                .iter()
                .map(|line| line["device"]["identity"]["serial"].as_str().unwrap())
                .collect();
            assert_eq!(serials, ["GV01", "GV02"], "{}", found.told());

            assign(&station, "end-1", "GV02", &[]);
            let set = station.run(&["cameras", "set", "end-1", "ExposureTime=1500"]);
            assert_eq!(set.status, 0, "{}", set.told());
            assert_eq!(set.event("feature")["feature"]["value"], 1500.0);
            let refused = station.run(&["cameras", "set", "end-1", "ExposureTime=1e12"]);
            assert_eq!(refused.status, 1);
            assert!(
                refused.stderr.contains("out of range"),
                "{}",
                refused.told()
            );

            let part = [
                "capture",
                "--camera",
                "end-1",
                "--sku",
                "WK-KN-200",
                "--stage",
            ];
            let taken = station.run(&[&part[..], &["inspection"]].concat());
            assert_eq!(taken.status, 0, "{}", taken.told());
            let id = taken.event("captured")["id"].as_str().unwrap();
            let known = station.run(&["part", id]);
            let conditions = &known.lines[0]["conditions"];
            assert_eq!(conditions["device"]["serial"], "GV02", "{}", known.told());
            assert_eq!(conditions["features"]["ExposureTime"], 1500.0);
            let elsewhere = station.run(&[&part[..], &["blade_glazing"]].concat());
            assert!(
                elsewhere.stderr.contains("looks at inspection"),
                "{}",
                elsewhere.told()
            );
        });
    });
}

#[test]
fn what_the_stage_asks_of_a_camera_is_set_and_shown_at_the_command_line() {
    in_own_network(|| {
        with_library(|| {
            let _camera = Simulator::start(FIRST, "GV01", &["--scene", "ramp"]);
            let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
            assign(&station, "end-1", "GV01", &[]);
            let ok = |arguments: &[&str]| {
                let ran = station.run(&[&["cameras"], arguments].concat());
                assert_eq!(ran.status, 0, "{}", ran.told());
                ran
            };
            let none = ok(&["quality", "end-1"]);
            assert!(none.events("quality_hour").is_empty(), "{}", none.told());
            let set = ok(&["limits", "end-1", "least_mean_level=250", "most_noise=9.5"]);
            let limits = &set.event("limits")["limits"];
            assert_eq!(limits["least_mean_level"], 250.0);
            let region = ok(&["region", "end-1", "16", "32", "256", "128"]);
            let region = region.event("region");
            assert_eq!(
                (&region["width_px"], &region["height_px"]),
                (&256.into(), &128.into())
            );
            let part = ["capture", "--camera", "end-1", "--sku", "WK-KN-200"];
            let taken = station.run(&[&part[..], &["--stage", "inspection"]].concat());
            let id = taken.event("captured")["id"].as_str().unwrap();
            let known = station.run(&["part", id]);
            let conditions = &known.lines[0]["conditions"];
            assert_eq!(conditions["faults"], serde_json::json!(["too_dark"]));
            let hour = ok(&["quality", "end-1"]);
            let hour = &hour.event("quality_hour")["hour"];
            assert_eq!(
                (&hour["frames"], &hour["unfit"]),
                (&1.0.into(), &1.0.into())
            );
            let shown = ok(&["limits", "end-1", "least_mean_level=none"]);
            assert!(shown.event("limits")["limits"]["least_mean_level"].is_null());
            for (refused, told) in [
                (&["limits", "end-1", "focus=3"][..], "least_focus"),
                (&["limits", "end-1", "least_focus=-3"], "from 0 up"),
                (&["line-scan", "end-1"], "--longest-rows"),
                (&["region", "end-1", "0", "0", "4", "4"], "16"),
                (&["region", "end-1", "200", "0", "64", "64"], "256 × 128"),
                (&["quality", "end-2"], "end-1"),
            ] {
                let ran = station.run(&[&["cameras"], refused].concat());
                assert_eq!(ran.status, 1, "{refused:?}: {}", ran.told());
                assert!(ran.stderr.contains(told), "{refused:?}: {}", ran.told());
            }
        });
    });
}

#[test]
fn a_camera_that_is_assigned_again_keeps_its_set_up_and_another_device_takes_its_place_by_word_alone()
 {
    in_own_network(|| {
        with_library(|| {
            let _first = Simulator::start(FIRST, "GV01", &["--scene", "ramp"]);
            let _second = Simulator::start(SECOND, "GV02", &["--scene", "ramp"]);
            let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
            assign(&station, "end-1", "GV01", &[]);
            let run = |arguments: &[&str]| station.run(&[&["cameras"], arguments].concat());
            let ok = |arguments: &[&str]| {
                let ran = run(arguments);
                assert_eq!(ran.status, 0, "{}", ran.told());
                ran
            };
            ok(&["set", "end-1", "ExposureTime=1500"]);
            ok(&["limits", "end-1", "least_focus=3"]);
            let elsewhere = ["assign", "end-1", "--stage", "packaging", "--device"];
            // As it may stand on its label.
            ok(&[&elsewhere[..], &["gv01"]].concat());
            let kept = |ran: &crate::station::Ran| {
                let camera = &ran.event("camera")["camera"];
                (
                    camera["stage"].clone(),
                    camera["limits"]["least_focus"].clone(),
                )
            };
            assert_eq!(kept(&ok(&["list"])), ("packaging".into(), 3.0.into()));
            let other = run(&[&elsewhere[..], &["GV02"]].concat());
            assert_eq!(other.status, 1);
            assert!(other.stderr.contains("--replace"), "{}", other.told());
            assert_eq!(kept(&ok(&["list"])), ("packaging".into(), 3.0.into()));
            ok(&[&elsewhere[..], &["GV02", "--replace"]].concat());
            assert!(kept(&ok(&["list"])).1.is_null());

            let file = station.scratch("end-1.toml");
            std::fs::write(
                &file,
                ok(&["export", "end-1"]).event("settings")["text"]
                    .as_str()
                    .unwrap(),
            )
            .unwrap();
            let path = file.to_str().unwrap();
            ok(&["import", "end-1", path]);
            let mut text = std::fs::read_to_string(&file).unwrap();
            text.push_str("\n[features]\nExposureTime = 9e9\n");
            let text = text.replacen("[features]\n\n", "", 1);
            std::fs::write(&file, text).unwrap();
            let refused = run(&["import", "end-1", path]);
            assert_eq!(refused.status, 1, "{}", refused.told());
            assert_eq!(refused.event("settings_imported")["features"], 0);
            assert!(
                refused.stderr.contains("gives no part"),
                "{}",
                refused.told()
            );

            let lines = [
                "assign",
                "belt-1",
                "--stage",
                "inspection",
                "--device",
                "GV01",
            ];
            for (more, told) in [
                (&["--longest-rows", "0"][..], "longest_rows"),
                (&["--longest-rows", "999999"], "at most"),
                (
                    &["--longest-rows", "500", "--belt-mm-per-s", "-5"],
                    "belt_mm_per_s",
                ),
                (
                    &["--longest-rows", "500", "--belt-mm-per-s", "nan"],
                    "belt_mm_per_s",
                ),
                (
                    &["--longest-rows", "500", "--contrast-levels", "0"],
                    "contrast_levels",
                ),
                (&["--roll-rows", "10"], "--longest-rows"),
            ] {
                let ran = run(&[&lines[..], more].concat());
                assert_eq!(ran.status, 1, "{more:?}: {}", ran.told());
                assert!(ran.stderr.contains(told), "{more:?}: {}", ran.told());
            }
        });
    });
}

#[test]
fn an_even_dark_and_an_even_white_belt_make_a_flat_field_though_no_part_lies_there() {
    in_own_network(|| {
        with_library(|| {
            let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
            let camera = |level: u8| {
                let path = station.scratch(&format!("even-{level}.png"));
                let even = image::GrayImage::from_pixel(512, 64, image::Luma([level]));
                even.save(&path).unwrap();
                let line = ["--line-scan", "--width", "512", "--height", "64", "--scene"];
                let with = [&line[..], &[path.to_str().unwrap()]].concat();
                Simulator::start(FIRST, "LS01", &with)
            };
            let dark = camera(8);
            // Neither dark nor white differs from the empty belt by so much that a part is seen.
            let long = [
                "--longest-rows",
                "500",
                "--background-level",
                "90",
                "--contrast-levels",
                "120",
            ];
            assign(&station, "belt-1", "LS01", &long);
            let flat_field = ["cameras", "flat-field", "belt-1", "--json"];
            let nobody = station.command(&flat_field).stdin(Stdio::null()).output();
            assert!(!nobody.unwrap().status.success(), "nobody pressed Enter");
            let mut taking = station
                .command(&flat_field)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut enter = taking.stdin.take().unwrap();
            let mut said = BufReader::new(taking.stdout.take().unwrap()).lines();
            let mut says = |what: &str| {
                let line = said.next().unwrap().unwrap();
                assert!(line.contains(what), "{line}");
            };
            says("cover_the_lens");
            enter.write_all(b"\n").unwrap();
            says("show_white");
            // The same camera sees something else from now on.
            drop(dark);
            let _white = camera(200);
            enter.write_all(b"\n").unwrap();
            says("flat_field");
            assert!(taking.wait().unwrap().success());
            let list = station.run(&["cameras", "list"]);
            let kept = &list.event("camera")["camera"]["flat_field_taken_at"];
            assert!(kept.is_number(), "{}", list.told());
        });
    });
}

pub(crate) fn belt(parts: Vec<Option<DefectType>>, seed: u64) -> Belt {
    Belt::new(&BeltConfig {
        sku: ProductSku::new("WK-KN-200").unwrap(),
        stage: Stage::Inspection,
        seed,
        parts,
        gap_rows: 400,
    })
}

/// Rows of empty belt before each part in its picture.
const ROLL_ROWS: u32 = 64;

/// Where a line differs enough from the empty belt, as the station tells a part by default.
fn first_row_of_part(part: &image::GrayImage) -> u32 {
    let shows = |row: &mut image::buffer::Pixels<'_, image::Luma<u8>>| {
        let part = row.filter(|pixel| pixel.0[0].abs_diff(50) >= 35).count();
        part as f64 >= 0.02 * f64::from(Belt::WIDTH_PX)
    };
    let found = part.rows().position(|mut row| shows(&mut row));
    found.unwrap() as u32
}

pub(crate) fn written(belt: &Belt, path: PathBuf) -> PathBuf {
    let rows = belt.cycle_rows() as u32;
    let picture = image::GrayImage::from_raw(Belt::WIDTH_PX, rows, belt.lines(0, rows));
    picture.unwrap().save(&path).unwrap();
    path
}

/// The parts of `scene`, taken one after the other by a line-scan camera that looks at it.
fn taken(
    station: &TestStation,
    serial: &str,
    scene: &Path,
    count: usize,
) -> Vec<(String, PathBuf)> {
    let size = ["--width", "1920", "--height", "128", "--scene"];
    let scene = scene.to_str().unwrap();
    let _camera = Simulator::start(
        FIRST,
        serial,
        &[&["--line-scan"], &size[..], &[scene]].concat(),
    );
    let mut parts = Vec::new();
    for _ in 0..count {
        let ran = station.run(&[
            "capture",
            "--camera",
            "belt-1",
            "--sku",
            "WK-KN-200",
            "--stage",
            "inspection",
        ]);
        assert_eq!(ran.status, 0, "{}", ran.told());
        let id = ran.event("captured")["id"].as_str().unwrap().to_owned();
        let path = station.run(&["part", &id]).lines[0]["image"]["path"]
            .as_str()
            .unwrap()
            .into();
        parts.push((id, path));
    }
    parts
}

#[test]
fn a_knife_goes_line_by_line_through_a_real_gige_camera_and_its_defect_is_boxed() {
    in_own_network(|| {
        with_library(|| {
            let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
            let good = written(&belt(vec![None; 3], 1), station.scratch("good.png"));
            let scratched = belt(vec![Some(DefectType::BladeChip)], 7);
            let bad = written(&scratched, station.scratch("bad.png"));
            {
                let line = ["--line-scan", "--width", "1920", "--height", "128"];
                let _there = Simulator::start(FIRST, "LS01", &line);
                assign(
                    &station,
                    "belt-1",
                    "LS01",
                    &[
                        "--longest-rows",
                        "1100",
                        "--roll-rows",
                        &ROLL_ROWS.to_string(),
                    ],
                );
                let fast = ["ExposureTime=50", "AcquisitionLineRate=4000"];
                let set = station.run(&[&["cameras", "set", "belt-1"], &fast[..]].concat());
                assert_eq!(set.status, 0, "{}", set.told());
            }
            let shown: Vec<_> = taken(&station, "LS01", &good, 3)
                .into_iter()
                .map(|(_, path)| path)
                .collect();
            learn(&station, "WK-KN-200", "inspection", &shown);
            let (id, _) = &taken(&station, "LS01", &bad, 1)[0];
            let known = station.run(&["part", id]);
            let part = &known.lines[0];
            assert_eq!(part["verdict"], "fail", "{}", known.told());
            let truth = scratched.defects(0)[0].box_px;
            // The picture begins so many rows before the first that shows the part.
            let begins = first_row_of_part(scratched.part(0));
            let there = BoxPx {
                y: truth.y + ROLL_ROWS - begins,
                ..truth
            };
            let boxes = part["analysis"]["findings"].as_array().unwrap().iter();
            let hit = boxes.map(|finding| &finding["box"]).any(|found| {
                let edge = |at: usize| found[at].as_u64().unwrap() as u32;
                let found = BoxPx {
                    x: edge(0),
                    y: edge(1),
                    width: edge(2),
                    height: edge(3),
                };
                found.meets(&there)
            });
            assert!(hit, "{there:?} is in none of {}", known.told());
        });
    });
}
