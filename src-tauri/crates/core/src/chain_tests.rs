use super::*;
use crate::{
    analysis::{Appraiser, Claim, Finding, FindingDraft, ImageQuality, Provider, Usage},
    camera::{CameraId, CameraTag, CaptureConditions, Distortion, FrameFault, PartPlane},
    defect::{DefectType, Region, Severity},
    facility::Facility,
    geometry::{BoxProvenance, BoxPx},
    id::InspectionId,
    image::{EncodedImage, ImageFormat, Sha256},
    inspection::CaptureFacts,
    sku::ProductSku,
    spending::Meter,
    stage::Stage,
    time::{BootId, UnixMillis},
    verdict::VerdictCode,
};

struct Says(Provider, Result<Analysis, AnalysisError>);

fn says(provider: Provider, answer: Result<Analysis, AnalysisError>) -> Arc<dyn Analyzer> {
    Arc::new(Says(provider, answer))
}

/// Knows that the part is to be judged by nobody.
struct Withholds;

#[async_trait::async_trait]
impl Analyzer for Withholds {
    fn provider(&self) -> Provider {
        Provider::Claude
    }

    async fn withheld(&self, _: &AnalysisRequest) -> Option<String> {
        Some("the recipe was changed".into())
    }

    async fn analyze(&self, _: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        panic!("asked")
    }
}

/// Lets through all but one.
struct AllBut(Option<Provider>);

impl Gate for AllBut {
    fn may_ask(&mut self, provider: Provider) -> Result<(), Hindered> {
        match self.0 {
            Some(held) if held == provider => Err(Hindered {
                service: None,
                obstacle: Obstacle::Transient,
                reason: "held".into(),
                retry_after: None,
            }),
            _ => Ok(()),
        }
    }

    fn answered(&mut self, _: &Result<Analysis, AnalysisError>) {}
}

#[async_trait::async_trait]
impl Analyzer for Says {
    fn provider(&self) -> Provider {
        self.0
    }

    async fn analyze(&self, _: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        self.1.clone()
    }
}

fn request() -> AnalysisRequest {
    let at = UnixMillis(1);
    AnalysisRequest {
        capture: CaptureFacts {
            id: InspectionId::new(at, [1; 10]),
            captured_at: at,
            facility: Facility::Yangjiang,
            station: "st-1".into(),
            stage: Stage::BladeGlazing,
            product_sku: ProductSku::new("WK-KN-200").unwrap(),
            lot: None,
            serial: None,
            shift: "A".into(),
            operator: "op".into(),
            camera: CameraTag {
                id: CameraId("simulated".into()),
                frame_sequence: 0,
                exposed_at: at,
                conditions: None,
            },
            boot_id: BootId("boot-1".into()),
            monotonic_ms: 0,
        },
        image: EncodedImage::of(*b"part", ImageFormat::Jpeg, 10, 10),
        language: Language::En,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

fn good() -> Result<Analysis, AnalysisError> {
    Ok(Analysis {
        image_sha256: Sha256::of(b"part"),
        complete: true,
        disagreement: None,
        claim: Claim::Good,
        findings: vec![],
        image_quality: ImageQuality::Usable,
        cause: None,
        summary: String::new(),
        appraiser: Appraiser {
            provider: Provider::Screen,
            model: "test".into(),
            prompt_sha256: Sha256::of(b""),
            recipe: None,
        },
        usage: Usage::default(),
    })
}

fn hindered(obstacle: Obstacle) -> Result<Analysis, AnalysisError> {
    Err(Hindered {
        service: None,
        obstacle,
        reason: obstacle.to_string(),
        retry_after: None,
    }
    .into())
}

fn unusable() -> Result<Analysis, AnalysisError> {
    let reason = UndeterminedReason::ContractBroken;
    Err(AnalysisError::Unusable {
        reason,
        detail: "prose".into(),
    })
}

fn not_learnt() -> Result<Analysis, AnalysisError> {
    Err(AnalysisError::NotLearnt {
        reason: "nothing learnt".into(),
    })
}

async fn check(answers: Vec<Result<Analysis, AnalysisError>>) -> ChainOutcome {
    let says = |answer| says(Provider::Azure, answer);
    Chain::new(answers.into_iter().map(says).collect())
        .decide(&request(), &mut AllBut(None))
        .await
}

fn verdict(outcome: &ChainOutcome) -> VerdictCode {
    match outcome {
        ChainOutcome::Decided { verdict, .. } => verdict.code(),
        ChainOutcome::Pending(_) => VerdictCode::Pending,
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_not_taken_to_the_next_in_the_hope_of_a_pass() {
    assert_eq!(
        verdict(&check(vec![unusable(), good()]).await),
        VerdictCode::Undetermined
    );
}

#[tokio::test]
async fn the_next_is_asked_where_one_cannot_be_reached_or_has_learnt_nothing() {
    let offline = || hindered(Obstacle::Transient);
    assert_eq!(
        verdict(&check(vec![offline(), good()]).await),
        VerdictCode::Pass
    );
    assert_eq!(
        verdict(&check(vec![not_learnt(), good()]).await),
        VerdictCode::Pass
    );
}

#[tokio::test]
async fn who_is_held_is_not_asked_and_the_part_stays_pending_where_nobody_else_answers() {
    let chain = Chain::new(vec![says(Provider::Azure, good())]);
    let mut held = AllBut(Some(Provider::Azure));
    let ChainOutcome::Pending(met) = chain.decide(&request(), &mut held).await else {
        panic!("decided");
    };
    assert_eq!(
        (met.obstacle, met.reason.as_str()),
        (Obstacle::Transient, "held")
    );
}

#[tokio::test]
async fn what_the_screen_marked_is_not_passed_and_the_record_says_which_two_disagree() {
    let marked = Analysis {
        claim: Claim::Defective,
        ..good().unwrap()
    };
    let request = AnalysisRequest {
        screening: Some(marked),
        ..request()
    };
    let chain = Chain::new(vec![says(Provider::Azure, good())]);
    match chain.decide(&request, &mut AllBut(None)).await {
        ChainOutcome::Decided {
            verdict, detail, ..
        } => {
            assert_eq!(verdict.reason(), Some(UndeterminedReason::Disagreement));
            assert!(detail.contains("local screen"), "{detail}");
        }
        ChainOutcome::Pending(_) => panic!("pending"),
    }
}

#[tokio::test]
async fn where_the_screen_should_have_looked_and_could_not_nobody_else_passes_the_part() {
    let damaged = || says(Provider::Screen, hindered(Obstacle::NeedsPerson));
    let works = || says(Provider::Screen, good());
    let other = || says(Provider::Azure, good());
    let unreached = || says(Provider::Azure, hindered(Obstacle::Transient));
    let unlearnt = || says(Provider::Screen, not_learnt());
    let silent = Some(UndeterminedReason::ScreenSilent);
    for (fault, asked, expected) in [
        (Some("learn it again"), vec![other()], silent),
        // As the first of the chain it is not asked before.
        (None, vec![damaged(), other()], silent),
        (None, vec![unlearnt(), other()], None),
        // It can look by now.
        (Some("learn it again"), vec![unreached(), works()], None),
    ] {
        let mut request = request();
        request.screen_fault = fault.map(str::to_owned);
        let chain = Chain::new(asked);
        match chain.decide(&request, &mut AllBut(None)).await {
            ChainOutcome::Decided {
                verdict, detail, ..
            } => {
                assert_eq!(verdict.reason(), expected);
                assert_eq!(detail.is_empty(), expected.is_none(), "{detail}");
            }
            ChainOutcome::Pending(_) => panic!("pending"),
        }
    }
}

#[tokio::test]
async fn a_part_whose_recipe_is_not_as_it_was_released_waits_for_a_person_and_nobody_else_is_asked()
{
    let withheld = Err(AnalysisError::Withheld {
        reason: "put it back".into(),
    });
    let asked = vec![hindered(Obstacle::Transient), withheld, good()];
    match check(asked).await {
        ChainOutcome::Pending(hindered) => {
            assert_eq!(hindered.obstacle, Obstacle::NeedsPerson);
            assert_eq!(hindered.reason, "put it back");
        }
        decided @ ChainOutcome::Decided { .. } => panic!("{decided:?}"),
    }
}

#[tokio::test]
async fn what_is_withheld_is_judged_by_nobody_also_where_the_one_who_knows_it_may_not_be_asked() {
    for order in [[0, 1], [1, 0]] {
        let both: [Arc<dyn Analyzer>; 2] = [Arc::new(Withholds), says(Provider::Azure, good())];
        let chain = Chain::new(order.map(|n| both[n].clone()).into());
        let mut held = AllBut(Some(Provider::Claude));
        let ChainOutcome::Pending(met) = chain.decide(&request(), &mut held).await else {
            panic!("decided");
        };
        assert_eq!(met.obstacle, Obstacle::NeedsPerson);
        assert_eq!(met.reason, "the recipe was changed");
    }
}

#[tokio::test]
async fn where_nobody_answers_the_part_stays_pending() {
    for answers in [
        vec![],
        vec![not_learnt()],
        vec![not_learnt(), hindered(Obstacle::Transient)],
        vec![
            hindered(Obstacle::Credentials),
            hindered(Obstacle::NeedsPerson),
        ],
    ] {
        assert_eq!(verdict(&check(answers).await), VerdictCode::Pending);
    }
}

#[tokio::test]
async fn a_part_is_parked_only_where_every_way_needs_a_person() {
    let obstacle = |outcome| match outcome {
        ChainOutcome::Pending(hindered) => hindered.obstacle,
        ChainOutcome::Decided { .. } => panic!("decided"),
    };
    let person = || hindered(Obstacle::NeedsPerson);
    assert_eq!(
        obstacle(check(vec![person(), person()]).await),
        Obstacle::NeedsPerson
    );
    let one_may_go = vec![person(), hindered(Obstacle::Transient)];
    assert_eq!(obstacle(check(one_may_go).await), Obstacle::Transient);
}

#[tokio::test]
async fn refused_credentials_show_whatever_else_stands_in_the_way() {
    let refused = || hindered(Obstacle::Credentials);
    for answers in [
        vec![refused(), not_learnt()],
        vec![hindered(Obstacle::Transient), refused()],
        vec![refused(), hindered(Obstacle::NeedsPerson)],
    ] {
        let ChainOutcome::Pending(met) = check(answers).await else {
            panic!("decided");
        };
        assert_eq!(met.obstacle, Obstacle::Credentials);
    }
}

#[tokio::test]
async fn a_frame_with_a_fault_is_shown_to_nobody_and_never_good() {
    for fault in FrameFault::ALL {
        let mut request = request();
        request.capture.camera.conditions = Some(Box::new(CaptureConditions {
            faults: vec![*fault],
            ..CaptureConditions::default()
        }));
        let chain = Chain::new(vec![says(Provider::Screen, good())]);
        let ChainOutcome::Decided {
            verdict, detail, ..
        } = chain.decide(&request, &mut AllBut(None)).await
        else {
            panic!("{fault} was left pending");
        };
        assert_eq!(verdict.reason(), Some(UndeterminedReason::ImageUnfit));
        assert_eq!(detail, fault.what_to_do(Language::En));
    }
}

#[tokio::test]
async fn a_defect_has_its_size_in_the_plane_and_not_by_the_pixel_of_the_middle() {
    let found = |request: AnalysisRequest| async move {
        let Ok(mut analysis) = good() else {
            panic!("no analysis");
        };
        analysis.claim = Claim::Defective;
        analysis.findings = vec![Finding::new(FindingDraft {
            defect_type: DefectType::BladeScratch,
            severity: Severity::Major,
            confidence: 0.9,
            region: Region::BladeSurface,
            box_px: BoxPx {
                x: 0,
                y: 0,
                width: 3,
                height: 4,
            },
            provenance: BoxProvenance::Native,
            recommended_action: None,
            description: String::new(),
        })];
        let chain = Chain::new(vec![says(Provider::Screen, Ok(analysis))]);
        let outcome = chain.decide(&request, &mut AllBut(None)).await;
        let ChainOutcome::Decided { analysis, .. } = outcome else {
            panic!("pending");
        };
        analysis.unwrap().findings[0].size_mm
    };
    let calibrated = |width_px, k1| {
        let mut request = request();
        request.mm_per_px = Some(2.0);
        request.capture.camera.conditions = Some(Box::new(CaptureConditions {
            mm_per_px: Some(2.0),
            plane: Some(PartPlane {
                width_px,
                height_px: 10,
                mm_per_px: 2.0,
                distortion: Some(Distortion { k1, k2: 0.0 }),
                homography: None,
                region: None,
            }),
            ..CaptureConditions::default()
        }));
        request
    };
    let mut by_pixel = request();
    assert_eq!(found(by_pixel.clone()).await, None);
    by_pixel.mm_per_px = Some(2.0);
    assert_eq!(found(by_pixel).await, Some(10.0));
    let in_corner = found(calibrated(10, -0.1)).await.unwrap();
    assert!((12.0..14.0).contains(&in_corner), "{in_corner}");
    // The plane of other pictures says nothing, and a lens that shows no corners has none to measure.
    assert_eq!(found(calibrated(20, -0.1)).await, Some(10.0));
    assert_eq!(found(calibrated(10, -0.9)).await, None);
}
