//! Contract of the analyzer port.

use wiko_core::{
    analysis::Analysis,
    ports::{AnalysisError, AnalysisRequest, Analyzer},
    verdict::{VerdictCode, judge},
};

/// Asks once. The analyzer must be one that answers for this request; what holds of every analysis,
/// whatever it says of the part, is checked of the answer, which is given back.
pub async fn its_analysis_keeps_the_ports_word(
    analyzer: &dyn Analyzer,
    request: &AnalysisRequest,
) -> Analysis {
    let analysis = analyzer.analyze(request).await.expect("an analysis");
    let facts = &request.image.facts();
    assert_eq!(analysis.image_sha256, facts.sha256, "the very picture");
    assert_eq!(analysis.appraiser.provider, analyzer.provider());
    assert!(!analysis.appraiser.model.is_empty(), "the model is named");
    for finding in &analysis.findings {
        assert!(
            finding.box_px.lies_in(facts.width_px, facts.height_px),
            "{finding:?} lies in the picture"
        );
        assert!((0.0..=1.0).contains(&finding.confidence), "{finding:?}");
        assert!(
            finding.severity >= finding.defect_type.least_severity(),
            "{finding:?} is as severe as its type asks for"
        );
    }
    analysis
}

/// What the far side of an analyzer can be made to do. An analyzer with no far side (the local screen)
/// is not run against the suites that take this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FarSide {
    /// Calls the part good.
    Good,
    /// Calls the part good and lists a defect.
    GoodWithFinding,
    /// Lists a defect.
    Defective,
    /// Breaks off in the middle of calling the part good.
    CutOff,
    /// Writes prose.
    Prose,
    /// Speaks of another picture.
    OtherPicture,
    /// Asks to come later.
    Throttled,
    /// Refuses the credentials.
    CredentialsExpired,
    /// Wants a person to do something first.
    NeedsPerson,
}

/// An analyzer whose far side the suite sets.
#[async_trait::async_trait]
pub trait AnalyzerUnderTest: Send + Sync {
    /// The analyzer.
    fn analyzer(&self) -> &dyn Analyzer;

    /// Makes the far side answer the next request so.
    async fn next(&self, answer: FarSide);
}

/// A good part passes, a defective one fails, and of everything else nothing passes: it is either
/// undetermined or pending, and a failure of the service is never taken for an answer.
pub async fn only_a_good_answer_passes(harness: &dyn AnalyzerUnderTest, request: &AnalysisRequest) {
    use VerdictCode::{Fail, Pass, Pending, Undetermined};
    for (answer, expected) in [
        (FarSide::Good, Pass),
        (FarSide::Defective, Fail),
        (FarSide::GoodWithFinding, Undetermined),
        (FarSide::CutOff, Undetermined),
        (FarSide::Prose, Undetermined),
        (FarSide::OtherPicture, Undetermined),
        (FarSide::Throttled, Pending),
        (FarSide::CredentialsExpired, Pending),
        (FarSide::NeedsPerson, Pending),
    ] {
        harness.next(answer).await;
        let decided = match harness.analyzer().analyze(request).await {
            Ok(analysis) => judge(&request.image.facts(), &analysis, None).code(),
            Err(AnalysisError::Unusable { .. }) => Undetermined,
            Err(
                AnalysisError::NotLearnt { .. }
                | AnalysisError::Hindered(_)
                | AnalysisError::Withheld { .. },
            ) => Pending,
        };
        assert_eq!(decided, expected, "{answer:?}");
    }
}

/// What stands in the way is told apart, because each is mended otherwise; and it is told in words.
pub async fn each_obstacle_is_told_apart(
    harness: &dyn AnalyzerUnderTest,
    request: &AnalysisRequest,
) {
    use wiko_core::queue::Obstacle::{Credentials, NeedsPerson, Transient};
    for (answer, expected) in [
        (FarSide::Throttled, Transient),
        (FarSide::CredentialsExpired, Credentials),
        (FarSide::NeedsPerson, NeedsPerson),
    ] {
        harness.next(answer).await;
        match harness.analyzer().analyze(request).await {
            Err(AnalysisError::Hindered(hindered)) => {
                assert_eq!(hindered.obstacle, expected, "{answer:?}");
                assert!(!hindered.reason.is_empty(), "{answer:?}");
            }
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}
