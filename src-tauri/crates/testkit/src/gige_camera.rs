//! A real GigE Vision camera on loopback: the example `gige_camera` of `wiko-aravis`, in a process of its own.

use crate::skip::skip;
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// An address of loopback.
pub const FIRST: &str = "127.0.0.1";
/// Another one, which a network of its own has as well.
pub const SECOND: &str = "127.0.0.2";
/// Longer than any answer takes.
pub const A_WHILE: Duration = Duration::from_secs(10);
const NETWORK: &str = "WIKO_TEST_OWN_NETWORK";

/// As many addresses of loopback as a network of its own has.
pub const ADDRESSES: u8 = 16;

/// One of them, from 1 on: the first is [`FIRST`].
pub fn address(number: u8) -> String {
    assert!((1..=ADDRESSES).contains(&number));
    format!("127.0.0.{number}")
}

/// Runs the calling test again in a process with a network of its own, where loopback has all [`ADDRESSES`].
#[allow(clippy::print_stderr, reason = "what the inner process measured")]
pub fn in_own_network<F: FnOnce()>(test: F) {
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
        let up = format!(
            "ip link set lo up && for n in $(seq 2 {ADDRESSES}); do ip addr add 127.0.0.$n/8 dev lo; done && exec \"$@\""
        );
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
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(NETWORK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    eprint!("{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// A simulated camera in a process of its own, killed when it is dropped.
pub struct Simulator {
    process: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Simulator {
    /// A small and slow area camera, of which many run at once.
    pub fn small(interface: &str, serial: &str, arguments: &[&str]) -> Self {
        let small = ["--width", "320", "--height", "240"];
        Self::start(interface, serial, &[&small[..], arguments].concat())
    }

    /// A camera that answers at `interface`, with arguments of `gige_camera`.
    pub fn start(interface: &str, serial: &str, arguments: &[&str]) -> Self {
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

    /// Waits for a line of its output.
    pub fn wait_for(&self, word: &str) {
        let line = self.lines.recv_timeout(A_WHILE);
        assert_eq!(line.as_deref(), Ok(word));
    }

    /// Tells it a line, such as `silence`.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
        self.wait_for("done");
    }

    /// As if its cable were pulled out and put in again by [`Self::thaw`]: it answers nothing and forgets nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// It gets a processor before all others, as far as the system lets it: a real camera needs none of this machine's.
    pub fn go_first(&self) {
        let id = self.process.id().to_string();
        let _ = Command::new("renice")
            .args(["-n", "-15", "-p", &id])
            .output();
    }

    /// True once it ended by itself, as it may be told to.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// As if its power were cut.
    pub fn kill(&mut self) {
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
