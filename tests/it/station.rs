//! The built station, run as a person or a script runs it.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The built binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_wiko-station");

/// A station with a data directory of its own and no environment but what a test gives.
pub struct TestStation {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command printed and how it ended.
pub struct Ran {
    /// Exit status.
    pub status: i32,
    /// Lines of JSON.
    pub lines: Vec<Value>,
    /// Standard error.
    pub stderr: String,
}

impl TestStation {
    /// An empty station.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// The same with a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where everything of it lies.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A place for a test's own files.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its variables.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Writes its `station.toml`.
    pub fn configure(&self, toml: &str) {
        std::fs::create_dir_all(self.data_dir()).unwrap();
        std::fs::write(self.data_dir().join("station.toml"), toml).unwrap();
    }

    /// A command of it, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        // Nothing of the person who runs the tests may reach the station.
        for (name, _) in std::env::vars() {
            if name.starts_with("WIKO_") || name.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .envs(self.variables.iter().cloned())
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(arguments);
        command
    }

    /// Runs a command with `--json`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).arg("--json").output().unwrap())
    }

    /// Runs a command with `--json` on pictures.
    pub fn inspect(&self, images: &[&Path], more: &[&str]) -> Ran {
        let mut command =
            self.command(&["inspect", "--sku", "WK-KN-200", "--stage", "blade_glazing"]);
        ran(command
            .args(more)
            .arg("--json")
            .args(images)
            .output()
            .unwrap())
    }
}

fn ran(output: Output) -> Ran {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: not JSON: {line}"))
    };
    Ran {
        status: output.status.code().unwrap_or(-1),
        lines: stdout.lines().map(parse).collect(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    /// The lines of one event.
    pub fn events(&self, event: &str) -> Vec<&Value> {
        self.lines
            .iter()
            .filter(|line| line["event"] == event)
            .collect()
    }

    /// The only line of that event.
    pub fn event(&self, event: &str) -> &Value {
        match self.events(event)[..] {
            [line] => line,
            ref lines => panic!(
                "{} lines of {event}, one expected: {}",
                lines.len(),
                self.told()
            ),
        }
    }

    /// Everything it said, for a test's failure.
    pub fn told(&self) -> String {
        format!("status {}\n{:#?}\n{}", self.status, self.lines, self.stderr)
    }
}
