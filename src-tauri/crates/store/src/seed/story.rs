//! A made-up history like that of a real line: lots of one product at one stage, one part in fifty
//! defective, one in five hundred and fifty critically, people who look at what the station found.
//!
//! Invariant: the same plan tells the same story, part by part.

use serde_json::Value;
use wiko_core::{
    analysis::{
        Analysis, Appraiser, CauseAnalysis, Claim, Finding, FindingDraft, ImageQuality, Provider,
        Usage,
    },
    defect::{DefectType, Region, Severity},
    disposition::Disposition,
    geometry::{BoxProvenance, BoxPx},
    image::Sha256,
    inspection::OperatorCall,
    sku::ProductSku,
    stage::Stage,
    time::UnixMillis,
    verdict::{UndeterminedReason, VerdictCode},
};

/// Parts of a lot, which go through one stage.
const LOT: u64 = 240;

/// What one part in so many is.
const DEFECTIVE: u64 = 50;
const CRITICAL: u64 = 556;
const UNDETERMINED: u64 = 400;
const MISSED_BY_THE_STATION: u64 = 2000;

/// An outcome that many parts share.
pub(super) struct Outcome {
    pub verdict: VerdictCode,
    pub reason: Option<UndeterminedReason>,
    pub severity: Option<Severity>,
    pub defect_type: Option<DefectType>,
    pub findings: u32,
    pub analysis: String,
    /// What the search finds of it.
    pub said: String,
}

/// A part of the story.
pub(super) struct Part {
    pub captured_at: UnixMillis,
    pub random: [u8; 10],
    pub stage: Stage,
    pub product_sku: usize,
    pub lot: String,
    pub serial: Option<String>,
    pub operator: &'static str,
    /// Which of the outcomes.
    pub outcome: usize,
    pub call: Option<(OperatorCall, Option<&'static str>)>,
    pub disposition: Disposition,
}

/// All of it.
pub(super) struct Story {
    first_at: i64,
    step_ms: i64,
    skus: Vec<ProductSku>,
    outcomes: Vec<Outcome>,
    defective: Vec<usize>,
    critical: Vec<usize>,
    undetermined: Vec<usize>,
}

impl Story {
    pub(super) fn new(
        parts: u64,
        first_at: UnixMillis,
        last_at: UnixMillis,
        skus: Vec<ProductSku>,
    ) -> Self {
        let span_ms = last_at.0.saturating_sub(first_at.0).max(0);
        let step_ms = span_ms / i64::try_from(parts.max(1)).unwrap_or(i64::MAX);
        let mut story = Self {
            first_at: first_at.0,
            step_ms,
            skus,
            outcomes: vec![passed()],
            defective: vec![],
            critical: vec![],
            undetermined: vec![],
        };
        for defect in DefectType::ALL {
            for severity in [
                Severity::Cosmetic,
                Severity::Minor,
                Severity::Major,
                Severity::Critical,
            ] {
                for place in PLACES {
                    let outcome = failed(*defect, severity, place);
                    let number = story.outcomes.len();
                    if outcome.severity == Some(Severity::Critical) {
                        story.critical.push(number);
                    } else {
                        story.defective.push(number);
                    }
                    story.outcomes.push(outcome);
                }
            }
        }
        story.undetermined.push(story.outcomes.len());
        story.outcomes.push(undetermined());
        story
    }

    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    pub(super) fn skus(&self) -> &[ProductSku] {
        &self.skus
    }

    /// Part `n`, from 0.
    pub(super) fn part(&self, n: u64) -> Part {
        let lot = n / LOT;
        let of_lot = mixed(lot ^ 0x10_7000);
        let dice = mixed(n);
        let captured_at = UnixMillis(
            self.first_at
                .saturating_add(i64::try_from(n).unwrap_or(0).saturating_mul(self.step_ms))
                .saturating_add((dice >> 48).cast_signed() % self.step_ms.max(1)),
        );
        let product_sku = (of_lot >> 8) as usize % self.skus.len().max(1);
        let one_in = |one: u64, salt: u64| mixed(n ^ (salt << 40)).is_multiple_of(one);
        let pick = |of: &[usize]| of[(dice >> 16) as usize % of.len()];
        let outcome = if one_in(CRITICAL, 1) {
            pick(&self.critical)
        } else if one_in(UNDETERMINED, 2) {
            pick(&self.undetermined)
        } else if one_in(DEFECTIVE, 3) {
            pick(&self.defective)
        } else {
            0
        };
        let verdict = self.outcomes[outcome].verdict;
        let call = called(
            verdict,
            mixed(n ^ (4 << 40)),
            one_in(MISSED_BY_THE_STATION, 5),
        );
        let bytes = dice.to_le_bytes();
        let mut random = [0; 10];
        random[..8].copy_from_slice(&bytes);
        random[8..].copy_from_slice(&of_lot.to_le_bytes()[..2]);
        Part {
            captured_at,
            random,
            stage: Stage::ALL[of_lot as usize % 12],
            product_sku,
            lot: format!("L{}-{:03}", 2000 + lot / 400, lot % 400),
            // One product has its numbers engraved.
            serial: (product_sku == 0).then(|| format!("SN{n:010}")),
            operator: ["op-3", "op-7", "op-12"][(lot % 3) as usize],
            outcome,
            disposition: Disposition::of(verdict, call.map(|(call, _)| call)),
            call,
        }
    }
}

fn called(
    verdict: VerdictCode,
    dice: u64,
    missed: bool,
) -> Option<(OperatorCall, Option<&'static str>)> {
    match (verdict, dice % 20) {
        (VerdictCode::Fail, 0) => Some((OperatorCall::Accept, Some("within_limits"))),
        (VerdictCode::Fail, 1..8) => Some((OperatorCall::Confirm, None)),
        (VerdictCode::Undetermined, 0..9) => Some((OperatorCall::Accept, Some("dirt_not_defect"))),
        (VerdictCode::Undetermined, 9..16) => {
            Some((OperatorCall::Reject, Some("worse_than_found")))
        }
        (VerdictCode::Pass, _) if missed => Some((OperatorCall::Reject, Some("missed_defect"))),
        _ => None,
    }
}

/// A number that looks like chance and is none.
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

const PLACES: [(&str, Region); 5] = [
    ("刃口前段", Region::BladeEdge),
    ("刀面中部", Region::BladeSurface),
    ("刀背靠近护手处", Region::BladeSpine),
    ("手柄左侧", Region::HandleLeft),
    ("刀尖", Region::Tip),
];

fn described(defect: DefectType) -> (&'static str, &'static str) {
    match defect {
        DefectType::RustSpot => (
            "有锈斑，呈褐色点状，直径约 2 毫米",
            "真空淬火后未及时干燥，水汽残留",
        ),
        DefectType::BladeScratch => ("有划痕，长约 6 毫米", "上光夹具表面磨损，带入硬质颗粒"),
        DefectType::EdgeIrregularity => ("刃线不平直，局部偏移", "锥磨砂轮修整不足"),
        DefectType::BladeChip => ("崩口，缺失约 1 毫米", "冲压模具间隙过大"),
        DefectType::HandleCrack => ("有裂纹，沿合模线延伸", "注塑保压时间不足"),
        DefectType::HandleDiscoloration => ("变色，局部发黄", "注塑料温过高"),
        DefectType::WeldDefect => ("焊缝有气孔", "护手焊接保护气流量不足"),
        DefectType::PolishDefect => ("抛光不均，可见砂纹", "抛光轮磨损未更换"),
        DefectType::DimensionalError => ("尺寸超差，宽度偏大 0.4 毫米", "冲压定位销松动"),
        DefectType::AssemblyMisalignment => ("装配错位，铆钉偏心", "铆接工装定位偏移"),
        DefectType::SurfaceContamination => ("有油污残留", "印标前清洗不充分"),
        DefectType::HeatTreatmentDefect => ("热处理变色并轻微变形", "淬火冷却速度不均"),
        DefectType::Unknown => ("有未知异常", "原因待查"),
    }
}

/// Of the picture that no part has: what is told here was never photographed.
pub(super) fn image() -> Sha256 {
    Sha256::of(b"a made-up history has no pictures")
}

fn analysis(
    claim: Claim,
    findings: Vec<Finding>,
    summary: String,
    cause: Option<CauseAnalysis>,
) -> Analysis {
    Analysis {
        image_sha256: image(),
        complete: true,
        disagreement: None,
        claim,
        findings,
        image_quality: ImageQuality::Usable,
        cause,
        summary,
        appraiser: Appraiser {
            provider: Provider::Claude,
            model: "seed".into(),
            prompt_sha256: Sha256::of(b"seed"),
            recipe: None,
        },
        usage: Usage {
            input_tokens: 2841,
            output_tokens: 512,
            cache_read_tokens: 0,
            cost_micro_usd: 21_400,
            latency_ms: 3100,
        },
    }
}

fn outcome(
    verdict: VerdictCode,
    reason: Option<UndeterminedReason>,
    analysis: &Analysis,
) -> Outcome {
    let worst = analysis.worst();
    let mut said = vec![analysis.summary.as_str()];
    for finding in &analysis.findings {
        said.extend([&*finding.description, finding.defect_type.code()]);
    }
    said.extend(analysis.cause.as_ref().map(|cause| &*cause.root_cause));
    Outcome {
        verdict,
        reason,
        severity: worst.map(|finding| finding.severity),
        defect_type: worst.map(|finding| finding.defect_type),
        findings: analysis.findings.len() as u32,
        said: said.join(" "),
        analysis: serde_json::to_value(analysis)
            .as_ref()
            .map_or_else(|_| String::new(), Value::to_string),
    }
}

fn passed() -> Outcome {
    let analysis = analysis(Claim::Good, vec![], "未见缺陷".into(), None);
    outcome(VerdictCode::Pass, None, &analysis)
}

fn undetermined() -> Outcome {
    let analysis = analysis(Claim::Unsure, vec![], "反光遮住刃口，无法判断".into(), None);
    outcome(
        VerdictCode::Undetermined,
        Some(UndeterminedReason::Unsure),
        &analysis,
    )
}

fn failed(defect_type: DefectType, severity: Severity, (place, region): (&str, Region)) -> Outcome {
    let (what, why) = described(defect_type);
    let description = format!("{place}{what}");
    let cause = CauseAnalysis {
        probable_stage: defect_type.usual_stages().first().copied(),
        root_cause: why.into(),
        five_whys: ["现象", "直接原因", "过程原因", "管理原因", "根本原因"]
            .map(|level| format!("{level}：{why}"))
            .to_vec(),
        corrective_actions: vec!["隔离本批次并全检".into(), "停线检查该工序设备".into()],
        preventive_actions: vec!["把检查项加入点检表，每班确认一次".into()],
        ..CauseAnalysis::default()
    };
    let finding = Finding::new(FindingDraft {
        defect_type,
        severity,
        confidence: 0.87,
        region,
        box_px: BoxPx {
            x: 520,
            y: 300,
            width: 140,
            height: 90,
        },
        provenance: BoxProvenance::Native,
        recommended_action: None,
        description: description.clone(),
    });
    let analysis = analysis(
        Claim::Defective,
        vec![finding],
        format!("{description}，建议复核"),
        Some(cause),
    );
    outcome(VerdictCode::Fail, None, &analysis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::sku::SkuCatalog;

    #[test]
    fn the_story_has_the_defects_of_a_real_line() {
        let skus = SkuCatalog::default().all().to_vec();
        let story = Story::new(100_000, UnixMillis(0), UnixMillis(100_000_000_000), skus);
        let parts: Vec<_> = (0..100_000).map(|n| story.part(n)).collect();
        let severity = |part: &Part| story.outcomes()[part.outcome].severity;
        let share = |fits: &dyn Fn(&Part) -> bool| {
            parts.iter().filter(|part| fits(part)).count() as f64 / 1000.0
        };
        let defective = share(&|part| severity(part).is_some());
        assert!((1.8..2.5).contains(&defective), "{defective} %");
        let critical = share(&|part| severity(part) == Some(Severity::Critical));
        assert!((0.15..0.21).contains(&critical), "{critical} %");
        for disposition in Disposition::ALL
            .iter()
            .filter(|it| **it != Disposition::Pending)
        {
            assert!(
                share(&|part| part.disposition == *disposition) > 0.0,
                "{disposition}"
            );
        }
        let mut stages: Vec<_> = parts.iter().map(|part| part.stage).collect();
        stages.sort_unstable();
        stages.dedup();
        assert_eq!(stages.len(), 12);
        assert!(
            parts
                .windows(2)
                .all(|pair| pair[0].captured_at <= pair[1].captured_at)
        );
    }
}
