//! The fake analyzer keeps its port's word.

use wiko_core::{
    analysis::{Analysis, Claim, Provider},
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::Sha256,
    ports::{AnalysisRequest, Analyzer, Language},
    queue::Obstacle,
    spending::Meter,
    verdict::UndeterminedReason,
};
use wiko_testkit::{
    builders,
    contracts::analyzer::{self as contract, AnalyzerUnderTest, FarSide},
    fakes::analyzer::{Answer, ScriptedAnalyzer},
};

struct Fake {
    analyzer: ScriptedAnalyzer,
    request: AnalysisRequest,
}

fn fake() -> Fake {
    Fake {
        analyzer: ScriptedAnalyzer::new(Provider::Claude, []),
        request: AnalysisRequest {
            capture: builders::capture(1),
            image: builders::image(b"part"),
            language: Language::ZhCn,
            screening: None,
            screen_fault: None,
            mm_per_px: None,
            meter: Meter::default(),
        },
    }
}

fn rust() -> Vec<wiko_core::analysis::Finding> {
    let box_px = BoxPx {
        x: 10,
        y: 10,
        width: 20,
        height: 20,
    };
    vec![builders::finding(
        DefectType::RustSpot,
        Severity::Minor,
        box_px,
    )]
}

#[async_trait::async_trait]
impl AnalyzerUnderTest for Fake {
    fn analyzer(&self) -> &dyn Analyzer {
        &self.analyzer
    }

    async fn next(&self, answer: FarSide) {
        let good = builders::good(&self.request.image.facts());
        self.analyzer.script([match answer {
            FarSide::Good => Answer::Good,
            FarSide::Defective => Answer::Defective(rust()),
            FarSide::GoodWithFinding => Answer::Exactly(Box::new(Analysis {
                claim: Claim::Good,
                findings: rust(),
                ..good
            })),
            FarSide::CutOff => Answer::unusable(UndeterminedReason::Incomplete),
            FarSide::Prose => Answer::unusable(UndeterminedReason::ContractBroken),
            FarSide::OtherPicture => Answer::Exactly(Box::new(Analysis {
                image_sha256: Sha256::of(b"other"),
                ..good
            })),
            FarSide::Throttled => Answer::hindered(Obstacle::Transient),
            FarSide::CredentialsExpired => Answer::hindered(Obstacle::Credentials),
            FarSide::NeedsPerson => Answer::hindered(Obstacle::NeedsPerson),
        }]);
    }
}

#[tokio::test]
async fn the_fake_analyzer_keeps_its_ports_word() {
    let fake = fake();
    for answer in [FarSide::Good, FarSide::Defective] {
        fake.next(answer).await;
        contract::its_analysis_keeps_the_ports_word(&fake.analyzer, &fake.request).await;
    }
    contract::only_a_good_answer_passes(&fake, &fake.request).await;
    contract::each_obstacle_is_told_apart(&fake, &fake.request).await;
}

#[tokio::test]
async fn a_fake_without_a_script_cannot_be_reached_and_keeps_what_it_was_asked() {
    let fake = fake();
    assert!(fake.analyzer.analyze(&fake.request).await.is_err());
    assert_eq!(fake.analyzer.requests().len(), 1);
}
