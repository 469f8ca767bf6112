//! Recipes that are released on a station: which one holds, what a model is shown of it, and what it takes to release
//! one.

mod interrupted;

use crate::{azure, standin::StandIn};
use image::{Rgb, RgbImage};
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wiko_analyzer::{
    claude::{Claude, ClaudeSettings},
    vision::recipe::{
        Publisher, RecipeSource, Release, ReleaseRefused, ReleasedRecipes, Standing,
        challenge::{ChallengeResult, ChallengeSet, Expected, JudgedPicture, Trial},
    },
};
use wiko_core::{
    analysis::{Provider, RecipeTag},
    image::Sha256,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    sku::ProductSku,
    spending::Meter,
    verdict::VerdictCode,
};
use wiko_testkit::builders;

/// A picture of its own for each `tone`.
fn jpeg(width: u32, height: u32, tone: u8) -> Vec<u8> {
    let steel = RgbImage::from_fn(width, height, |x, y| {
        let grain = ((x * 7 + y * 13) % 32) as u8;
        Rgb([tone + grain, tone + grain, tone + grain])
    });
    wiko_imaging::encode_jpeg(&steel, 90).unwrap()
}

fn request(sku: &str) -> AnalysisRequest {
    let mut capture = builders::capture(1);
    capture.product_sku = ProductSku::new(sku).unwrap();
    AnalysisRequest {
        capture,
        image: wiko_imaging::inspect(jpeg(640, 480, 150)).unwrap(),
        language: Language::En,
        screening: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

/// A station's folder of recipes, and folders to write recipes and sets in.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn recipes(&self) -> ReleasedRecipes {
        ReleasedRecipes::open(self.dir.path().join("recipes"))
    }

    fn released(&self, name: &str, version: u32) -> PathBuf {
        self.dir.path().join(format!("recipes/{name}/v{version}"))
    }

    /// Writes a recipe of glazing with one good and one bad part to compare with.
    fn recipe(&self, sku: Option<&str>, version: u32, says: &str) -> RecipeSource {
        let folder = self.dir.path().join("recipe");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ok-1.jpg"), jpeg(1600, 1200, 90)).unwrap();
        fs::write(folder.join("ng-1.jpg"), jpeg(400, 300, 10)).unwrap();
        let sku = sku.map_or(String::new(), |sku| format!("product_sku = \"{sku}\""));
        let toml = format!(
            r#"
            stage = "blade_glazing"
            version = {version}
            {sku}
            [[criteria]]
            code = "BG1"
            en = "{says}"
            zh-CN = "{says}"
            [[references]]
            file = "ok-1.jpg"
            kind = "ok"
            en = "Glazed evenly."
            zh-CN = "光泽均匀。"
            [[references]]
            file = "ng-1.jpg"
            kind = "ng"
            en = "A scratch across."
            zh-CN = "横向划痕。"
            "#
        );
        fs::write(folder.join("recipe.toml"), toml).unwrap();
        RecipeSource::read(&folder).unwrap()
    }

    /// Writes a set of a good and a bad part, and whatever else its list says.
    fn set(&self, name: &str, more: &str) -> ChallengeSet {
        let folder = self.dir.path().join("set");
        fs::create_dir_all(&folder).unwrap();
        for (file, tone) in [("good.jpg", 120), ("bad.jpg", 60), ("good-2.jpg", 125)] {
            fs::write(folder.join(file), jpeg(320, 240, tone)).unwrap();
        }
        let toml = format!(
            r#"
            name = "{name}"
            stage = "blade_glazing"
            product_sku = "WK-KN-200"
            {more}
            [[pictures]]
            file = "good.jpg"
            expected = "pass"
            [[pictures]]
            file = "bad.jpg"
            expected = "fail"
            defect_types = ["blade_scratch"]
            "#
        );
        fs::write(folder.join("challenge.toml"), toml).unwrap();
        ChallengeSet::read(&folder).unwrap()
    }

    /// Releases a recipe as if its set had been judged as it should.
    fn release(&self, source: &RecipeSource) {
        let set = self.set("glaze-1", "");
        let publisher = Publisher::begin(&self.recipes()).unwrap();
        assert_eq!(publisher.standing(source, &set).unwrap(), Standing::New);
        let folder = publisher.publish(source, &proof(source, as_it_should(&set)));
        let recipe = source.tag();
        assert_eq!(
            folder.unwrap(),
            self.released(&recipe.name(), recipe.version)
        );
    }
}

fn proof(source: &RecipeSource, challenge: ChallengeResult) -> Release {
    Release {
        recipe: source.tag(),
        files: source.hashes(),
        released_at: "2026-03-01T08:00:00.000Z".into(),
        released_by: "Li Wei".into(),
        station_version: "0.1.0".into(),
        provider: Provider::Claude,
        model: "us.anthropic.claude-opus-5".into(),
        language: Language::En,
        mm_per_px: None,
        prompt_sha256: Sha256::of(b"prompt"),
        challenge,
    }
}

fn as_it_should(set: &ChallengeSet) -> ChallengeResult {
    let judged = |file: &str, expected, got| JudgedPicture {
        file: file.into(),
        sha256: Sha256::of(file.as_bytes()),
        expected,
        got: vec![got],
        found: vec![],
        missed: vec![],
        said: String::new(),
    };
    ChallengeResult {
        name: set.name().into(),
        sha256: set.sha256(),
        trials: 1,
        max_false_alarms: 0,
        max_undetermined: 0,
        pictures: vec![
            judged("good.jpg", Expected::Pass, VerdictCode::Pass),
            judged("bad.jpg", Expected::Fail, VerdictCode::Fail),
        ],
    }
}

async fn judged_by(claude: &Claude, sku: &str) -> RecipeTag {
    let analysis = claude.analyze(&request(sku)).await.unwrap();
    analysis.appraiser.recipe.unwrap()
}

async fn withheld(claude: &Claude, sku: &str) -> String {
    match claude.analyze(&request(sku)).await {
        Err(AnalysisError::Withheld { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn defective() -> Value {
    json!({"reply": {"findings": [{
        "type": "blade_scratch", "severity": "minor", "confidence": 0.9, "region": "blade_surface",
        "box": [10, 20, 110, 40], "description": "scratch", "recommended_action": "rework", "criterion": "BG1",
    }]}})
}

#[tokio::test]
async fn the_products_recipe_holds_before_the_stages_and_that_before_the_built_in_one_from_the_next_part_on()
 {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let claude = standin.claude(ClaudeSettings::default());
    let claude = claude.with_released(place.recipes());
    let built_in = judged_by(&claude, "WK-KN-200").await;
    assert_eq!(built_in.to_string(), "blade_glazing v1");

    let of_stage = place.recipe(None, 2, "Of the stage.");
    place.release(&of_stage);
    assert_eq!(judged_by(&claude, "WK-KN-200").await, of_stage.tag());

    let of_product = place.recipe(Some("WK-KN-200"), 1, "Of the product.");
    place.release(&of_product);
    assert_eq!(judged_by(&claude, "WK-KN-200").await, of_product.tag());
    assert_eq!(judged_by(&claude, "WK-KN-150").await, of_stage.tag());

    let newer = place.recipe(Some("WK-KN-200"), 2, "Of the product, newer.");
    place.release(&newer);
    assert_eq!(judged_by(&claude, "WK-KN-200").await, newer.tag());
    let seen = standin.requests().await;
    for (request, says) in
        seen.iter()
            .zip(["No scratch across", "Of the stage.", "Of the product."])
    {
        assert!(request["system"][0].to_string().contains(says), "{request}");
    }
}

#[tokio::test]
async fn references_are_shown_before_the_part_small_with_a_word_to_each_and_a_cache_point_behind_them()
 {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let claude = standin.claude(ClaudeSettings::default());
    let plain = claude
        .prompts()
        .stage(None, source.recipe.stage, Language::En)
        .unwrap();
    let claude = claude.with_candidate(source).unwrap();
    // Out of form once, and a finding whose cause is asked for.
    let mut found = defective();
    found["reply"]["findings"][0]["severity"] = json!("major");
    standin
        .script(json!([{"prose": "It is bad."}, found]))
        .await;
    let analysis = claude.analyze(&request("WK-KN-200")).await.unwrap();
    assert_eq!(
        analysis.findings[0].box_px.x, 10,
        "of the part's own picture"
    );

    let seen = standin.requests().await;
    let [look, repair, cause] = seen.as_slice() else {
        panic!("{seen:#?}");
    };
    for asked in [look, repair] {
        let [ok, ng] = asked["references"].as_array().unwrap().as_slice() else {
            panic!("{asked:#}");
        };
        assert_eq!(
            (&ok["width_px"], &ok["height_px"]),
            (&json!(768), &json!(576))
        );
        assert_eq!(
            (&ng["width_px"], &ng["height_px"]),
            (&json!(400), &json!(300))
        );
        let says = |reference: &Value, what: &str| {
            let text = reference["text"].as_str().unwrap().to_owned();
            assert!(
                text.contains(what) && text.contains("not the part to be judged"),
                "{text}"
            );
        };
        says(ok, "OK (a good part): Glazed evenly.");
        says(ng, "NG (a bad part): A scratch across.");
        assert_eq!(asked["references_cached"], true);
        assert_eq!(asked["images"].as_array().unwrap().len(), 1);
        assert!(
            asked["system"][0]
                .to_string()
                .contains("# Reference pictures")
        );
    }
    assert_eq!(cause["references"], json!([]));
    assert_ne!(plain.sha256, analysis.appraiser.prompt_sha256);
    assert!(!plain.inspect.system.contains("eference picture"));
}

#[tokio::test]
async fn azure_is_shown_the_same_references_in_the_same_order() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let azure = azure::azure(&standin, None, azure::KEY)
        .with_candidate(source)
        .unwrap();
    azure.analyze(&request("WK-KN-200")).await.unwrap();
    let seen = standin.requests().await;
    let references = seen[0]["references"].as_array().unwrap();
    let texts: Vec<_> = references
        .iter()
        .map(|shown| shown["text"].as_str().unwrap())
        .collect();
    assert!(
        texts[0].contains("OK (a good part)") && texts[1].contains("NG (a bad part)"),
        "{texts:?}"
    );
    assert_eq!(references[0]["width_px"], 768);
}

#[test]
fn another_reference_picture_or_another_word_to_it_is_another_prompt() {
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let hash = |source: &RecipeSource| {
        let prompts = wiko_analyzer::vision::prompts::Prompts::render(
            wiko_analyzer::vision::AnswerForm::Tool,
            wiko_analyzer::vision::frame::ImageTier::High,
        );
        let prompts = prompts.unwrap().with_candidate(source.clone()).unwrap();
        prompts
            .stage(None, source.recipe.stage, Language::En)
            .unwrap()
            .sha256
    };
    let mut other_picture = source.clone();
    other_picture.references[0] = wiko_imaging::inspect(jpeg(64, 48, 7)).unwrap();
    let mut other_word = source.clone();
    other_word.recipe.references[0]
        .en
        .push_str(" Look closely.");
    assert_eq!(hash(&source), hash(&source.clone()));
    assert_ne!(hash(&source), hash(&other_picture));
    assert_ne!(hash(&source), hash(&other_word));
    assert_ne!(source.sha256(), other_picture.sha256());
}

#[rstest]
#[case::a_changed_recipe("recipe.toml", Some("stage = \"blade_glazing\""), "was changed")]
#[case::a_changed_picture("ok-1.jpg", Some("no picture"), "was changed")]
#[case::a_picture_that_is_gone("ng-1.jpg", None, "no such file")]
#[case::a_changed_proof("release.json", Some("{}"), "was changed")]
#[case::a_proof_that_is_gone("release.json", None, "no such file")]
#[tokio::test]
async fn a_part_whose_recipe_is_not_as_it_was_released_is_judged_by_nobody_until_it_is_put_back(
    #[case] file: &str,
    #[case] written: Option<&str>,
    #[case] says: &str,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    // The recipe of the stage is whole, and no help.
    place.release(&place.recipe(None, 2, "Of the stage."));
    let of_product = place.recipe(Some("WK-KN-200"), 1, "Of the product.");
    place.release(&of_product);
    let claude = standin.claude(ClaudeSettings::default());
    let claude = claude.with_released(place.recipes());
    assert_eq!(judged_by(&claude, "WK-KN-200").await, of_product.tag());

    let path = place.released("WK-KN-200.blade_glazing", 1).join(file);
    let before = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    if let Some(written) = written {
        fs::write(&path, written).unwrap();
    }
    let reason = withheld(&claude, "WK-KN-200").await;
    for word in [
        says,
        file,
        "WK-KN-200.blade_glazing v1",
        "backup",
        "queue retry",
    ] {
        assert!(reason.contains(word), "{word} in {reason}");
    }
    assert_eq!(standin.requests().await.len(), 1, "nobody was asked");
    assert_eq!(
        judged_by(&claude, "WK-KN-150").await.to_string(),
        "blade_glazing v2"
    );

    let _ = fs::remove_file(&path);
    fs::write(&path, before).unwrap();
    assert_eq!(judged_by(&claude, "WK-KN-200").await, of_product.tag());
}

#[tokio::test]
async fn a_newest_release_that_is_gone_is_missed_and_the_one_before_does_not_take_its_place() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    for version in [2, 3] {
        place.release(&place.recipe(None, version, &format!("Version {version}.")));
    }
    let claude = standin.claude(ClaudeSettings::default());
    let claude = claude.with_released(place.recipes());
    assert_eq!(judged_by(&claude, "WK-KN-200").await.version, 3);
    fs::remove_dir_all(place.released("blade_glazing", 3)).unwrap();
    let reason = withheld(&claude, "WK-KN-200").await;
    assert!(
        reason.contains("blade_glazing v3") && reason.contains("missing"),
        "{reason}"
    );
    fs::remove_dir_all(place.released("blade_glazing", 2)).unwrap();
    assert!(withheld(&claude, "WK-KN-200").await.contains("v3"));
    let listed = place.recipes().list().unwrap();
    let broken: Vec<_> = listed.iter().filter(|one| one.release.is_err()).collect();
    assert_eq!(broken.len(), 1, "{listed:?}");

    place.release(&place.recipe(None, 4, "Version 4."));
    assert_eq!(judged_by(&claude, "WK-KN-200").await.version, 4);
}

/// Has the set judged with what the stand-in answers.
async fn challenged(
    standin: &StandIn,
    place: &Place,
    set: &ChallengeSet,
    trials: u32,
    steps: Value,
) -> Result<ChallengeResult, String> {
    standin.script(steps).await;
    let source = place.recipe(None, 2, "No scratch.");
    set.fits(&source).unwrap();
    let claude = standin.claude(ClaudeSettings::default());
    let claude = claude.with_candidate(source).unwrap();
    let trial = Trial {
        capture: builders::capture(1),
        language: Language::En,
        mm_per_px: None,
        trials,
        meter: Meter::default(),
    };
    let mut told = 0;
    let result = set.judge(&claude, &trial, |_| told += 1).await;
    assert!(!trial.meter.calls().is_empty() || result.is_err());
    if result.is_ok() {
        assert_eq!(told, set.len());
    }
    result.map_err(|error| error.to_string())
}

fn published(place: &Place, result: ChallengeResult) -> Result<PathBuf, ReleaseRefused> {
    let source = place.recipe(None, 2, "No scratch.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    publisher.publish(&source, &proof(&source, result))
}

#[rstest]
#[case::a_bad_part_that_is_passed("", json!([{}, {}]), "bad parts were passed: bad.jpg")]
#[case::a_good_part_that_fails("", json!([defective(), defective()]), "1 good parts failed, 0 may: good.jpg")]
#[case::a_part_for_a_person("", json!([{}, {"stop_reason": "max_tokens"}]), "1 parts would go to a person, 0 may: bad.jpg")]
#[tokio::test]
async fn what_the_set_speaks_against_is_not_released(
    #[case] more: &str,
    #[case] steps: Value,
    #[case] says: &str,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let set = place.set("glaze-1", more);
    let result = challenged(&standin, &place, &set, 1, steps).await.unwrap();
    let refused = published(&place, result).unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
    assert!(!place.released("blade_glazing", 2).exists());
    assert!(place.recipes().list().unwrap().is_empty());
}

#[rstest]
#[case::all_as_they_should("", json!([{}, defective()]))]
#[case::a_false_alarm_that_may_be("max_false_alarms = 1", json!([defective(), defective()]))]
#[case::one_for_a_person_that_may_be("max_undetermined = 1", json!([{}, {"stop_reason": "max_tokens"}]))]
#[tokio::test]
async fn what_the_set_speaks_for_is_released_and_says_how_each_picture_was_judged(
    #[case] more: &str,
    #[case] steps: Value,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let set = place.set("glaze-1", more);
    let result = challenged(&standin, &place, &set, 1, steps).await.unwrap();
    let folder = published(&place, result.clone()).unwrap();
    let [listed] = &place.recipes().list().unwrap()[..] else {
        panic!("one release");
    };
    let release = listed.release.as_ref().unwrap();
    assert_eq!(release.challenge, result);
    assert_eq!(release.challenge.sha256, set.sha256());
    #[cfg(unix)]
    for file in fs::read_dir(&folder).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o444);
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 4);
}

#[tokio::test]
async fn of_several_trials_the_worst_counts() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let set = place.set("glaze-1", "max_undetermined = 2");
    let steps = json!([{}, {"stop_reason": "max_tokens"}, defective(), {}]);
    let result = challenged(&standin, &place, &set, 2, steps).await.unwrap();
    assert_eq!(result.undetermined(), ["good.jpg"]);
    assert_eq!(result.escapes(), ["bad.jpg"]);
    assert_eq!(
        result.pictures[1].got,
        [VerdictCode::Fail, VerdictCode::Pass]
    );
    assert!(published(&place, result).is_err());
}

#[tokio::test]
async fn where_the_service_does_not_answer_there_is_no_result() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let set = place.set("glaze-1", "");
    let steps = json!([{}, {"error": "ThrottlingException"}]);
    let refused = challenged(&standin, &place, &set, 1, steps)
        .await
        .unwrap_err();
    assert!(refused.contains("bad.jpg was not judged"), "{refused}");
}

#[test]
fn a_release_is_never_changed_and_versions_count_up() {
    let place = Place::new();
    let first = place.recipe(None, 2, "No scratch.");
    place.release(&first);
    let proof_of_first = fs::read(place.released("blade_glazing", 2).join("release.json")).unwrap();
    let set = place.set("glaze-1", "");
    let publisher = Publisher::begin(&place.recipes()).unwrap();

    assert_eq!(
        publisher.standing(&first, &set).unwrap(),
        Standing::Released
    );
    let other = place.recipe(None, 2, "No scratch at all.");
    let refused = publisher.standing(&other, &set).unwrap_err();
    assert!(
        matches!(refused, ReleaseRefused::OtherContent { newest: 2, .. }),
        "{refused}"
    );
    assert!(
        publisher
            .publish(&other, &proof(&other, as_it_should(&set)))
            .is_err()
    );
    // The built-in one of the stage has version 1; a product's own counts for itself.
    let refused = publisher
        .standing(&place.recipe(None, 1, "Older."), &set)
        .unwrap_err();
    assert!(
        refused.to_string().contains("write version = 3"),
        "{refused}"
    );
    let of_product = place.recipe(Some("WK-KN-200"), 1, "Of the product.");
    assert_eq!(
        publisher.standing(&of_product, &set).unwrap(),
        Standing::New
    );
    // What was judged is what is released.
    let changed = place.recipe(None, 3, "Changed meanwhile.");
    assert!(
        publisher
            .publish(&changed, &proof(&first, as_it_should(&set)))
            .is_err()
    );

    let kept = fs::read(place.released("blade_glazing", 2).join("release.json")).unwrap();
    assert_eq!(kept, proof_of_first);
    assert!(matches!(
        Publisher::begin(&place.recipes()),
        Err(ReleaseRefused::UnderWay)
    ));
    drop(publisher);
    assert!(Publisher::begin(&place.recipes()).is_ok());
}

#[test]
fn a_set_that_was_used_is_frozen_under_its_name() {
    let place = Place::new();
    place.release(&place.recipe(None, 2, "No scratch."));
    let next = place.recipe(None, 3, "No scratch at all.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let changed = place.set("glaze-1", "max_false_alarms = 1");
    let refused = publisher.standing(&next, &changed).unwrap_err().to_string();
    assert!(
        refused.contains("glaze-1") && refused.contains("name of its own"),
        "{refused}"
    );
    let renamed = place.set("glaze-2", "max_false_alarms = 1");
    assert_eq!(publisher.standing(&next, &renamed).unwrap(), Standing::New);
}

#[test]
fn a_release_that_was_ended_in_the_middle_is_none_and_the_next_one_goes_through() {
    let place = Place::new();
    let aside = place.dir.path().join("recipes/.blade_glazing.part");
    fs::create_dir_all(&aside).unwrap();
    fs::write(aside.join("recipe.toml"), "half").unwrap();
    assert!(place.recipes().list().unwrap().is_empty());
    place.release(&place.recipe(None, 2, "No scratch."));
    assert_eq!(place.recipes().list().unwrap().len(), 1);
    assert!(!aside.exists());
}

fn refused(folder: &Path) -> String {
    RecipeSource::read(folder).unwrap_err().to_string()
}

#[test]
fn a_recipe_whose_pictures_cannot_be_used_is_refused_with_the_file() {
    let place = Place::new();
    place.recipe(None, 2, "No scratch.");
    let folder = place.dir.path().join("recipe");
    let picture = folder.join("ok-1.jpg");
    let outside = place.dir.path().join("outside.jpg");
    fs::rename(&picture, &outside).unwrap();
    assert!(refused(&folder).contains("ok-1.jpg: there is no such file"));
    fs::write(&picture, "text").unwrap();
    assert!(
        refused(&folder).contains("not a picture"),
        "{}",
        refused(&folder)
    );
    fs::File::create(&picture)
        .unwrap()
        .set_len(20 << 20)
        .unwrap();
    assert!(
        refused(&folder).contains("larger than 16 MiB"),
        "{}",
        refused(&folder)
    );
    #[cfg(unix)]
    {
        fs::remove_file(&picture).unwrap();
        std::os::unix::fs::symlink(&outside, &picture).unwrap();
        assert!(
            refused(&folder).contains("leads out of the folder"),
            "{}",
            refused(&folder)
        );
    }
}

#[rstest]
#[case::of_another_stage(
    "stage = \"blade_glazing\"",
    "stage = \"blade_stamp\"",
    "take a set of that stage"
)]
#[case::of_another_product("\"WK-KN-200\"", "\"WK-KN-150\"", "take a set of that product")]
#[case::of_no_product("product_sku = \"WK-KN-200\"", "", "say product_sku")]
#[case::with_a_reference_in_it("\"good.jpg\"", "\"ref.jpg\"", "shown the answer")]
#[case::without_a_bad_part(
    "expected = \"fail\"\n            defect_types = [\"blade_scratch\"]",
    "expected = \"pass\"",
    "one bad one"
)]
#[case::with_the_same_picture_twice("\"good.jpg\"", "\"bad.jpg\"", "the same picture")]
#[case::with_an_unknown_key("name = ", "level = 3\nname = ", "level")]
#[case::with_a_path("\"good.jpg\"", "\"../recipe/ok-1.jpg\"", "in the folder")]
fn a_set_that_does_not_fit_is_refused(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let place = Place::new();
    place.set("glaze-1", "");
    let folder = place.dir.path().join("set");
    fs::write(folder.join("ref.jpg"), jpeg(1600, 1200, 90)).unwrap();
    let toml = fs::read_to_string(folder.join("challenge.toml")).unwrap();
    assert!(toml.contains(from), "{from} in {toml}");
    fs::write(folder.join("challenge.toml"), toml.replacen(from, to, 1)).unwrap();
    let sku = (!says.contains("product_sku")).then_some("WK-KN-200");
    let source = place.recipe(sku, 2, "No scratch.");
    let refused = ChallengeSet::read(&folder).and_then(|set| set.fits(&source));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
}
