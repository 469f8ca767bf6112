//! Who says that a part is there, at the real window: a program beside it, and a line-scan camera by itself.

use crate::{
    cameras::{assign, belt, with_library, written},
    station::{Ran, TestStation},
    window::{Window, eventually},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};
use wiko_testkit::{
    gige_camera::{FIRST, Simulator, in_own_network},
    skip::skip_without_service,
};

/// A station of which these triggers are on.
fn station(triggers: &str) -> TestStation {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    station.configure("");
    std::fs::write(station.data_dir().join("triggers.toml"), triggers).unwrap();
    station
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Status and body of an answer to `POST /trigger`.
fn post(port: u16, token: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /trigger HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn part(station: &TestStation, id: &str) -> Ran {
    let known = station.run(&["part", id]);
    assert_eq!(known.status, 0, "{}", known.told());
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_beside_the_window_takes_a_part_that_the_window_shows() {
    let port = free_port();
    let station = station("sources = [\"on_screen\"]\ndebounce_ms = 50\n");
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    window.see("[data-testid=live][data-state=playing]").await;
    // As a field tech at the command line beside the window would.
    let port_is = format!("http_port={port}");
    let set = station.run(&["triggers", "set", "sources=on_screen,http", &port_is]);
    assert_eq!(set.status, 0, "{}", set.told());
    let token = eventually("the program's token", async || {
        TcpStream::connect(("127.0.0.1", port)).ok()?;
        std::fs::read_to_string(station.data_dir().join("trigger.token")).ok()
    })
    .await;
    let (status, told) = post(port, "wrong", "");
    assert_eq!((status, &told["code"]), (401, &json!("unauthorized")));
    let (status, taken) = post(port, token.trim(), r#"{"serial": "S-17", "lot": "批次 7"}"#);
    assert_eq!(status, 200, "{taken}");
    let id = taken["id"].as_str().unwrap();
    window
        .see(&format!("[data-testid=shown-part][data-id='{id}']"))
        .await;
    // The open station takes in what was done beside it.
    eventually("the trail's row", async || {
        let audit = station.run(&["audit"]);
        let rows = audit.events("audit");
        let noted = rows.iter().find(|row| row["subject"] == "triggers")?;
        (noted["source"] == "command_line").then_some(())
    })
    .await;
    window.client.clone().close().await.unwrap();
    let known = part(&station, id);
    let known = &known.lines[0];
    assert_eq!(known["serial"], "S-17", "{known}");
    assert_eq!(known["lot"], "批次 7");
    assert_eq!(known["conditions"]["trigger"], "http");
    assert_eq!(known["sha256"], taken["sha256"]);
    let refused = station.run(&["triggers", "set", "sources=pedal"]);
    assert_eq!(refused.status, 1, "{}", refused.told());
    assert!(refused.told().contains("pedal_key"), "{}", refused.told());
    let kept = station.run(&["triggers", "show"]);
    let kept = &kept.event("triggers")["triggers"];
    assert_eq!(kept["sources"], json!(["on_screen", "http"]));
}

/// A station that programs trigger at that port and whose camera `belt-1` gives nothing.
fn without_pictures() -> (TestStation, u16) {
    let port = free_port();
    let station = station(&format!(
        "sources = [\"http\"]\ndebounce_ms = 50\nhttp_port = {port}\n"
    ));
    let no_camera = format!(
        "[camera]\nid = \"belt-1\"\ndriver = \"replay\"\nfolder = '{}'\n",
        station.scratch("no-pictures").display()
    );
    std::fs::write(station.data_dir().join("station.toml"), no_camera).unwrap();
    (station, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_passed_unseen_is_an_alarm_also_after_a_restart_until_a_person_has_found_it() {
    let (station, port) = without_pictures();
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    window.see("[data-testid=trigger]").await;
    let token = std::fs::read_to_string(station.data_dir().join("trigger.token")).unwrap();
    let (status, told) = post(port, token.trim(), "");
    assert_ne!(status, 200, "{told}");
    window.see("[data-testid=missed-parts-belt-1]").await;
    window.client.clone().close().await.unwrap();
    let missed = station.run(&["status"]);
    let expected = json!([{"camera": "belt-1", "parts": 1}]);
    assert_eq!(missed.events("status")[0]["missed_parts"], expected);
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    window
        .click("[data-testid=missed-parts-found-belt-1]")
        .await;
    window.click("[data-testid=missed-parts-confirm]").await;
    window.sees_no_more("[data-testid=missed-parts]").await;
    window.client.clone().close().await.unwrap();
    let none = station.run(&["status"]);
    assert_eq!(none.events("status")[0]["missed_parts"], json!([]));
    let audit = station.run(&["audit"]);
    let found = audit.events("audit");
    let found = found
        .iter()
        .find(|row| row["subject"] == "missed_parts/belt-1" && row["identity"] != "station");
    let detail = found.map(|row| row["detail"].as_str().unwrap());
    assert_eq!(detail, Some(r#"{"found":1,"open":0}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_the_system_ends_notes_the_parts_that_nobody_has_seen() {
    let (station, port) = without_pictures();
    if std::env::var_os("DISPLAY").is_none() {
        skip_without_service("there is no display");
        return;
    }
    let window = std::cell::RefCell::new(station.command(&[]).spawn().unwrap());
    let token = eventually("the program's token", async || {
        TcpStream::connect(("127.0.0.1", port)).ok()?;
        std::fs::read_to_string(station.data_dir().join("trigger.token")).ok()
    })
    .await;
    let (status, told) = post(port, token.trim(), "");
    assert_ne!(status, 200, "{told}");
    // A program has two seconds to ask again; the system does not wait for that.
    let id = window.borrow().id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(killed.unwrap().success());
    let ended = eventually("its end", async || window.borrow_mut().try_wait().unwrap()).await;
    assert!(ended.success(), "{ended}");
    let missed = station.run(&["status"]);
    let parts = &missed.event("status")["missed_parts"];
    assert_eq!(*parts, json!([{"camera": "belt-1", "parts": 1}]));
}

/// Ids of the parts that are in the records.
fn parts(station: &TestStation) -> Vec<String> {
    let history = station.run(&["history"]);
    let rows = history.events("inspection").into_iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn knives_on_a_belt_are_taken_by_themselves_each_once_and_a_camera_taken_away_beside_is_left() {
    in_own_network(|| {
        with_library(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(knives_on_a_belt());
        });
    });
}

async fn knives_on_a_belt() {
    let station = station("sources = [\"part_present\"]\ndebounce_ms = 50\n");
    std::fs::write(
        station.data_dir().join("station.toml"),
        "[order]\nstage = \"inspection\"\n",
    )
    .unwrap();
    let scene = written(&belt(vec![None; 3], 1), station.scratch("belt.png"));
    let line = ["--line-scan", "--width", "1920", "--height", "128"];
    let scene = ["--scene", scene.to_str().unwrap()];
    let _camera = Simulator::start(FIRST, "LS01", &[&line[..], &scene[..]].concat());
    let long = ["--longest-rows", "1100", "--roll-rows", "64"];
    assign(&station, "belt-1", "LS01", &long);
    let fast = ["ExposureTime=50", "AcquisitionLineRate=4000"];
    let set = station.run(&[&["cameras", "set", "belt-1"], &fast[..]].concat());
    assert_eq!(set.status, 0, "{}", set.told());
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    let taken = eventually("three parts", async || {
        let parts = parts(&station);
        (parts.len() >= 3).then_some(parts)
    })
    .await;
    let mut pictures = Vec::new();
    for id in &taken {
        let known = part(&station, id);
        let known = &known.lines[0];
        assert_eq!(known["conditions"]["trigger"], "part_present", "{known}");
        assert_eq!(known["conditions"]["device"]["serial"], "LS01");
        pictures.push(known["frame_sequence"].as_u64());
    }
    // One after the other, none twice and none left out.
    pictures.sort_unstable();
    for pair in pictures.windows(2) {
        assert_eq!(pair[1], pair[0].map(|before| before + 1), "{pictures:?}");
    }
    // As a field tech at the command line beside the window would.
    let removed = station.run(&["cameras", "remove", "belt-1"]);
    assert_eq!(removed.status, 0, "{}", removed.told());
    window
        .see("[data-testid=banner][data-verdict=stopped], [data-testid=trigger]:disabled")
        .await;
    window.client.clone().close().await.unwrap();
}

#[test]
fn each_edge_at_the_cameras_own_line_is_one_part_also_just_after_a_key_that_takes_none() {
    in_own_network(|| {
        with_library(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(edges_at_the_line());
        });
    });
}

/// How many parts there are once no more come for two seconds.
async fn settled(station: &TestStation) -> usize {
    loop {
        let before = parts(station).len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        if parts(station).len() == before {
            return before;
        }
    }
}

async fn edges_at_the_line() {
    const EDGES: usize = 6;
    let station = station("sources = [\"camera_line\", \"on_screen\"]\ndebounce_ms = 50\n");
    std::fs::write(
        station.data_dir().join("station.toml"),
        "[order]\nstage = \"inspection\"\n",
    )
    .unwrap();
    let mut camera = Simulator::start(FIRST, "GV01", &["--scene", "ramp"]);
    assign(&station, "end-1", "GV01", &[]);
    let by_line = ["TriggerMode=On", "TriggerSource=Line1"];
    let set = station.run(&[&["cameras", "set", "end-1"], &by_line[..]].concat());
    assert_eq!(set.status, 0, "{}", set.told());
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    // Nothing was pressed: the first edge shows when the camera waits for them.
    let mut tries = 0;
    while parts(&station).is_empty() {
        assert!(tries < 60, "no edge becomes a part");
        tries += 1;
        camera.tell("edge");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // An edge that was given before the camera waited for it may still come.
    let mut count = settled(&station).await;
    // The camera takes each part by itself: the large key takes none beside it, and hides none that comes just after.
    window.click("[data-testid=trigger]").await;
    for _ in 0..EDGES {
        camera.tell("edge");
        count += 1;
        eventually("a part for the edge", async || {
            (parts(&station).len() >= count).then_some(())
        })
        .await;
    }
    assert_eq!(settled(&station).await, count, "an edge is two parts");
    let taken = parts(&station);
    let mut frames: Vec<_> = Vec::new();
    for id in &taken {
        let known = part(&station, id);
        let known = &known.lines[0];
        assert_eq!(known["conditions"]["trigger"], "camera_line", "{known}");
        frames.push(known["frame_sequence"].as_u64());
    }
    let count = frames.len();
    frames.sort_unstable();
    frames.dedup();
    assert_eq!(frames.len(), count, "a frame is two parts");
    window.client.clone().close().await.unwrap();
}
