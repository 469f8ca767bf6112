//! A study over parts made here, with an analyzer that says of each what the test wants.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
};
use wiko_analyzer::{
    labelled::LabelledSet,
    study::{AppraiserFigures, Candidate, Plan, Ratings, Setting, Source, StudyReport, ask, page},
};
use wiko_core::{
    agreement::{Kappa, NoKappa, Proportion},
    analysis::{Analysis, Finding, Provider, Usage},
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::Sha256,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    queue::Obstacle,
    spending::Purpose,
    verdict::{UndeterminedReason, VerdictCode},
};
use wiko_testkit::{
    builders,
    fakes::analyzer::{Answer, ScriptedAnalyzer},
};

const USD: u64 = 1_000_000;

/// Answers by picture, a script for each; every look costs a quarter of a dollar.
struct ByPicture(Mutex<HashMap<Sha256, ScriptedAnalyzer>>);

#[async_trait::async_trait]
impl Analyzer for ByPicture {
    fn provider(&self) -> Provider {
        Provider::Claude
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let usage = Usage {
            cost_micro_usd: USD / 4,
            ..Usage::default()
        };
        request
            .meter
            .add(Provider::Claude, "test", Purpose::Look, usage);
        let sha256 = request.image.facts().sha256;
        let scripted = self.0.lock().unwrap().remove(&sha256).unwrap();
        let answer = scripted.analyze(request).await;
        self.0.lock().unwrap().insert(sha256, scripted);
        answer
    }
}

/// A picture that no other of the folder is like, 100 pixels each way.
fn picture(path: &Path, shade: u8) -> Sha256 {
    let pixels = image::RgbImage::from_pixel(100, 100, image::Rgb([shade; 3]));
    let bytes = wiko_imaging::encode_jpeg(&pixels, 90).unwrap();
    std::fs::write(path, &bytes).unwrap();
    Sha256::of(&bytes)
}

const DEFECT: BoxPx = BoxPx {
    x: 10,
    y: 10,
    width: 20,
    height: 20,
};
const ELSEWHERE: BoxPx = BoxPx {
    x: 60,
    y: 60,
    width: 20,
    height: 20,
};

fn found(box_px: BoxPx, confidence: f64) -> Answer {
    let scratch = builders::finding(DefectType::BladeScratch, Severity::Minor, box_px);
    Answer::Defective(vec![Finding {
        confidence,
        ..scratch
    }])
}

const LABELS: &str = "file,verdict,type,x,y,width,height\n\
    bad-1.jpg,fail,scratch,10,10,20,20\n\
    bad-2.jpg,fail,scratch,10,10,20,20\n\
    bad-3.jpg,fail\n\
    good-1.jpg,pass\n\
    good-2.jpg,pass\n\
    good-3.jpg,pass\n\
    missing.jpg,pass\n\
    outside.jpg,fail,scratch,90,10,20,20\n\
    text.jpg,fail\n";

/// The folder, and an analyzer that is right, misses, alarms, leaves a part to a person and does not answer.
fn folder(dir: &Path) -> ByPicture {
    std::fs::write(dir.join("labels.csv"), LABELS).unwrap();
    std::fs::write(dir.join("text.jpg"), "this is no picture").unwrap();
    picture(&dir.join("outside.jpg"), 5);
    picture(&dir.join("not-labelled.jpg"), 6);
    let answers = [
        ("bad-1.jpg", vec![found(DEFECT, 0.9)]),
        ("bad-2.jpg", vec![Answer::Good, found(ELSEWHERE, 0.9)]),
        (
            "bad-3.jpg",
            vec![Answer::unusable(UndeterminedReason::ContractBroken)],
        ),
        ("good-1.jpg", vec![Answer::Good]),
        ("good-2.jpg", vec![found(ELSEWHERE, 0.6)]),
        ("good-3.jpg", vec![Answer::hindered(Obstacle::Transient)]),
    ];
    let scripts = (50..)
        .step_by(20)
        .zip(answers)
        .map(|(shade, (file, script))| {
            let scripted = ScriptedAnalyzer::new(Provider::Claude, script);
            (picture(&dir.join(file), shade), scripted)
        });
    ByPicture(Mutex::new(scripts.collect()))
}

fn open(dir: &Path) -> LabelledSet {
    let mut set = LabelledSet::open(dir).unwrap();
    set.refuse_unusable();
    set
}

fn plan(set: &LabelledSet, trials: u32) -> Plan {
    Plan {
        set: Arc::new(set.clone()),
        capture: builders::capture(1),
        language: Language::En,
        trials,
        in_flight: 1,
        max_cost_micro_usd: 100 * USD,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

fn claude(analyzer: impl Analyzer + 'static) -> Candidate {
    Candidate {
        provider: Provider::Claude,
        priced: true,
        source: Source::Analyzer(Arc::new(analyzer)),
    }
}

fn setting(language: Language, trials: u32) -> Setting {
    let capture = builders::capture(1);
    Setting {
        started_at: capture.captured_at.iso8601(),
        made_by: "test".to_owned(),
        product_sku: capture.product_sku,
        stage: capture.stage,
        language,
        trials,
        max_cost_micro_usd: 100 * USD,
    }
}

async fn study(dir: &Path, ratings: &str, language: Language) -> StudyReport {
    let analyzer = folder(dir);
    let set = open(dir);
    let ratings = match ratings {
        "" => Ratings::default(),
        table => {
            let file = dir.join("ratings.csv");
            std::fs::write(&file, table).unwrap();
            Ratings::read(&file, &set, &["claude"]).unwrap()
        }
    };
    let mut spent = 0;
    let appraised = ask(&plan(&set, 2), &claude(analyzer), &mut spent).await;
    assert_eq!(spent, 12 * USD / 4);
    StudyReport::of(&set, setting(language, 2), vec![appraised], ratings)
}

fn near(given: Option<f64>, expected: f64) {
    assert!(
        given.is_some_and(|given| (given - expected).abs() < 1e-9),
        "{given:?}, expected {expected}"
    );
}

fn counts(share: Proportion) -> (usize, usize) {
    (share.count, share.of)
}

#[tokio::test]
async fn each_outcome_is_counted_with_its_numerator_and_denominator() {
    let dir = tempfile::tempdir().unwrap();
    let report = study(dir.path(), "", Language::En).await;
    let [claude] = &report.appraisers[..] else {
        panic!("{:?}", report.appraisers)
    };

    assert_eq!(counts(claude.misses), (1, 3));
    assert_eq!(counts(claude.false_alarms), (1, 2));
    assert_eq!(counts(claude.undetermined), (1, 5));
    assert_eq!(counts(claude.not_answered), (2, 12));
    assert_eq!(counts(claude.right_every_time), (2, 5));
    assert_eq!(counts(claude.same_every_time), (4, 5));
    assert_eq!(claude.parts_judged, 5);
    let on_defective = &claude.on_defective;
    assert_eq!(
        (
            on_defective.pass,
            on_defective.fail,
            on_defective.undetermined
        ),
        (1, 3, 2)
    );
    assert_eq!((claude.on_good.fail, claude.on_good.not_answered), (2, 2));
    // 10 answers: 5 as labelled; by chance (4·3 + 6·5) of 100.
    near(claude.kappa_to_standard.kappa, (0.5 - 0.42) / 0.58);
    // 4 of 5 pairs of trials alike; by chance (3² + 5² + 2²) of 100.
    near(claude.kappa_of_trials.kappa, (0.8 - 0.38) / 0.62);
    assert_eq!(claude.cost_micro_usd, 3 * USD);
    assert_eq!(claude.latency.unwrap().answers, 10);
    assert_eq!(claude.appraiser.model.as_deref(), Some("screen-test"));
}

#[tokio::test]
async fn boxes_and_confidence_are_counted_where_it_is_known_where_the_defects_are() {
    let dir = tempfile::tempdir().unwrap();
    let report = study(dir.path(), "", Language::En).await;
    let claude = &report.appraisers[0];
    assert_eq!(claude.boxes.len(), 2);
    for at in &claude.boxes {
        assert_eq!((counts(at.precision), counts(at.recall)), ((1, 2), (1, 2)));
        near(at.f1, 0.5);
    }
    let calibration = claude.calibration.as_ref().unwrap();
    assert_eq!(calibration.statements, 2);
    // The one of 0.6 is wrong, the one of 0.9 is right.
    near(calibration.expected_error, (0.6 + 0.1) / 2.0);
}

#[tokio::test]
async fn labels_that_cannot_be_used_are_named_and_the_study_is_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let report = study(dir.path(), "", Language::En).await;
    let refused: Vec<_> = report
        .refused_labels
        .iter()
        .map(|of| of.file.as_str())
        .collect();
    assert_eq!(refused, ["missing.jpg", "outside.jpg", "text.jpg"]);
    let reasons: Vec<_> = report.refused_labels.iter().map(|of| &of.reason).collect();
    assert!(reasons[0].contains("no such picture"), "{reasons:?}");
    assert!(reasons[1].contains("[90, 10, 20, 20]"), "{reasons:?}");
    assert!(reasons[2].contains("not a picture"), "{reasons:?}");
    assert_eq!(report.parts.len(), 6);
    assert_eq!(report.unlabelled, 1);
}

const RATINGS: &str = "file,rater,trial,verdict\n\
    good-1.jpg,li <b>,1,pass\n\
    bad-1.jpg,li <b>,1,FAIL\n\
    bad-2.jpg,li <b>,1,fail\n\
    bad-2.jpg,li <b>,1,pass\n\
    else.jpg,li <b>,1,pass\n\
    bad-1.jpg,claude,1,pass\n\
    bad-1.jpg,li <b>,0,pass\n\
    bad-1.jpg,li <b>,2,bad\n";

#[test]
fn ratings_of_parts_that_were_left_out_are_neither_counted_nor_refused() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let mut set = open(dir.path());
    set.keep_at_most(2);
    let kept: Vec<_> = set.parts.iter().map(|part| part.file.as_str()).collect();
    let rated = ["good-1.jpg", "bad-1.jpg", "bad-2.jpg", "else.jpg"];
    let rows = rated.map(|file| format!("{file},li,1,pass\n")).concat();
    let file = dir.path().join("ratings.csv");
    std::fs::write(&file, format!("file,rater,trial,verdict\n{rows}")).unwrap();
    let ratings = Ratings::read(&file, &set, &[]).unwrap();
    let of_kept = rated.iter().filter(|file| kept.contains(file)).count();
    assert!((1..3).contains(&of_kept), "{kept:?}");
    assert_eq!(ratings.used.len(), of_kept);
    let lines: Vec<_> = ratings.refused.iter().map(|of| of.line).collect();
    assert_eq!(lines, [5], "what no label speaks of is refused");
}

#[tokio::test]
async fn a_person_who_rated_some_of_the_parts_is_compared_over_those() {
    let dir = tempfile::tempdir().unwrap();
    let report = study(dir.path(), RATINGS, Language::En).await;
    let lines: Vec<_> = report.refused_ratings.iter().map(|of| of.line).collect();
    assert_eq!(lines, [5, 6, 7, 8, 9], "{:?}", report.refused_ratings);
    let li = &report.appraisers[1];
    assert_eq!((li.appraiser.name.as_str(), li.parts_judged), ("li <b>", 3));
    assert_eq!(counts(li.misses), (0, 2));
    assert_eq!(counts(li.not_answered), (0, 3));
    assert_eq!(li.kappa_of_trials.undefined, Some(NoKappa::OneRating));
    near(li.kappa_to_standard.kappa, 1.0);
    assert_eq!((li.boxes.len(), li.latency), (0, None));
    let [pair] = &report.pairs[..] else {
        panic!("{:?}", report.pairs)
    };
    // Of three parts two alike; by chance (2·1 + 1·2) of 9.
    assert_eq!(pair.kappa.subjects, 3);
    near(pair.kappa.kappa, 0.4);
    near(report.all.kappa, 1.0 / 3.0);
}

#[tokio::test]
async fn all_figures_can_be_computed_again_from_what_was_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let report = study(dir.path(), RATINGS, Language::En).await;
    let text = serde_json::to_string(&report).unwrap();
    let read: StudyReport = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (read.format.as_str(), read.version),
        ("wiko-station-study", 1)
    );
    for of in &report.appraisers {
        let again = AppraiserFigures::of(of.appraiser.clone(), &read.parts);
        // How long it took loses its last digit in a decimal number.
        let latency = of.latency;
        assert_eq!(AppraiserFigures { latency, ..again }, *of);
    }
}

#[tokio::test]
async fn a_service_that_answers_none_of_its_first_looks_is_asked_no_more() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let set = open(dir.path());
    let silent = ScriptedAnalyzer::new(Provider::Claude, [Answer::hindered(Obstacle::Transient)]);
    let appraised = ask(&plan(&set, 3), &claude(silent), &mut 0).await;
    assert_eq!(appraised.judgements.len(), 5);
    let why = appraised.appraiser.ended_early.clone().unwrap();
    assert!(
        why.contains("none of its first 5 looks: as scripted"),
        "{why}"
    );
    let report = StudyReport::of(
        &set,
        setting(Language::En, 3),
        vec![appraised],
        Ratings::default(),
    );
    let claude = &report.appraisers[0];
    assert_eq!(counts(claude.not_answered), (5, 5));
    assert_eq!(claude.misses.share, None);
    assert_eq!(
        claude.kappa_to_standard.undefined,
        Some(NoKappa::NothingRated)
    );
    assert!(page(&report, |_| None).unwrap().contains(&why));
}

#[tokio::test]
async fn no_look_is_begun_once_the_money_is_spent() {
    let dir = tempfile::tempdir().unwrap();
    let analyzer = folder(dir.path());
    let set = open(dir.path());
    let plan = Plan {
        max_cost_micro_usd: USD,
        ..plan(&set, 2)
    };
    let mut spent = 0;
    let appraised = ask(&plan, &claude(analyzer), &mut spent).await;
    // Every part once before any a second time.
    assert_eq!((appraised.judgements.len(), spent), (4, USD));
    assert!(appraised.judgements.iter().all(|(_, said)| said.trial == 1));
    let why = appraised.appraiser.ended_early.unwrap();
    assert!(why.contains("1.00 USD of at most 1.00 USD"), "{why}");
}

#[tokio::test]
async fn an_appraiser_that_always_says_the_same_has_no_kappa_among_its_trials() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path());
    let set = open(dir.path());
    let always = ScriptedAnalyzer::new(Provider::Claude, [Answer::Good]);
    let appraised = ask(&plan(&set, 2), &claude(always), &mut 0).await;
    assert!(
        appraised
            .judgements
            .iter()
            .all(|(_, said)| said.verdict == VerdictCode::Pass)
    );
    let report = StudyReport::of(
        &set,
        setting(Language::ZhCn, 2),
        vec![appraised],
        Ratings::default(),
    );
    let Kappa {
        kappa, undefined, ..
    } = report.appraisers[0].kappa_of_trials;
    assert_eq!((kappa, undefined), (None, Some(NoKappa::OneCategory)));
    near(report.appraisers[0].kappa_to_standard.kappa, 0.0);
    assert!(page(&report, |_| None).unwrap().contains("只出现一种判定"));
}

#[tokio::test]
async fn the_page_stands_alone_in_either_language_and_names_every_part_that_was_judged_wrongly() {
    for (language, word) in [(Language::En, "Misses (escapes)"), (Language::ZhCn, "漏检")] {
        let dir = tempfile::tempdir().unwrap();
        let report = study(dir.path(), RATINGS, language).await;
        let page = page(&report, |file| Some(format!("../pictures/{file}"))).unwrap();
        assert!(page.contains(word));
        for wrong in ["bad-2.jpg", "good-2.jpg"] {
            assert!(page.contains(&format!(">{wrong}</a>")), "{wrong}");
        }
        assert!(!page.contains(">bad-1.jpg</a>"));
        // Names come from outside, also in the plots.
        assert!(!page.contains("li <b>") && page.contains("li &lt;b&gt;"));
        assert_eq!(page.matches("<svg ").count(), 4 + 2);
        let outside = page.replace("http://www.w3.org/2000/svg", "");
        for reference in ["http:", "https:", "<script", "<link", "@import", "url("] {
            assert!(!outside.contains(reference), "{reference}");
        }
    }
}
