//! The screen on real pictures, where they are: at `$WIKO_TEST_PICTURES_DIR`, or beside the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, reason = "what was measured is said")]

use std::path::{Path, PathBuf};
use wiko_analyzer::screen::evaluate::{EvaluationReport, evaluate, evaluate_set};

fn data_dir() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let dir = std::env::var_os("WIKO_TEST_PICTURES_DIR").map_or(beside, PathBuf::from);
    let found = dir.join("deeppcb/dev/images.csv").is_file();
    if !found {
        wiko_testkit::skip::skip(&format!(
            "no real pictures in {} (set WIKO_TEST_PICTURES_DIR)",
            dir.display()
        ));
    }
    found.then_some(dir)
}

#[test]
fn most_defects_of_printed_boards_are_found_and_few_alarms_are_false() {
    let Some(dir) = data_dir() else { return };
    let set = evaluate_set(&dir.join("deeppcb"), 25).unwrap();
    let score = set.score.unwrap();
    eprintln!("{}", EvaluationReport { sets: vec![set] }.markdown());
    assert_eq!(score.unfit, 0);
    assert!(score.f1() >= 0.88, "{score:?}");
}

#[test]
fn a_set_without_good_pictures_is_left_out_with_the_reason() {
    let Some(dir) = data_dir() else { return };
    let set = evaluate_set(&dir.join("neu-det"), 1).unwrap();
    assert_eq!(set.score, None);
    let table = EvaluationReport { sets: vec![set] }.markdown();
    assert!(table.contains("neu-det | left out: it has no good pictures"));
}

#[test]
fn a_folder_without_sets_is_refused_and_says_what_a_set_is() {
    let empty = tempfile::tempdir().unwrap();
    let error = evaluate(empty.path()).unwrap_err();
    assert!(error.to_string().contains("dev/images.csv"), "{error}");
    assert!(evaluate(&empty.path().join("none")).is_err());
}
