//! The chain of analyzers: who is asked, in which order, and what becomes of their answers.
//!
//! Invariants:
//! - The first analyzer that answers decides. An answer that cannot be used makes the part
//!   undetermined; the next analyzer is never asked in the hope of a better one.
//! - The next one is asked only where the one before has learnt nothing of the part or could not be
//!   reached. Where nobody answers, the part stays pending.
//! - Who is known not to answer is not asked: the part goes on to the next at once.
//! - A part that the local screen should have looked at, and could not, is passed by nobody.
//! - A part whose recipe is not as it was released is judged by nobody: it waits for a person.

use crate::{
    analysis::{Analysis, Provider},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered},
    queue::Obstacle,
    verdict::{UndeterminedReason, Verdict, judge},
};
use std::sync::Arc;

/// Analyzers in the order in which they are asked.
#[derive(Clone)]
pub struct Chain(Vec<Arc<dyn Analyzer>>);

/// Stands before the analyzers: says who may be asked now, and hears what came of it.
pub trait Gate: Send {
    /// Why this one is not to be asked now, where it is not.
    fn may_ask(&mut self, provider: Provider) -> Result<(), Hindered>;

    /// What the one that was asked last has answered.
    fn answered(&mut self, answer: &Result<Analysis, AnalysisError>);
}

/// What the chain came to.
#[derive(Debug, Clone)]
pub enum ChainOutcome {
    /// An analyzer answered.
    Decided {
        /// The verdict.
        verdict: Verdict,
        /// What was said; none where it could not be used.
        analysis: Option<Box<Analysis>>,
        /// Why the answer could not be used, or which two contradict each other, in words; else empty.
        detail: String,
    },
    /// Nobody answered; the part stays pending.
    Pending(Hindered),
}

impl Chain {
    /// A chain of the given analyzers.
    pub fn new(analyzers: Vec<Arc<dyn Analyzer>>) -> Self {
        Self(analyzers)
    }

    /// The analyzers, in the order in which they are asked.
    pub fn analyzers(&self) -> &[Arc<dyn Analyzer>] {
        &self.0
    }

    /// Asks one analyzer after the other until one answers.
    pub async fn decide(&self, request: &AnalysisRequest, gate: &mut dyn Gate) -> ChainOutcome {
        for analyzer in &self.0 {
            if let Some(reason) = analyzer.withheld(request).await {
                return ChainOutcome::Pending(withheld(reason));
            }
        }
        let mut hindrances: Vec<Hindered> = Vec::new();
        let mut screen_fault = request.screen_fault.clone();
        for analyzer in &self.0 {
            if let Err(held) = gate.may_ask(analyzer.provider()) {
                hindrances.push(held);
                continue;
            }
            let answer = analyzer.analyze(request).await;
            gate.answered(&answer);
            match answer {
                Ok(analysis) => {
                    let analysis = analysis.measured(request.mm_per_px);
                    let screening = request.screening.as_ref();
                    let verdict = judge(&request.image.facts(), &analysis, screening);
                    // Of no account where it has looked after all.
                    let unscreened = analyzer.provider() != Provider::Screen;
                    let (verdict, detail) = match (verdict, screen_fault) {
                        (Verdict::Pass(_), Some(fault)) if unscreened => (
                            Verdict::Undetermined(UndeterminedReason::ScreenSilent),
                            fault,
                        ),
                        (verdict, _) => (verdict, contradiction(verdict, &analysis)),
                    };
                    return ChainOutcome::Decided {
                        verdict,
                        analysis: Some(Box::new(analysis)),
                        detail,
                    };
                }
                Err(AnalysisError::Unusable { reason, detail }) => {
                    return ChainOutcome::Decided {
                        verdict: Verdict::Undetermined(reason),
                        analysis: None,
                        detail,
                    };
                }
                Err(AnalysisError::NotLearnt { reason }) => hindrances.push(Hindered {
                    service: None,
                    obstacle: Obstacle::Transient,
                    reason,
                    retry_after: None,
                }),
                Err(AnalysisError::Hindered(hindered)) => {
                    if analyzer.provider() == Provider::Screen {
                        screen_fault.get_or_insert_with(|| hindered.reason.clone());
                    }
                    hindrances.push(hindered);
                }
                Err(AnalysisError::Withheld { reason }) => {
                    return ChainOutcome::Pending(withheld(reason));
                }
            }
        }
        ChainOutcome::Pending(combined(hindrances))
    }
}

/// Nobody judges the part, in whatever order they would be asked.
fn withheld(reason: String) -> Hindered {
    Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason,
        retry_after: None,
    }
}

/// Which two answers contradict each other, where some do; empty where none do.
fn contradiction(verdict: Verdict, analysis: &Analysis) -> String {
    match (verdict.reason(), &analysis.disagreement) {
        (Some(UndeterminedReason::Disagreement), Some(said)) => said.clone(),
        (Some(UndeterminedReason::Disagreement), None) => {
            "the local screen does not find the part good, and it is called good".to_owned()
        }
        _ => String::new(),
    }
}

/// One hindrance for all of them: refused credentials where there are any, because a person has to see
/// to them; or else, while any may go by itself, the part is tried again.
fn combined(hindrances: Vec<Hindered>) -> Hindered {
    let obstacles = || hindrances.iter().map(|hindered| hindered.obstacle);
    let refused = obstacles().find(|obstacle| *obstacle == Obstacle::Credentials);
    let obstacle = refused.or_else(|| obstacles().min());
    let retry_after = hindrances
        .iter()
        .filter_map(|hindered| hindered.retry_after)
        .min();
    let reasons: Vec<_> = hindrances
        .into_iter()
        .map(|hindered| hindered.reason)
        .collect();
    Hindered {
        // Of several, none.
        service: None,
        obstacle: obstacle.unwrap_or(Obstacle::NeedsPerson),
        reason: if reasons.is_empty() {
            "no analyzer is configured: set analysis.chain in station.toml".to_owned()
        } else {
            reasons.join("; ")
        },
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{Appraiser, Claim, ImageQuality, Provider, Usage},
        camera::{CameraId, CameraTag},
        facility::Facility,
        id::InspectionId,
        image::{EncodedImage, ImageFormat, Sha256},
        inspection::CaptureFacts,
        ports::Language,
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
    async fn what_is_withheld_is_judged_by_nobody_also_where_the_one_who_knows_it_may_not_be_asked()
    {
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
}
