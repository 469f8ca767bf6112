//! What it takes to release a recipe, and what is refused.

use super::*;
use std::path::Path;
use wiko_analyzer::vision::recipe::challenge::Trial;
use wiko_core::spending::Meter;

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

fn published(
    place: &Place,
    set: &ChallengeSet,
    result: ChallengeResult,
) -> Result<PathBuf, ReleaseRefused> {
    let source = place.recipe(None, 2, "No scratch.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    publisher.freeze(set)?;
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
    let refused = published(&place, &set, result).unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
    assert!(!place.released("blade_glazing", 2).exists());
    assert!(place.recipes().list().unwrap().is_empty());
}

#[rstest]
#[case::all_as_they_should("", json!([{}, defective()]))]
#[case::a_false_alarm_that_may_be(
    "max_false_alarms = 1\n[[pictures]]\nfile = \"good-2.jpg\"\nexpected = \"pass\"",
    json!([{}, defective(), defective()])
)]
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
    let folder = published(&place, &set, result.clone()).unwrap();
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
    let set = place.set("glaze-1", "max_undetermined = 1");
    let steps = json!([{}, {"stop_reason": "max_tokens"}, defective(), {}]);
    let result = challenged(&standin, &place, &set, 2, steps).await.unwrap();
    assert_eq!(result.undetermined(), ["good.jpg"]);
    assert_eq!(result.escapes(), ["bad.jpg"]);
    assert_eq!(
        result.pictures[1].got,
        [VerdictCode::Fail, VerdictCode::Pass]
    );
    assert!(published(&place, &set, result).is_err());
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
    let changed = place.set("glaze-1", "max_undetermined = 1");
    let refused = publisher.standing(&next, &changed).unwrap_err().to_string();
    assert!(
        refused.contains("glaze-1") && refused.contains("name of its own"),
        "{refused}"
    );
    let renamed = place.set("glaze-2", "max_undetermined = 1");
    assert_eq!(publisher.standing(&next, &renamed).unwrap(), Standing::New);
}

#[test]
fn a_set_that_let_nothing_through_is_frozen_too_and_so_is_one_whose_release_is_damaged() {
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let set = place.set("glaze-1", "");
    publisher.freeze(&set).unwrap();
    assert_eq!(publisher.standing(&source, &set).unwrap(), Standing::New);
    publisher.freeze(&set).unwrap();
    let changed = place.set("glaze-1", "max_undetermined = 1");
    for refused in [
        publisher.standing(&source, &changed).map(drop),
        publisher.freeze(&changed),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, ReleaseRefused::SetChanged { .. }),
            "{refused}"
        );
    }
    drop(publisher);
    place.release(&source);
    let proof = place.released("blade_glazing", 2).join("release.json");
    fs::write(proof, "no proof").unwrap();
    let next = place.recipe(None, 3, "No scratch at all.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let changed = place.set("glaze-1", "max_undetermined = 1");
    assert!(publisher.standing(&next, &changed).is_err());
}

#[test]
fn what_was_judged_by_a_set_that_was_not_frozen_before_is_not_released() {
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let set = place.set("glaze-1", "");
    let release = proof(&source, as_it_should(&set));
    let refused = publisher.publish(&source, &release).unwrap_err();
    assert!(refused.to_string().contains("not frozen"), "{refused}");
    publisher.freeze(&set).unwrap();
    publisher.publish(&source, &release).unwrap();
}

#[test]
fn where_the_sets_that_were_used_cannot_be_read_nothing_is_released_and_the_file_is_named() {
    let place = Place::new();
    let source = place.recipe(None, 2, "No scratch.");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let set = place.set("glaze-1", "");
    publisher.freeze(&set).unwrap();
    let list = place.dir.path().join("recipes/challenge-sets.json");
    let kept = fs::read(&list).unwrap();
    fs::write(&list, "{").unwrap();
    let refused = publisher.standing(&source, &set).unwrap_err().to_string();
    assert!(refused.contains("challenge-sets.json"), "{refused}");
    assert!(publisher.freeze(&set).is_err());
    // The two notes of it contradict each other.
    let other = format!(r#"{{"glaze-1": "{}"}}"#, Sha256::of(b"another set"));
    fs::write(&list, other).unwrap();
    let refused = publisher.standing(&source, &set).unwrap_err().to_string();
    assert!(refused.contains("says otherwise of glaze-1"), "{refused}");
    // What lies beside the folder is enough.
    fs::remove_file(&list).unwrap();
    let changed = place.set("glaze-1", "max_undetermined = 1");
    assert!(publisher.standing(&source, &changed).is_err());
    fs::write(&list, &kept).unwrap();
    assert_eq!(publisher.standing(&source, &set).unwrap(), Standing::New);
    // A backup holds it.
    let files = place.recipes().files_to_keep().unwrap();
    assert_eq!(files, [("challenge-sets.json".to_owned(), kept)]);
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
#[case::that_lets_every_good_part_fail(
    "name = ",
    "max_false_alarms = 1\nname = ",
    "max_false_alarms: fewer"
)]
#[case::that_a_person_may_judge_alone(
    "name = ",
    "max_undetermined = 2\nname = ",
    "max_undetermined: fewer"
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
