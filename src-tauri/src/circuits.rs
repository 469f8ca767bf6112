//! The circuits of a running station, for other processes that want to show them: a file in the data
//! directory while a service is not asked, and none otherwise.
//!
//! Invariant: nothing depends on the file. It may be late by some seconds, and a station that was killed
//! leaves it behind; whoever reads it looks whether that station is still there.

use crate::{clock::local, settings::Settings};
use jiff::tz::TimeZone;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::JoinHandle;
use wiko_core::circuit::{CircuitReport, CircuitState};
use wiko_pipeline::Station;

const FILE_NAME: &str = "circuits.json";

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    /// Of the station that wrote it.
    process: u32,
    circuits: Vec<CircuitReport>,
}

/// Keeps the file until it is dropped.
#[derive(Debug)]
pub struct CircuitFile {
    keeping: JoinHandle<()>,
    path: PathBuf,
}

impl CircuitFile {
    /// Keeps the file of a station that has taken the data directory for itself.
    pub fn keep(station: Station, data_dir: &Path) -> Self {
        let path = data_dir.join(FILE_NAME);
        remove(&path);
        let kept = path.clone();
        let keeping = tokio::spawn(async move {
            let mut last = vec![];
            let mut turns = station.subscribe();
            loop {
                let now = open_ones(station.circuits());
                if now != last {
                    last.clone_from(&now);
                    write(&kept, now);
                }
                let turned = async {
                    use wiko_core::event::StationEvent::CircuitTurned;
                    while !matches!(turns.recv().await, Ok(CircuitTurned(_)) | Err(_)) {}
                };
                // A probe that fails turns nothing and begins a longer wait.
                let _ = tokio::time::timeout(LOOK_EVERY, turned).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { keeping, path }
    }
}

impl Drop for CircuitFile {
    fn drop(&mut self) {
        self.keeping.abort();
        remove(&self.path);
    }
}

fn open_ones(mut circuits: Vec<CircuitReport>) -> Vec<CircuitReport> {
    circuits.retain(|circuit| circuit.state != CircuitState::Closed);
    circuits
}

fn write(path: &Path, circuits: Vec<CircuitReport>) {
    if circuits.is_empty() {
        remove(path);
        return;
    }
    let kept = Kept {
        process: std::process::id(),
        circuits,
    };
    let part = path.with_extension("part");
    let written = serde_json::to_vec(&kept)
        .map_err(io::Error::from)
        .and_then(|json| fs::write(&part, json))
        .and_then(|()| fs::rename(&part, path));
    if let Err(error) = written {
        tracing::debug!(%error, "the circuits are not written down");
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(%error, "the circuits of the last run are still written down");
        }
        _ => {}
    }
}

/// The services that the station which runs in this data directory does not ask now.
pub fn of_running(settings: &Settings) -> Vec<CircuitReport> {
    let read = fs::read(settings.data_dir.join(FILE_NAME));
    let kept = read
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok());
    match kept {
        Some(Kept { process, circuits }) if runs(process) => circuits,
        _ => vec![],
    }
}

#[cfg(target_os = "linux")]
fn runs(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

/// Taken on trust: it is a hint for people.
#[cfg(not(target_os = "linux"))]
fn runs(_: u32) -> bool {
    true
}

/// A circuit for scripts.
pub fn json(circuit: &CircuitReport) -> serde_json::Value {
    serde_json::json!({
        "service": circuit.service,
        "state": circuit.state,
        "since": circuit.since.iso8601(),
        "until": circuit.until.map(|until| until.iso8601()),
        "obstacle": circuit.obstacle,
        "reason": circuit.reason,
    })
}

/// A circuit for people, its times in their zone.
pub fn line(circuit: &CircuitReport, zone: &TimeZone) -> String {
    let service = circuit.service;
    let since = local(circuit.since, zone);
    match circuit.until {
        Some(until) => format!(
            "{service}: not asked since {since}, again at {}: {}",
            local(until, zone),
            circuit.reason
        ),
        None if circuit.state == CircuitState::Closed => format!("{service}: asked"),
        None => format!(
            "{service}: not asked since {since} but for one part that finds out: {}",
            circuit.reason
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;
    use wiko_core::{queue::Obstacle, service::Service, time::UnixMillis};

    fn report() -> CircuitReport {
        CircuitReport {
            service: Service::S3,
            state: CircuitState::Open,
            since: UnixMillis(1_772_352_000_000),
            until: Some(UnixMillis(1_772_352_005_000)),
            obstacle: Some(Obstacle::Credentials),
            reason: "the key is expired".into(),
        }
    }

    #[test]
    fn what_a_running_station_wrote_is_read_and_what_a_dead_one_left_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
        let path = dir.path().join(FILE_NAME);
        assert!(of_running(&settings).is_empty());
        write(&path, vec![report()]);
        assert_eq!(of_running(&settings), [report()]);
        write(&path, vec![]);
        assert!(!path.exists());
        #[cfg(target_os = "linux")]
        {
            let dead = Kept {
                process: u32::MAX,
                circuits: vec![report()],
            };
            fs::write(&path, serde_json::to_vec(&dead).unwrap()).unwrap();
            assert!(of_running(&settings).is_empty());
        }
        fs::write(&path, "{").unwrap();
        assert!(of_running(&settings).is_empty());
    }

    #[test]
    fn a_line_for_people_names_the_service_until_when_and_why() {
        let line = line(&report(), &TimeZone::get("Asia/Shanghai").unwrap());
        for part in ["s3", "2026-03-01T16:00:05+08:00", "the key is expired"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
