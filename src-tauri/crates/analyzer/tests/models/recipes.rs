//! Recipes that are released on a station: which one holds, what a model is shown of it, and what it takes to release
//! one.

mod interrupted;
mod release;

use crate::{azure, standin::StandIn};
use image::{Rgb, RgbImage};
use rstest::rstest;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use wiko_analyzer::{
    claude::{Claude, ClaudeSettings},
    vision::recipe::{
        Publisher, RecipeSource, Release, ReleaseRefused, ReleasedRecipes, Standing,
        challenge::{ChallengeResult, ChallengeSet, Expected, JudgedPicture},
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
        screen_fault: None,
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

    /// A model that judges by what is released here.
    fn claude(&self, standin: &StandIn) -> Claude {
        let claude = standin.claude(ClaudeSettings::default());
        claude.with_released(self.recipes())
    }

    /// Releases a recipe as if its set had been judged as it should.
    fn release(&self, source: &RecipeSource) {
        let set = self.set("glaze-1", "");
        let publisher = Publisher::begin(&self.recipes()).unwrap();
        assert_eq!(publisher.standing(source, &set).unwrap(), Standing::New);
        publisher.freeze(&set).unwrap();
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
    let claude = place.claude(&standin);
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
    let claude = place.claude(&standin);
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
    let claude = place.claude(&standin);
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
