//! Azure OpenAI as a factory's network lets it be reached: by a certificate of the plant's own, and through a proxy
//! that wants a password.

use crate::{pictures, station::TestStation};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wiko_testkit::skip::{skip, skip_without_service};

/// A station that asks Azure alone, at the stand-in's address over TLS; none where no stand-in runs. `trusting` says
/// whether it has the certificate of the plant.
fn station(name: &str, trusting: bool) -> Option<TestStation> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(endpoint), Some(authority)) = (
        variable("WIKO_TEST_TLS_ENDPOINT"),
        variable("WIKO_TEST_TLS_AUTHORITY"),
    ) else {
        skip_without_service("WIKO_TEST_TLS_ENDPOINT is not set (tests/services/run.py)");
        return None;
    };
    let station = TestStation::new()
        .with("WIKO_CREDENTIALS", "environment")
        .with("AZURE_OPENAI_API_KEY", "azure-test-key");
    let bundle = if trusting {
        format!("ca_bundle = \"{authority}\"")
    } else {
        String::new()
    };
    station.configure(&format!(
        "[analysis]\nchain = [\"azure\"]\n[aws]\n{bundle}\n[azure]\n\
         endpoint = \"{endpoint}/s/{name}-{}\"\ndeployment = \"gpt-4o\"\n",
        std::process::id()
    ));
    Some(station)
}

/// What becomes of a part: its verdict, and the reason where it is pending.
fn inspected(station: &TestStation) -> (String, String) {
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));
    let ran = station.inspect(&[&picture], &[]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    let text =
        |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    match ran.events("decided")[..] {
        [decided] => {
            assert_eq!(decided["provider"], "azure", "{}", ran.told());
            (text(decided, "verdict"), String::new())
        }
        _ => {
            let pending = ran.event("pending");
            (text(pending, "verdict"), text(pending, "reason"))
        }
    }
}

#[test]
fn azure_behind_a_certificate_of_the_plant_is_reached_with_it_and_not_without() {
    let Some(trusting) = station("plant", true) else {
        return;
    };
    assert_eq!(inspected(&trusting), ("pass".to_owned(), String::new()));
    let (verdict, reason) = inspected(&station("plant", false).unwrap());
    assert_eq!(verdict, "pending");
    assert!(reason.contains("aws.ca_bundle"), "{reason}");
}

/// tinyproxy, which lets in whoever knows the password.
struct Proxy {
    process: Child,
    port: u16,
    log: std::path::PathBuf,
}

impl Proxy {
    /// None, and the skipped test is noted, where tinyproxy is not installed.
    fn start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let (log, config) = (folder.join("tinyproxy.log"), folder.join("tinyproxy.conf"));
        let told = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nBasicAuth station right-one\n\
             LogFile \"{}\"\nLogLevel Connect\n",
            log.display()
        );
        std::fs::write(&config, told).unwrap();
        let started = Command::new("tinyproxy")
            .args(["-d", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            skip("tinyproxy is not installed (Debian, Ubuntu: tinyproxy-bin)");
            return None;
        };
        let proxy = Self { process, port, log };
        let patience = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "tinyproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(proxy)
    }

    /// The station with everything of it going by the proxy.
    fn before(&self, station: TestStation, password: &str) -> TestStation {
        let url = format!("http://station:{password}@127.0.0.1:{}", self.port);
        station
            .with("HTTPS_PROXY", &url)
            .with("https_proxy", &url)
            .with("NO_PROXY", "")
            .with("no_proxy", "")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything that the station wrote.
fn logs(station: &TestStation) -> String {
    let files = std::fs::read_dir(station.data_dir().join("logs")).unwrap();
    files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn azure_is_asked_through_a_proxy_that_wants_a_password_and_the_password_is_told_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(wrong), Some(right)) = (station("proxy", true), station("proxy", true)) else {
        return;
    };
    let Some(proxy) = Proxy::start(folder.path()) else {
        return;
    };
    let wrong = proxy.before(wrong, "wrong-one");
    let (verdict, reason) = inspected(&wrong);
    assert_eq!(verdict, "pending");
    assert!(reason.contains("password in HTTPS_PROXY"), "{reason}");
    assert!(!format!("{reason}{}", logs(&wrong)).contains("wrong-one"));

    let right = proxy.before(right, "right-one");
    assert_eq!(inspected(&right), ("pass".to_owned(), String::new()));
    assert!(!logs(&right).contains("right-one"));
    let seen = std::fs::read_to_string(&proxy.log).unwrap();
    assert!(seen.contains("CONNECT localhost:"), "{seen}");
}
