//! The stores of secrets, the real keyring among them where tests/services/run.py has started one.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs)]

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wiko_core::ports::{SecretName, Secrets, SecretsError};
use wiko_secrets::{KeyringSecrets, MemorySecrets};
use wiko_testkit::{contracts, fakes::secrets::FakeSecrets, skip::skip_without_service};

#[tokio::test]
async fn memory_and_the_fake_keep_to_the_contract() {
    contracts::secrets::keeps_secrets(&MemorySecrets::default()).await;
    contracts::secrets::keeps_secrets(&FakeSecrets::default()).await;
}

#[tokio::test]
async fn the_real_keyring_keeps_to_the_contract() {
    if std::env::var_os("WIKO_TEST_KEYRING").is_none() {
        skip_without_service("no keyring is running");
        return;
    }
    let profile = format!("test-{}", std::process::id());
    contracts::secrets::keeps_secrets(&KeyringSecrets::new(&profile)).await;

    // What one instance keeps, another one finds, and another profile does not.
    let name = SecretName::AzureApiKey;
    let kept = KeyringSecrets::new(&profile);
    kept.set(name, "hunter2".into()).await.unwrap();
    assert!(
        KeyringSecrets::new(&profile)
            .get(name)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        KeyringSecrets::new("other")
            .get(name)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!format!("{kept:?}").contains("hunter2"));
    kept.clear(name).await.unwrap();
}

/// Runs one of the tests below in a process of its own, because the bus is found by the environment.
fn in_a_process_with_bus(address: &str, test: &str) {
    let done = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("DBUS_SESSION_BUS_ADDRESS", address)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn without_a_bus_there_is_no_service() {
    in_a_process_with_bus("unix:path=/nonexistent/bus", "inner_no_service");
}

#[tokio::test]
#[ignore = "run by without_a_bus_there_is_no_service"]
async fn inner_no_service() {
    let secrets = KeyringSecrets::new("test");
    for _ in 0..2 {
        let found = secrets.get(SecretName::AwsAccessKey).await;
        assert_eq!(found.unwrap_err(), SecretsError::NoService);
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(home: &Path, program: &str, arguments: &[&str]) -> Option<Ended> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("DBUS_SESSION_BUS_ADDRESS", bus(home))
        .env_remove("DISPLAY")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command.spawn().ok().map(Ended)
}

fn bus(home: &Path) -> String {
    format!("unix:path={}", home.join("bus").display())
}

#[test]
fn a_bus_that_never_answers_times_out_and_costs_one_thread() {
    let home = std::env::temp_dir().join(format!("wiko-deaf-{}", std::process::id()));
    let _ = std::fs::remove_file(&home);
    let _deaf = std::os::unix::net::UnixListener::bind(&home).unwrap();
    in_a_process_with_bus(&format!("unix:path={}", home.display()), "inner_timed_out");
    std::fs::remove_file(&home).unwrap();
}

#[test]
#[ignore = "run by a_bus_that_never_answers_times_out_and_costs_one_thread"]
fn inner_timed_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let secrets = KeyringSecrets::new("test").with_timeout(Duration::from_millis(300));
        let began = Instant::now();
        for _ in 0..3 {
            let found = secrets.get(SecretName::AwsAccessKey).await;
            assert_eq!(
                found.unwrap_err(),
                SecretsError::TimedOut { waited_ms: 300 }
            );
        }
        assert!(began.elapsed() < Duration::from_secs(3));
    });
    runtime.shutdown_background();
}

#[test]
fn a_locked_keyring_is_an_error_and_never_an_absent_secret() {
    if std::env::var_os("WIKO_TEST_KEYRING").is_none() {
        skip_without_service("no keyring is running");
        return;
    }
    let home = std::env::temp_dir().join(format!("wiko-locked-{}", std::process::id()));
    std::fs::create_dir_all(home.join("data")).unwrap();
    {
        let address = format!("--address={}", bus(&home));
        let _bus = daemon(
            &home,
            "dbus-daemon",
            &["--session", "--nofork", "--nopidfile", &address],
        );
        wait_for(|| home.join("bus").exists());
        let arguments = ["--foreground", "--unlock", "--components=secrets"];
        let mut keyring = daemon(&home, "gnome-keyring-daemon", &arguments).unwrap();
        std::io::Write::write_all(&mut keyring.0.stdin.take().unwrap(), b"test\n").unwrap();
        wait_for(|| home.join("data/keyrings/login.keyring").exists());
        in_a_process_with_bus(&bus(&home), "inner_set");
        drop(keyring);
        // The same keyring, and nobody has unlocked it.
        let _keyring = daemon(
            &home,
            "gnome-keyring-daemon",
            &["--foreground", "--components=secrets"],
        );
        in_a_process_with_bus(&bus(&home), "inner_locked");
    }
    std::fs::remove_dir_all(&home).unwrap();
}

fn wait_for(ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(20), "not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
#[ignore = "run by a_locked_keyring_is_an_error_and_never_an_absent_secret"]
async fn inner_set() {
    let secrets = KeyringSecrets::new("test");
    secrets
        .set(SecretName::AzureApiKey, "hunter2".into())
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "run by a_locked_keyring_is_an_error_and_never_an_absent_secret"]
async fn inner_locked() {
    let secrets = KeyringSecrets::new("test");
    // The daemon takes its name on the bus a moment after its start, and is started by the bus if not.
    let found = secrets.get(SecretName::AzureApiKey).await;
    assert_eq!(found.unwrap_err(), SecretsError::Locked);
}
