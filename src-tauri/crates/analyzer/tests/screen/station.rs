//! The screen behind the port, with its folder of models.

use super::*;

fn encoded(picture: &GrayImage) -> EncodedImage {
    let rgb = RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        Rgb([picture.get_pixel(x, y).0[0]; 3])
    });
    let jpeg = wiko_imaging::encode_jpeg(&rgb, 92).unwrap();
    wiko_imaging::inspect(jpeg).unwrap()
}

fn request(picture: &GrayImage, language: Language) -> AnalysisRequest {
    AnalysisRequest {
        capture: builders::capture(1),
        image: encoded(picture),
        language,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

fn station(dir: &std::path::Path) -> Screen {
    let models = ScreenModels::open(dir);
    models.save(of_eight()).unwrap();
    Screen::new(Arc::new(models))
}

#[tokio::test]
async fn the_analyzer_keeps_the_ports_word_and_a_difference_goes_to_the_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    let screen = station(dir.path());
    let view = views(9)[8];
    let good = request(&picture(plate, view), Language::En);
    let analysis = its_analysis_keeps_the_ports_word(&screen, &good).await;
    assert_eq!(analysis.claim, Claim::Good);
    assert_eq!(
        judge(&good.image.facts(), &analysis, None).code(),
        VerdictCode::Pass
    );
    assert_eq!(analysis.appraiser.prompt_sha256, of_eight().sha256());

    let (bad, truth) = blob(picture(plate, view), 175, 120, 7, 20);
    let bad = request(&bad, Language::ZhCn);
    let analysis = its_analysis_keeps_the_ports_word(&screen, &bad).await;
    assert_eq!(
        judge(&bad.image.facts(), &analysis, None).code(),
        VerdictCode::Fail
    );
    let finding = analysis.worst().unwrap();
    assert_eq!(finding.defect_type, DefectType::Unknown);
    assert_eq!(finding.severity, Severity::Major);
    assert_eq!(
        finding.recommended_action,
        RecommendedAction::EscalateToSupervisor
    );
    assert!(finding.box_px.iou(&truth) >= 0.5);
    assert!(analysis.summary.contains("1 处"), "{}", analysis.summary);

    let strange = request(&picture(ring, STILL), Language::En);
    let analysis = its_analysis_keeps_the_ports_word(&screen, &strange).await;
    assert_eq!(analysis.claim, Claim::Unsure);
    assert!(matches!(
        analysis.image_quality,
        ImageQuality::Unusable { .. }
    ));
}

#[tokio::test]
async fn a_picture_that_shows_too_little_is_refused_before_it_is_compared() {
    use wiko_core::ports::Analyzer;
    let dir = tempfile::tempdir().unwrap();
    let screen = station(dir.path());
    for (level, says) in [(0, "lens cap"), (255, "exposure"), (120, "covers the lens")] {
        let picture = GrayImage::from_pixel(WIDTH, HEIGHT, Luma([level]));
        match screen.analyze(&request(&picture, Language::En)).await {
            Err(AnalysisError::Unusable { reason, detail }) => {
                assert_eq!(reason, UndeterminedReason::ImageUnfit);
                assert!(detail.contains(says), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn without_a_model_it_names_the_command_that_teaches_it() {
    use wiko_core::ports::Analyzer;
    let dir = tempfile::tempdir().unwrap();
    let screen = Screen::new(Arc::new(ScreenModels::open(dir.path().join("none"))));
    let error = screen
        .analyze(&request(&picture(plate, STILL), Language::En))
        .await
        .unwrap_err();
    let AnalysisError::NotLearnt { reason } = error else {
        panic!("{error}");
    };
    assert!(
        reason.contains("wiko-station screen learn --sku WK-KN-200 --stage blade_glazing IMAGES…"),
        "{reason}"
    );
}

#[test]
fn a_model_reads_back_as_it_was_and_one_learnt_anew_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let models = ScreenModels::open(dir.path());
    let path = models.save(of_eight()).unwrap();
    let read = ScreenModels::open(dir.path())
        .get(&sku(), Stage::BladeGlazing)
        .unwrap()
        .unwrap();
    assert_eq!(read.sha256(), of_eight().sha256());
    let (bad, _) = blob(picture(plate, views(9)[8]), 175, 120, 7, 20);
    assert_eq!(read.screen(bad.clone()), of_eight().screen(bad));
    assert_eq!(models.learnt().unwrap(), [(sku(), Stage::BladeGlazing)]);
    assert_eq!(
        models.get(&sku(), Stage::LogoPrint).unwrap().map(|_| ()),
        None
    );

    models.get(&sku(), Stage::BladeGlazing).unwrap();
    let anew = taught(vec![picture(plate, STILL)]);
    models.save(&anew).unwrap();
    let read = models.get(&sku(), Stage::BladeGlazing).unwrap().unwrap();
    assert_eq!(read.sha256(), anew.sha256());
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [path], "nothing is left aside");
}

#[tokio::test]
async fn a_damaged_or_newer_model_needs_a_person_and_judges_nothing() {
    use wiko_core::ports::Analyzer;
    let dir = tempfile::tempdir().unwrap();
    let models = ScreenModels::open(dir.path());
    let path = models.save(of_eight()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let newer = [b"WIKO-SCREEN 9", &whole[13..]].concat();
    let older = [b"WIKO-SCREEN 1", &whole[13..]].concat();
    // Another digit in a threshold: the model would still read, and judge otherwise.
    let mut lax = whole.clone();
    let key = b"\"threshold\":";
    let at = lax.windows(key.len()).position(|part| part == key).unwrap() + key.len();
    lax[at] = if lax[at] == b'9' { b'8' } else { b'9' };
    let cases: [(&[u8], &str); 7] = [
        (&lax, "damaged"),
        (&older, "older version"),
        (b"", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (&whole[..whole.len() - 100], "damaged"),
        (&flipped, "damaged"),
        (&newer, "newer version"),
    ];
    for (bytes, word) in cases {
        std::fs::write(&path, bytes).unwrap();
        let screen = Screen::new(Arc::new(ScreenModels::open(dir.path())));
        let error = screen
            .analyze(&request(&picture(plate, STILL), Language::En))
            .await
            .unwrap_err();
        let AnalysisError::Hindered(hindered) = error else {
            panic!("{error}");
        };
        assert_eq!(hindered.obstacle, Obstacle::NeedsPerson);
        assert!(hindered.reason.contains(word), "{}", hindered.reason);
        assert!(hindered.reason.contains("screen learn --sku"));
    }
}
