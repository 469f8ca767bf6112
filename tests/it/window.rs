//! The real window, driven by WebDriver: what a person does and sees.

use crate::{
    pictures,
    services::{Services, defective},
    station::{BINARY, TestStation},
};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use image::{Rgb, RgbImage};
use serde_json::json;
use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use wiko_core::{geometry::BoxPx, image::Sha256};
use wiko_testkit::skip::skip_without_service;

/// How long anything in the window may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// The window of a station, closed on drop.
pub(crate) struct Window {
    pub(crate) client: Client,
    driver: Child,
}

impl Window {
    /// Opens the station's window; notes the skipped test where this machine has no display or driver.
    pub(crate) async fn open(station: &TestStation, arguments: &[&str]) -> Option<Self> {
        if std::env::var_os("DISPLAY").is_none() {
            skip_without_service("there is no display");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let spawned = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env_remove("WEBKIT_DISABLE_DMABUF_RENDERER")
            .env_remove("WEBKIT_DISABLE_COMPOSITING_MODE")
            .envs(station.variables().iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = spawned else {
            skip_without_service("WebKitWebDriver is not installed");
            return None;
        };
        let data_dir = station.data_dir().display().to_string();
        let mut all = vec!["--data-dir", &data_dir];
        all.extend(arguments);
        let mut capabilities = serde_json::Map::new();
        let options = json!({"binary": BINARY, "args": all});
        capabilities.insert("webkitgtk:browserOptions".into(), options);
        let address = format!("http://127.0.0.1:{port}");
        let begun = Instant::now();
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder
                .capabilities(capabilities.clone())
                .connect(&address)
                .await
            {
                Ok(client) => break client,
                // The driver is not listening yet.
                Err(_) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("the window did not open: {error}"),
            }
        };
        Some(Self { client, driver })
    }

    pub(crate) async fn see(&self, css: &str) -> fantoccini::elements::Element {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Waits until there is no such element.
    pub(crate) async fn sees_no_more(&self, css: &str) {
        let count = "return document.querySelectorAll(arguments[0]).length";
        eventually(&format!("no {css}"), async || {
            let left = self.client.execute(count, vec![json!(css)]).await;
            (left.unwrap() == 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    /// A click by the page's own script, for what the driver takes as not drawn (content-visibility).
    async fn press(&self, css: &str) {
        self.see(css).await;
        let script = "document.querySelector(arguments[0]).click()";
        self.client.execute(script, vec![json!(css)]).await.unwrap();
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.see(css).await.text().await.unwrap()
    }

    /// The picture of the window, also written where `WIKO_TEST_SCREENSHOT_DIR` says.
    pub(crate) async fn picture(&self, name: &str) -> RgbImage {
        let png = self.client.screenshot().await.unwrap();
        if let Some(dir) = std::env::var_os("WIKO_TEST_SCREENSHOT_DIR") {
            std::fs::write(PathBuf::from(dir).join(format!("{name}.png")), &png).unwrap();
        }
        image::load_from_memory(&png).unwrap().to_rgb8()
    }

    /// Left, top, right and bottom of an element in CSS pixels, and its colour of stroke.
    async fn place(&self, css: &str) -> ([f64; 4], [u8; 3]) {
        self.see(css).await;
        let script = "const e = document.querySelector(arguments[0]);
            const r = e.getBoundingClientRect();
            const s = getComputedStyle(e).stroke.match(/\\d+/g) ?? [0, 0, 0];
            return [r.left, r.top, r.right, r.bottom, ...s.slice(0, 3).map(Number)]";
        let seen = self.client.execute(script, vec![json!(css)]).await.unwrap();
        let number = |n: usize| seen[n].as_f64().unwrap();
        let place = [number(0), number(1), number(2), number(3)];
        (place, [number(4) as u8, number(5) as u8, number(6) as u8])
    }

    /// Opens a dialog, looks whether any of it is hidden, and closes it.
    async fn a_dialog_shows_all_that_it_holds(&self, name: &str, picture: &str) {
        self.click(&format!("[data-testid={name}]")).await;
        let body = format!("[data-testid={name}-dialog] .body");
        self.see(&body).await;
        self.picture(picture).await;
        let script = "const e = document.querySelector(arguments[0]);
            return e.scrollHeight - e.clientHeight";
        let hidden_px = self
            .client
            .execute(script, vec![json!(body)])
            .await
            .unwrap();
        assert_eq!(hidden_px, json!(0), "{name}: hidden pixels");
        self.click(&format!("[data-testid={name}-dialog] .close"))
            .await;
    }

    /// Whether a picture is there in its full size.
    async fn loaded(&self, css: &str, size: (u32, u32)) -> Option<()> {
        let script = "const e = document.querySelector(arguments[0]);
            return e && e.complete ? [e.naturalWidth, e.naturalHeight] : null";
        let seen = self.client.execute(script, vec![json!(css)]).await.unwrap();
        (seen == json!([size.0, size.1])).then_some(())
    }

    /// Checks that the box of a finding lies on the right pixels of the picture, both in the page and in
    /// what is drawn.
    async fn check_box(
        &self,
        name: &str,
        picture: &str,
        number: usize,
        box_px: BoxPx,
        size: (u32, u32),
    ) {
        let shown = format!("{picture} img");
        eventually("the part's picture", || self.loaded(&shown, size)).await;
        let ([left, top, right, bottom], _) = self.place(&format!("{picture} img")).await;
        let (box_place, stroke) = self
            .place(&format!("{picture} [data-testid=box-{number}]"))
            .await;
        let across = (right - left) / f64::from(size.0);
        let down = (bottom - top) / f64::from(size.1);
        let expected = [
            left + f64::from(box_px.x) * across,
            top + f64::from(box_px.y) * down,
            left + f64::from(box_px.x + box_px.width) * across,
            top + f64::from(box_px.y + box_px.height) * down,
        ];
        for (seen, expected) in box_place.iter().zip(expected) {
            assert!(
                (seen - expected).abs() < 1.0,
                "{box_place:?} is not {expected:?}"
            );
        }
        // The middle of the left edge and of the bottom edge are drawn in the colour of the severity.
        let middle = [
            (expected[0], (expected[1] + expected[3]) / 2.0),
            ((expected[0] + expected[2]) / 2.0, expected[3]),
        ];
        // The page knows a picture before it is drawn.
        eventually(&format!("{stroke:?} near {middle:.0?}"), || async {
            let drawn = self.picture(name).await;
            let is_stroke =
                |pixel: &Rgb<u8>| pixel.0.iter().zip(stroke).all(|(a, b)| a.abs_diff(b) < 24);
            let near = |(x, y): (f64, f64)| {
                (-3..=3).any(|dx| {
                    (-3..=3).any(|dy| {
                        drawn
                            .get_pixel_checked((x as i32 + dx) as u32, (y as i32 + dy) as u32)
                            .is_some_and(is_stroke)
                    })
                })
            };
            middle.into_iter().all(near).then_some(())
        })
        .await;
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The driver ends the window with itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what} did not happen within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A real picture of a defect with a box on it, or one made here where there are none.
fn part() -> (Vec<u8>, BoxPx) {
    let made = || {
        (
            pictures::jpeg(1130, 460),
            BoxPx {
                x: 545,
                y: 210,
                width: 40,
                height: 40,
            },
        )
    };
    let Some(dir) = pictures::real_if_any() else {
        return made();
    };
    let dir = dir.join("bsdata/dev");
    let Ok(table) = std::fs::read_to_string(dir.join("annotations.csv")) else {
        return made();
    };
    let Some(line) = table.lines().nth(1) else {
        return made();
    };
    let fields: Vec<_> = line.split(',').collect();
    let number = |n: usize| fields[n].parse::<u32>().unwrap();
    let bytes = std::fs::read(dir.join(fields[0])).unwrap();
    (
        bytes,
        BoxPx {
            x: number(1),
            y: number(2),
            width: number(3),
            height: number(4),
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_goes_from_the_trigger_through_window_and_cloud_to_the_history_with_its_box() {
    let Some(services) = Services::running("window-path").await else {
        return;
    };
    let station = services.station();
    let (bytes, box_px) = part();
    let size = {
        let facts = wiko_imaging::inspect(bytes.clone()).unwrap().facts();
        (facts.width_px, facts.height_px)
    };
    std::fs::create_dir_all(station.scratch("pictures")).unwrap();
    pictures::file(station.scratch("pictures/part.jpg"), &bytes);
    station.configure(&format!(
        "[camera]\nid = \"replay\"\ndriver = \"replay\"\nfolder = {:?}\nframes_per_second = 10\n\
         [analysis]\nchain = [\"claude\"]\n",
        station.scratch("pictures").display().to_string(),
    ));
    services.script(&json!([defective(&json!([{
        "type": "rust_spot",
        "severity": "critical",
        "confidence": 0.93,
        "region": "blade_surface",
        "box": [box_px.x, box_px.y, box_px.x + box_px.width, box_px.y + box_px.height],
        "description": "表面点蚀",
        "recommended_action": "reject",
    }]))]));
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };

    window.see("[data-testid=live][data-state=playing]").await;
    window.picture("live-zh-CN").await;
    window.click("[data-testid=trigger]").await;
    window.see("[data-testid=banner][data-verdict=fail]").await;
    assert!(window.text("[data-testid=banner]").await.contains("不合格"));
    assert!(
        window
            .text("[data-testid=finding-1]")
            .await
            .contains("锈斑")
    );
    window
        .check_box("fail-zh-CN", "[data-testid=part-picture]", 1, box_px, size)
        .await;
    assert_eq!(window.text("[data-testid=tally-fail]").await, "1");

    let id = window
        .see("[data-testid=shown-part]")
        .await
        .attr("data-id")
        .await
        .unwrap()
        .unwrap();
    let key = format!("inspections/yangjiang/WK-KN-200/{id}.jpg");
    eventually("the upload", || async {
        let items = services.items().await;
        items
            .iter()
            .any(|item| item["defect_id"].as_s().unwrap() == &id)
            .then_some(())
    })
    .await;
    let items = services.items().await;
    let conditions = items[0]["conditions"].as_m().unwrap();
    assert_eq!(conditions["trigger"].as_s().unwrap(), "on_screen");
    assert_eq!(services.keys().await, std::slice::from_ref(&key));
    assert_eq!(Sha256::of(&services.object(&key).await), Sha256::of(&bytes));

    window.click("[data-testid=nav-history]").await;
    window
        .press(&format!("[data-testid=history-row][data-id=\"{id}\"]"))
        .await;
    window
        .see("[data-testid=part-verdict][data-verdict=fail]")
        .await;
    window
        .check_box(
            "history-zh-CN",
            "[data-testid=part] [data-testid=part-picture]",
            1,
            box_px,
            size,
        )
        .await;
    window.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_without_network_shows_pending_in_the_window_and_never_green() {
    let nowhere = "http://127.0.0.1:9";
    let station = TestStation::new()
        .with("WIKO_BEDROCK_ENDPOINT", nowhere)
        .with("WIKO_ANALYSIS_CHAIN", "claude")
        .with("WIKO_CREDENTIALS", "environment")
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test");
    let Some(window) = Window::open(&station, &[]).await else {
        return;
    };
    window.see("[data-testid=live][data-state=playing]").await;
    window.click("[data-testid=trigger]").await;
    window
        .see("[data-testid=banner][data-verdict=pending]")
        .await;
    let shown = window.picture("pending-zh-CN").await;
    let ([left, top, right, bottom], _) = window.place("[data-testid=banner]").await;
    let green = |pixel: &image::Rgb<u8>| {
        let [r, g, b] = pixel.0.map(i32::from);
        g > r + 40 && g > b + 40
    };
    for y in top as u32..bottom as u32 {
        for x in left as u32..right as u32 {
            let pixel = shown.get_pixel(x, y);
            assert!(
                !green(pixel),
                "green {pixel:?} at {x}, {y} while the part is pending"
            );
        }
    }
    window.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_verdicts_in_chinese_and_in_english() {
    let station = TestStation::new();
    let Some(window) = Window::open(&station, &["--demo"]).await else {
        return;
    };
    window.see("[data-testid=banner-demo]").await;
    window.see("[data-testid=live][data-state=playing]").await;
    window.picture("demo-zh-CN").await;
    window.click("[data-testid=trigger]").await;
    window
        .see("[data-testid=banner][data-verdict=pass], [data-testid=banner][data-verdict=fail], [data-testid=banner][data-verdict=undetermined]")
        .await;
    window.picture("demo-verdict-zh-CN").await;
    window
        .a_dialog_shows_all_that_it_holds("order", "demo-order-zh-CN")
        .await;
    window
        .a_dialog_shows_all_that_it_holds("override", "demo-override-zh-CN")
        .await;
    window.click("[data-testid=override]").await;
    window.click("[data-testid=override-reject]").await;
    window.click("[data-testid=reason-missed_defect]").await;
    window.click("[data-testid=override-apply]").await;
    window
        .see("[data-testid=banner][data-verdict=rejected], [data-testid=banner][data-verdict=fail]")
        .await;
    window.picture("demo-rejected-zh-CN").await;
    window.click("[data-testid=language]").await;
    eventually("English", || async {
        let text = window.text("[data-testid=trigger]").await;
        text.contains("nspect").then_some(())
    })
    .await;
    eventually("the change of the language in the audit trail", || async {
        let trail = station.run(&["audit"]);
        let mut rows = trail.events("audit").into_iter();
        let row = rows.find(|row| row["subject"] == "language")?;
        assert_eq!(row["category"], "setting", "{row}");
        assert_eq!(row["source"], "window", "{row}");
        assert_eq!(row["detail"], r#"{"from":"zh-CN","to":"en"}"#, "{row}");
        Some(())
    })
    .await;
    window.picture("demo-verdict-en").await;
    for page in ["history", "setup"] {
        window.click(&format!("[data-testid=nav-{page}]")).await;
        window.see(&format!("[data-testid={page}]")).await;
        window.picture(&format!("demo-{page}-en")).await;
    }
    window.client.clone().close().await.unwrap();
}
