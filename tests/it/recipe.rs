//! Recipes, checked and released at the command line.

use crate::{
    pictures,
    services::{Services, defective},
    station::{Ran, TestStation},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A recipe for one product at one stage, with a picture of a good part.
fn recipe(station: &TestStation, version: u32) -> PathBuf {
    let folder = station.scratch("recipe");
    std::fs::create_dir_all(&folder).unwrap();
    pictures::file(folder.join("ok-1.jpg"), &pictures::jpeg(640, 400));
    let toml = format!(
        r#"
        stage = "blade_glazing"
        product_sku = "WK-KN-200"
        version = {version}
        [[criteria]]
        code = "BG1"
        en = "No scratch across the glaze."
        zh-CN = "无横向划痕。"
        [[references]]
        file = "ok-1.jpg"
        kind = "ok"
        en = "Glazed evenly."
        zh-CN = "光泽均匀。"
        "#
    );
    pictures::file(folder.join("recipe.toml"), toml.as_bytes());
    folder
}

fn set(station: &TestStation) -> PathBuf {
    let folder = station.scratch("set");
    std::fs::create_dir_all(&folder).unwrap();
    pictures::file(folder.join("good.jpg"), &pictures::jpeg(320, 200));
    pictures::file(folder.join("bad.jpg"), &pictures::jpeg(330, 200));
    let toml = r#"
        name = "glaze-2026-03"
        stage = "blade_glazing"
        [[pictures]]
        file = "good.jpg"
        expected = "pass"
        [[pictures]]
        file = "bad.jpg"
        expected = "fail"
        defect_types = ["blade_scratch"]
        "#;
    pictures::file(folder.join("challenge.toml"), toml.as_bytes());
    folder
}

fn release(station: &TestStation, recipe: &Path, set: &Path) -> Ran {
    let (recipe, set) = (recipe.to_str().unwrap(), set.to_str().unwrap());
    station.run(&[
        "recipe",
        "release",
        recipe,
        "--challenge",
        set,
        "--by",
        "Li Wei",
    ])
}

fn scratched() -> Value {
    defective(&json!([{
        "type": "blade_scratch", "severity": "minor", "confidence": 0.9, "region": "blade_surface",
        "box": [10, 20, 110, 40], "description": "划痕", "recommended_action": "rework", "criterion": "BG1",
    }]))
}

/// The line of `recipe list` on a name.
fn listed(station: &TestStation, name: &str) -> (i32, Value) {
    let ran = station.run(&["recipe", "list"]);
    let line = ran
        .events("recipe")
        .into_iter()
        .find(|line| line["name"] == name)
        .cloned();
    (ran.status, line.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_recipe_is_blocked_by_an_escape_released_when_all_is_judged_as_it_should_and_judges_the_next_part()
 {
    let Some(services) = Services::running("recipe_release").await else {
        return;
    };
    let station = services.station();
    let (folder, set) = (recipe(&station, 1), set(&station));
    let name = "WK-KN-200.blade_glazing";
    let part = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));

    let path = folder.to_str().unwrap();
    let checked = station.run(&["recipe", "check", path]);
    assert_eq!(checked.status, 0, "{}", checked.told());
    let languages: Vec<_> = checked
        .events("checked")
        .iter()
        .map(|line| line["language"].clone())
        .collect();
    assert_eq!(languages, ["zh-CN", "en"], "{}", checked.told());

    // Nothing scripted: every part is called good.
    let blocked = release(&station, &folder, &set);
    assert_eq!(blocked.status, 1, "{}", blocked.told());
    assert!(
        blocked.stderr.contains("bad parts were passed: bad.jpg"),
        "{}",
        blocked.told()
    );
    assert_eq!(blocked.event("spent")["calls"], 2, "{}", blocked.told());
    assert_eq!(listed(&station, name).1, Value::Null);

    services.script(&json!([{}, {"error": "ServiceUnavailableException"}]));
    let unanswered = release(&station, &folder, &set);
    assert_eq!(unanswered.status, 1, "{}", unanswered.told());
    assert!(
        unanswered.stderr.contains("bad.jpg was not judged"),
        "{}",
        unanswered.told()
    );

    services.script(&json!([{}, scratched()]));
    let released = release(&station, &folder, &set);
    assert_eq!(released.status, 0, "{}", released.told());
    assert_eq!(released.event("released")["already"], false);
    let (status, line) = listed(&station, name);
    assert_eq!(
        (status, &line["released_by"]),
        (0, &json!("Li Wei")),
        "{line}"
    );
    assert_eq!(line["sha256"], released.event("released")["sha256"]);
    assert_eq!(listed(&station, "blade_glazing").1["origin"], "built_in");

    let again = release(&station, &folder, &set);
    assert_eq!(again.event("released")["already"], true, "{}", again.told());
    let other = folder.join("recipe.toml");
    let toml = std::fs::read_to_string(&other)
        .unwrap()
        .replace("No scratch", "No deep scratch");
    std::fs::write(&other, toml).unwrap();
    let refused = release(&station, &folder, &set);
    assert_eq!(refused.status, 1, "{}", refused.told());
    assert!(refused.stderr.contains("version = 2"), "{}", refused.told());

    let inspected = station.inspect(&[&part], &["--wait", "30"]);
    let id = inspected.event("decided")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = station.run(&["part", &id]);
    let told = &shown.event("part")["analysis"]["recipe"];
    assert_eq!(
        (&told["name"], &told["version"]),
        (&json!(name), &json!(1)),
        "{}",
        shown.told()
    );
    assert_eq!(told["sha256"], line["sha256"]);
    let text = station.command(&["part", &id]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("recipe WK-KN-200.blade_glazing v1"), "{text}");
    let shown = station.run(&["recipe", "show", name, "--language", "en"]);
    let prompt = shown.event("prompt");
    assert!(
        prompt["system"]
            .as_str()
            .unwrap()
            .contains("No scratch across"),
        "{prompt}"
    );

    let trail = station.run(&["audit"]);
    let rows = trail.events("audit").into_iter();
    let rows: Vec<_> = rows
        .filter(|row| row["subject"] == format!("recipes/{name}"))
        .collect();
    let results: Vec<_> = rows.iter().map(|row| row["result"].clone()).collect();
    assert_eq!(results, ["done", "failed", "failed"], "{rows:#?}");
    assert!(
        rows[0]["detail"].as_str().unwrap().contains("Li Wei"),
        "{rows:#?}"
    );
}

#[tokio::test]
async fn a_part_whose_recipe_was_changed_waits_for_a_person_and_a_backup_brings_the_recipe_back() {
    let Some(services) = Services::running("recipe_tampered").await else {
        return;
    };
    // The screen would judge where Claude cannot be asked; not here.
    let station = services
        .station()
        .with("WIKO_ANALYSIS_CHAIN", "claude,screen");
    let good: Vec<_> = (0..3)
        .map(|n| {
            pictures::file(
                station.scratch(&format!("good-{n}.jpg")),
                &pictures::jpeg(640, 360),
            )
        })
        .collect();
    crate::screen::learn(&station, "WK-KN-200", "blade_glazing", &good);
    services.script(&json!([{}, scratched()]));
    let released = release(&station, &recipe(&station, 1), &set(&station));
    assert_eq!(released.status, 0, "{}", released.told());
    let backup = station.scratch("station.tar");
    let ran = station.run(&["backup", backup.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.told());

    let file = PathBuf::from("recipes/WK-KN-200.blade_glazing/v1/recipe.toml");
    let kept = station.data_dir().join(&file);
    std::fs::remove_file(&kept).unwrap();
    let ran = station.inspect(&[&good[0]], &[]);
    let pending = ran.event("pending");
    let id = pending["id"].as_str().unwrap();
    let waits = station.run(&["part", id]);
    assert_eq!(
        waits.event("part")["obstacle"],
        "needs_person",
        "{}",
        waits.told()
    );
    let reason = pending["reason"].as_str().unwrap();
    assert!(
        reason.contains("recipe.toml") && reason.contains("backup"),
        "{reason}"
    );
    let doctor = station.run(&["doctor"]);
    let checks = doctor.events("check");
    let recipes = checks
        .iter()
        .find(|line| line["check"] == "recipes")
        .unwrap();
    assert_eq!(recipes["state"], "failed", "{}", doctor.told());
    let (status, line) = listed(&station, "WK-KN-200.blade_glazing");
    assert_eq!(status, 1);
    assert!(
        line["trouble"].as_str().unwrap().contains("recipe.toml"),
        "{line}"
    );

    let verified = station.run(&["verify"]);
    assert_eq!(verified.status, 1, "{}", verified.told());
    assert!(
        verified.told().contains("recipe.toml"),
        "{}",
        verified.told()
    );

    let restored = TestStation::new();
    let ran = restored.run(&["restore", backup.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    assert_eq!(listed(&restored, "WK-KN-200.blade_glazing").0, 0);
    std::fs::copy(restored.data_dir().join(&file), &kept).unwrap();
    assert_eq!(station.run(&["queue", "retry", id]).status, 0);
    let synced = station.run(&["sync", "--once"]);
    assert_eq!(synced.status, 0, "{}", synced.told());
    let shown = station.run(&["part", id]);
    assert_eq!(
        shown.event("part")["analysis"]["recipe"]["version"],
        1,
        "{}",
        shown.told()
    );
}

#[test]
fn what_cannot_be_a_recipe_is_refused_with_what_is_wrong() {
    let station = TestStation::new();
    let folder = recipe(&station, 1);
    let file = folder.join("recipe.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    for (from, to, says) in [
        ("version = 1", "version = 1\ncolour = 3", "colour"),
        ("blade_glazing", "painting", "painting"),
        ("WK-KN-200", "wk/kn", "product SKU"),
        ("WK-KN-200", "WK-XX-1", "known: WK-KN-200"),
        ("光泽均匀。", "", "empty in one of the languages"),
        ("ok-1.jpg", "ok-2.jpg", "there is no such file"),
    ] {
        std::fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let ran = station.run(&["recipe", "check", file.to_str().unwrap()]);
        assert_eq!(ran.status, 1, "{}", ran.told());
        assert!(ran.stderr.contains(says), "{says} in {}", ran.told());
    }
    let ran = station.run(&["recipe", "list"]);
    assert_eq!(ran.events("recipe").len(), 14, "{}", ran.told());
    assert!(!station.data_dir().join("recipes").exists());
}

#[test]
fn without_a_model_a_recipe_can_be_checked_and_not_released() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let (folder, set) = (recipe(&station, 1), set(&station));
    let checked = station.run(&["recipe", "check", folder.to_str().unwrap()]);
    assert_eq!(checked.status, 0, "{}", checked.told());
    let refused = release(&station, &folder, &set);
    assert_eq!(refused.status, 1, "{}", refused.told());
    assert!(
        refused.stderr.contains("analysis.chain"),
        "{}",
        refused.told()
    );
}
