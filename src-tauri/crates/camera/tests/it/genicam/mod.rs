//! GenICam cameras, over Aravis and a real GigE Vision camera on loopback: the simulator of `wiko-aravis`, in a process of
//! its own. Each test runs in a network of its own, so that none sees the cameras of another.

mod area;
mod features;
mod linescan;
mod loss;

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, SystemTime},
};
use wiko_aravis::{Aravis, LIBRARY};
use wiko_camera::genicam::{GenicamCamera, GenicamDiscovery, GenicamOptions};
use wiko_core::{
    camera::{CameraId, FeatureSettings, FeatureValue, FoundDevice, Frame, FramePicture, RawImage},
    ports::{Camera, CameraDiscovery, CameraError, Clock},
    time::{BootId, ClockReading, UnixMillis},
};
use wiko_testkit::skip::skip;

const FIRST: &str = "127.0.0.1";
const SECOND: &str = "127.0.0.2";
const A_WHILE: Duration = Duration::from_secs(10);
const NETWORK: &str = "WIKO_TEST_OWN_NETWORK";

/// The clock of this machine, as the app has it.
struct RealClock;

impl Clock for RealClock {
    fn reading(&self) -> ClockReading {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let ms = since_1970.unwrap().as_millis();
        ClockReading {
            now: UnixMillis(ms as i64),
            boot_id: BootId("boot-test".into()),
            monotonic_ms: ms as u64,
        }
    }
}

/// Runs the calling test again in a process with a network of its own, where loopback has both addresses.
fn in_own_network<F: FnOnce()>(test: F) {
    if let Err(error) = Aravis::load(LIBRARY) {
        return skip(&error.to_string());
    }
    if std::env::var_os(NETWORK).is_some() {
        return test();
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        // As root it works where user namespaces are forbidden.
        if is_root() {
            unshare.arg("--net");
        } else {
            unshare.args(["--map-root-user", "--net"]);
        }
        let up = format!("ip link set lo up && ip addr add {SECOND}/8 dev lo && exec \"$@\"");
        unshare.args(["sh", "-c", &up, "sh"]);
        unshare
    };
    let may = unshare().arg("true").output();
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        return skip(&format!(
            "no network of its own can be made with unshare and ip: {may:?}"
        ));
    }
    // Of the closure: `it::genicam::area::name_of_the_test::{{closure}}`.
    let path = std::any::type_name::<F>();
    let name = path
        .trim_start_matches("it::")
        .trim_end_matches("::{{closure}}");
    let ran = unshare()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(NETWORK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// A simulated camera in a process of its own, killed when it is dropped.
struct Simulator {
    process: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Simulator {
    fn start(interface: &str, serial: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--interface", interface, "--serial", serial])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (said, lines) = mpsc::sync_channel(16);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let input = process.stdin.take().unwrap();
        let simulator = Self {
            process,
            input,
            lines,
        };
        simulator.wait_for("ready");
        simulator
    }

    fn wait_for(&self, word: &str) {
        let line = self.lines.recv_timeout(A_WHILE);
        assert_eq!(line.as_deref(), Ok(word));
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.wait_for("done");
    }

    /// As if its cable were pulled out.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Killed already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = built.join("examples/gige_camera");
    assert!(
        program.is_file(),
        "{} is not built: cargo build -p wiko-aravis --example gige_camera",
        program.display()
    );
    program
}

fn found(serial: &str) -> FoundDevice {
    let found = GenicamDiscovery::default().discover().unwrap();
    let is_it = |device: &&FoundDevice| device.identity.serial.as_deref() == Some(serial);
    found
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("{serial} is not among {found:?}"))
        .clone()
}

fn open_with(serial: &str, settings: FeatureSettings) -> Result<GenicamCamera, CameraError> {
    let options = GenicamOptions {
        settings,
        ..GenicamOptions::default()
    };
    let id = CameraId("gige".to_owned());
    GenicamCamera::open(id, &found(serial), &options, Arc::new(RealClock))
}

fn open(serial: &str) -> GenicamCamera {
    open_with(serial, FeatureSettings::new()).unwrap()
}

fn settings<const N: usize>(settings: [(&str, FeatureValue); N]) -> FeatureSettings {
    settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(value: &str) -> FeatureValue {
    FeatureValue::Text(value.to_owned())
}

fn next(camera: &mut GenicamCamera) -> Frame {
    camera.next_frame(A_WHILE).unwrap()
}

fn raw(frame: &Frame) -> &RawImage {
    match &frame.picture {
        FramePicture::Raw(raw) => raw,
        FramePicture::Encoded(_) => panic!("a file came"),
    }
}

/// The number that the simulator stamped into a row.
fn line_number(image: &RawImage, row: u32) -> u64 {
    let begin = row as usize * image.stride_bytes();
    u64::from_le_bytes(image.bytes()[begin..begin + 8].try_into().unwrap())
}
