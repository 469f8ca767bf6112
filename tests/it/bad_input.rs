//! Whatever a person or a script gives: a clear sentence, status 1, nothing lost, the rest goes on.

use crate::{pictures, station::TestStation};
use std::{path::PathBuf, process::Command};

/// A PNG whose header alone says 30,000 × 30,000.
fn huge_png() -> Vec<u8> {
    let mut png = pictures::png(8, 8);
    png[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000_u32.to_be_bytes());
    // The checksum of the header covers its type and content.
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

#[test]
fn every_bad_picture_is_refused_with_its_reason_and_the_good_ones_are_inspected() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good = pictures::jpeg(640, 360);
    let mut overwritten = good.clone();
    let middle = overwritten.len() / 2;
    overwritten[middle..middle + 200].fill(0x55);
    let bad: Vec<(&str, Vec<u8>, &str)> = vec![
        ("text.jpg", b"this is no picture".to_vec(), "not"),
        ("empty.jpg", vec![], "empty"),
        ("cut.jpg", good[..good.len() * 6 / 10].to_vec(), "damaged"),
        ("overwritten.jpg", overwritten, "damaged"),
        ("huge.png", huge_png(), "pixels"),
        ("large.jpg", vec![0xff; 17 * 1024 * 1024], "16 MiB"),
    ];
    let mut paths = vec![pictures::file(station.scratch("first.jpg"), &good)];
    for (name, bytes, _) in &bad {
        paths.push(pictures::file(station.scratch(name), bytes));
    }
    paths.push(station.scratch("missing.jpg"));
    let folder = station.scratch("folder.jpg");
    std::fs::create_dir(&folder).unwrap();
    paths.push(folder);
    paths.push(pictures::file(
        station.scratch("last.png"),
        &pictures::png(640, 360),
    ));

    let images: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    let ran = station.inspect(&images, &[]);

    assert_eq!(ran.status, 1, "{}", ran.told());
    assert_eq!(ran.events("captured").len(), 2, "{}", ran.told());
    let refused = ran.events("refused");
    assert_eq!(refused.len(), bad.len() + 2, "{}", ran.told());
    for (name, _, word) in &bad {
        let line = refused
            .iter()
            .find(|line| line["image"].as_str().unwrap().ends_with(name));
        let reason = line.unwrap()["reason"].as_str().unwrap().to_lowercase();
        assert!(reason.contains(&word.to_lowercase()), "{name}: {reason}");
    }
    let history = station.run(&["history"]);
    assert_eq!(history.events("inspection").len(), 2, "{}", history.told());
}

#[test]
fn an_unknown_stage_sku_or_facility_is_answered_with_the_known_ones() {
    let station = TestStation::new();
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(64, 64));
    let picture = picture.to_str().unwrap();
    let stage = station.run(&[
        "inspect",
        picture,
        "--sku",
        "WK-KN-200",
        "--stage",
        "grinding",
    ]);
    assert_eq!(stage.status, 1);
    assert!(
        stage.stderr.contains("blade_stamp, bolster_welding"),
        "{}",
        stage.told()
    );
    let sku = station.run(&[
        "inspect",
        picture,
        "--sku",
        "WK-KN-1",
        "--stage",
        "blade_stamp",
    ]);
    assert_eq!(sku.status, 1);
    assert!(
        sku.stderr.contains("WK-KN-200, WK-KN-150"),
        "{}",
        sku.told()
    );
    station.configure("[station]\nfacility = \"paris\"\n");
    let facility = station.run(&["status"]);
    assert_eq!(facility.status, 1);
    assert!(facility.stderr.contains("yangjiang"), "{}", facility.told());
}

#[test]
fn a_wrong_key_in_the_configuration_is_refused_with_its_line() {
    let station = TestStation::new();
    station.configure("[station]\nname = \"yj-1\"\nfacilty = \"yangjiang\"\n");
    let ran = station.run(&["status"]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.contains("line 3") && ran.stderr.contains("facilty"),
        "{}",
        ran.told()
    );
}

#[test]
fn wrong_usage_ends_with_status_2() {
    let station = TestStation::new();
    assert_eq!(station.run(&["inspect", "--sku", "WK-KN-200"]).status, 2);
    assert_eq!(station.run(&["frobnicate"]).status, 2);
}

#[test]
fn a_full_disk_refuses_the_part_with_the_reason_and_the_history_stays_readable() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let Some(_mount) = SmallDisk::at(station.data_dir()) else {
        return;
    };
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));
    assert_eq!(
        station.inspect(&[&picture], &[]).events("captured").len(),
        1
    );
    // Another program fills the disk up to what the station keeps free for itself.
    std::fs::write(station.data_dir().join("other"), vec![1; DISK_BYTES / 2]).unwrap();

    let ran = station.inspect(&[&picture], &[]);

    assert_eq!(ran.status, 1, "{}", ran.told());
    assert!(ran.stderr.contains("full"), "{}", ran.told());
    assert_eq!(ran.events("captured").len(), 0, "{}", ran.told());
    let history = station.run(&["history"]);
    assert_eq!(history.events("inspection").len(), 1, "{}", history.told());
}

/// Larger than what the store keeps free for decisions and uploads of what is there.
const DISK_BYTES: usize = 320 * 1024 * 1024;

/// A small file system of its own, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES}"), "tmpfs"])
            .arg(&path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: a small file system can be mounted by root only");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
