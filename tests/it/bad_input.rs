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
    // It never ends.
    paths.push(PathBuf::from("/dev/zero"));
    paths.push(pictures::file(
        station.scratch("last.png"),
        &pictures::png(640, 360),
    ));

    let images: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    let ran = station.inspect(&images, &[]);

    assert_eq!(ran.status, 1, "{}", ran.told());
    assert_eq!(ran.events("captured").len(), 2, "{}", ran.told());
    let refused = ran.events("refused");
    assert_eq!(refused.len(), bad.len() + 3, "{}", ran.told());
    let device = refused.iter().find(|line| line["image"] == "/dev/zero");
    let reason = device.unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("no regular file"), "{reason}");
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
fn a_secret_key_in_the_configuration_is_refused_and_printed_nowhere() {
    let station = TestStation::new();
    station.configure("[aws]\nsecret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"\n");
    for command in [["status"], ["doctor"]] {
        let ran = station.run(&command);
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains("credentials set"), "{}", ran.told());
        assert!(!ran.told().contains("wJalr"), "{}", ran.told());
    }
}

/// What only looks goes on, with a warning; what would change something is refused, and says what to do.
fn check_without_a_log(station: &TestStation, parts: usize) {
    let commands: [&[&str]; 5] = [
        &["status"],
        &["history"],
        &["cameras", "list"],
        &["screen", "list"],
        &["doctor"],
    ];
    for command in commands {
        let ran = station.run(command);
        // Nothing was taught here, so that there is nothing to list.
        assert!(
            !ran.lines.is_empty() || command[0] == "screen",
            "{}",
            ran.told()
        );
        assert!(ran.events("failed").is_empty(), "{}", ran.told());
        assert!(ran.stderr.contains("warning"), "{}", ran.told());
        if command[0] != "doctor" {
            assert_eq!(ran.status, 0, "{}", ran.told());
        }
        if command[0] == "history" {
            assert_eq!(ran.events("inspection").len(), parts, "{}", ran.told());
        }
    }
    let picture = pictures::file(station.scratch("more.jpg"), &pictures::jpeg(640, 360));
    for refused in [
        station.inspect(&[&picture], &[]),
        station.run(&["sync", "--once"]),
    ] {
        assert_eq!(refused.status, 1, "{}", refused.told());
        assert_eq!(refused.events("captured").len(), 0, "{}", refused.told());
        assert!(
            refused.stderr.contains("log cannot be written")
                && refused
                    .stderr
                    .contains("Give this user the right to write there"),
            "{}",
            refused.told()
        );
    }
}

#[test]
fn where_no_log_can_be_written_a_station_can_be_looked_at_and_nothing_more() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));
    let captured = station.inspect(&[&picture], &[]);
    assert_eq!(captured.events("captured").len(), 1, "{}", captured.told());
    let logs = station.data_dir().join("logs");
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::write(&logs, b"no folder").unwrap();
    check_without_a_log(&station, 1);
}

#[test]
fn a_station_on_a_disk_that_cannot_be_written_can_be_looked_at() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let Some(mount) = SmallDisk::at(station.data_dir()) else {
        return;
    };
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));
    let captured = station.inspect(&[&picture], &[]);
    assert_eq!(captured.events("captured").len(), 1, "{}", captured.told());
    mount.remount_read_only();
    check_without_a_log(&station, 1);
    let doctor = station.run(&["doctor"]);
    assert_eq!(doctor.status, 1, "{}", doctor.told());
    let checks = doctor.events("check");
    let of = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap();
    assert_eq!(of("data_dir")["state"], "failed", "{}", doctor.told());
    assert_eq!(of("database")["state"], "ok", "{}", doctor.told());
}

#[cfg(unix)]
#[test]
fn the_data_directory_is_the_users_alone_whichever_command_makes_it() {
    use std::os::unix::fs::PermissionsExt;
    for command in [["status"], ["doctor"], ["history"]] {
        let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
        station.run(&command);
        let mode = std::fs::metadata(station.data_dir())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{command:?}");
    }
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
    assert!(
        ran.stderr.contains("MB are free") && ran.stderr.contains("reserve_mb"),
        "{}",
        ran.told()
    );
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
        wiko_testkit::skip::skip("a small file system can be mounted by root only");
        None
    }
}

impl SmallDisk {
    fn remount_read_only(&self) {
        let mut command = Command::new("mount");
        let remounted = command.args(["-o", "remount,ro"]).arg(&self.0).status();
        assert!(remounted.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_window_whose_database_is_none_ends_with_the_reason_and_touches_nothing() {
    if std::env::var_os("DISPLAY").is_none() {
        return wiko_testkit::skip::skip_without_service("there is no display");
    }
    let station = TestStation::new().with("TAURI_AUTOMATION", "true");
    std::fs::create_dir_all(station.data_dir()).unwrap();
    let database = station.data_dir().join("wiko.sqlite3");
    std::fs::write(&database, b"no database").unwrap();
    let ran = station.run(&[]);
    assert_eq!(ran.status, 1, "{}", ran.told());
    assert!(
        ran.stderr.contains("file is not a database"),
        "{}",
        ran.told()
    );
    assert_eq!(std::fs::read(&database).unwrap(), b"no database");
}
