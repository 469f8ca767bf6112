use super::{AuditRowDto, CaptureConditionsDto};
use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    analysis::{Analysis, CauseAnalysis, Finding, ImageQuality, Ishikawa, Provider},
    defect::{DefectType, RecommendedAction, Region, Severity},
    facility::Facility,
    geometry::{BoxProvenance, BoxPx},
    inspection::{Decision, Inspection, OperatorCall, OperatorDecision, UploadState},
    queue::{Hindrance, Obstacle},
    stage::Stage,
    verdict::{UndeterminedReason, VerdictCode},
};

/// One defect.
#[derive(Debug, Clone, Serialize, Type)]
pub struct FindingDto {
    /// What it is.
    pub defect_type: DefectType,
    /// How bad.
    pub severity: Severity,
    /// 0 to 1.
    #[specta(type = Number)]
    pub confidence: f64,
    /// Where on the product.
    pub region: Region,
    /// Where on the upright original picture, in pixels.
    pub box_px: BoxPx,
    /// How the box came there.
    pub provenance: BoxProvenance,
    /// What to do about it.
    pub recommended_action: RecommendedAction,
    /// In words; may be empty.
    pub description: String,
    /// Largest extent in millimetres, where calibrated.
    #[specta(type = Option<Number>)]
    pub size_mm: Option<f64>,
}

impl From<&Finding> for FindingDto {
    fn from(finding: &Finding) -> Self {
        Self {
            defect_type: finding.defect_type,
            severity: finding.severity,
            confidence: finding.confidence,
            region: finding.region,
            box_px: finding.box_px,
            provenance: finding.provenance,
            recommended_action: finding.recommended_action,
            description: finding.description.clone(),
            size_mm: finding.size_mm,
        }
    }
}

/// Possible causes by branch; an empty list where nothing speaks for one.
#[derive(Debug, Clone, Serialize, Type)]
pub struct IshikawaDto {
    /// The machine.
    pub machine: Vec<String>,
    /// The material.
    pub material: Vec<String>,
    /// The method.
    pub method: Vec<String>,
    /// The people.
    pub man: Vec<String>,
    /// The measurement.
    pub measurement: Vec<String>,
    /// The environment.
    pub environment: Vec<String>,
}

impl From<&Ishikawa> for IshikawaDto {
    fn from(branches: &Ishikawa) -> Self {
        Self {
            machine: branches.machine.clone(),
            material: branches.material.clone(),
            method: branches.method.clone(),
            man: branches.man.clone(),
            measurement: branches.measurement.clone(),
            environment: branches.environment.clone(),
        }
    }
}

/// Why a defect came to be.
#[derive(Debug, Clone, Serialize, Type)]
pub struct CauseDto {
    /// The stage that probably caused it.
    pub probable_stage: Option<Stage>,
    /// In a sentence.
    pub root_cause: String,
    /// Why, five times over.
    pub five_whys: Vec<String>,
    /// Possible causes by the six branches of an Ishikawa diagram.
    pub ishikawa: IshikawaDto,
    /// What helped it along.
    pub contributing_factors: Vec<String>,
    /// What to do now.
    pub corrective_actions: Vec<String>,
    /// What to do so that it does not come back.
    pub preventive_actions: Vec<String>,
}

impl From<&CauseAnalysis> for CauseDto {
    fn from(cause: &CauseAnalysis) -> Self {
        Self {
            probable_stage: cause.probable_stage,
            root_cause: cause.root_cause.clone(),
            five_whys: cause.five_whys.clone(),
            ishikawa: IshikawaDto::from(&cause.ishikawa),
            contributing_factors: cause.contributing_factors.clone(),
            corrective_actions: cause.corrective_actions.clone(),
            preventive_actions: cause.preventive_actions.clone(),
        }
    }
}

/// What an analysis cost.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ProviderUsageDto {
    /// Tokens sent.
    #[specta(type = Number)]
    pub input_tokens: f64,
    /// Tokens received.
    #[specta(type = Number)]
    pub output_tokens: f64,
    /// US dollars.
    #[specta(type = Number)]
    pub cost_usd: f64,
    /// From the request to the whole reply.
    #[specta(type = Number)]
    pub latency_ms: f64,
}

/// What an analyzer said.
#[derive(Debug, Clone, Serialize, Type)]
pub struct AnalysisDto {
    /// Who.
    pub provider: Provider,
    /// With which model.
    pub model: String,
    /// With which prompt, or which learnt model.
    pub prompt_sha256: String,
    /// In a sentence or two.
    pub summary: String,
    /// What was found, the worst first.
    pub findings: Vec<FindingDto>,
    /// In what two answers contradict each other, where they do.
    pub disagreement: Option<String>,
    /// What is wrong with the picture, where it could not be judged.
    pub image_unfit: Option<UndeterminedReason>,
    /// The same in words; may be empty.
    pub image_unusable: Option<String>,
    /// Why the defect came to be, where asked.
    pub cause: Option<CauseDto>,
    /// What it cost.
    pub usage: ProviderUsageDto,
}

impl From<&Analysis> for AnalysisDto {
    fn from(analysis: &Analysis) -> Self {
        let mut findings: Vec<_> = analysis.findings.iter().collect();
        findings.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then(b.confidence.total_cmp(&a.confidence))
        });
        Self {
            provider: analysis.appraiser.provider,
            model: analysis.appraiser.model.clone(),
            prompt_sha256: analysis.appraiser.prompt_sha256.to_string(),
            summary: analysis.summary.clone(),
            findings: findings.into_iter().map(FindingDto::from).collect(),
            disagreement: analysis.disagreement.clone(),
            image_unfit: match analysis.image_quality {
                ImageQuality::Usable => None,
                ImageQuality::Unusable { unfit, .. } => Some(unfit.into()),
            },
            image_unusable: match &analysis.image_quality {
                ImageQuality::Usable => None,
                ImageQuality::Unusable { reason, .. } => Some(reason.clone()),
            },
            cause: analysis.cause.as_ref().map(CauseDto::from),
            usage: ProviderUsageDto {
                input_tokens: analysis.usage.input_tokens as f64,
                output_tokens: analysis.usage.output_tokens as f64,
                cost_usd: analysis.usage.cost_micro_usd as f64 / 1e6,
                latency_ms: analysis.usage.latency_ms as f64,
            },
        }
    }
}

/// The verdict on a part and why.
#[derive(Debug, Clone, Serialize, Type)]
pub struct VerdictDto {
    /// The verdict; `pending` while there is none.
    pub code: VerdictCode,
    /// Why it is undetermined, where it is.
    pub reason: Option<UndeterminedReason>,
    /// What stands in the way of a verdict, where it is pending and a try failed.
    pub obstacle: Option<Obstacle>,
    /// In words: why it is undetermined or still pending; may be empty.
    pub detail: String,
    /// When it was decided.
    #[specta(type = Option<Number>)]
    pub decided_at: Option<f64>,
}

impl VerdictDto {
    /// Of a decision.
    pub fn decided(decision: &Decision) -> Self {
        Self {
            code: decision.verdict,
            reason: decision.reason,
            obstacle: None,
            detail: decision.detail.clone(),
            decided_at: Some(decision.decided_at.0 as f64),
        }
    }

    /// Of a part that nobody has decided.
    pub fn pending(why: Option<&Hindrance>) -> Self {
        Self {
            code: VerdictCode::Pending,
            reason: None,
            obstacle: why.map(|why| why.obstacle),
            detail: why.map_or_else(String::new, |why| why.reason.clone()),
            decided_at: None,
        }
    }
}

/// What a person said.
#[derive(Debug, Clone, Serialize, Type)]
pub struct OperatorDecisionDto {
    /// What.
    pub call: OperatorCall,
    /// Who: opaque id.
    pub operator: String,
    /// Code of the reason.
    pub reason: Option<String>,
    /// When.
    #[specta(type = Number)]
    pub decided_at: f64,
}

impl From<&OperatorDecision> for OperatorDecisionDto {
    fn from(decision: &OperatorDecision) -> Self {
        Self {
            call: decision.call,
            operator: decision.operator.clone(),
            reason: decision.reason.clone(),
            decided_at: decision.decided_at.0 as f64,
        }
    }
}

/// How far a part has come on its way to the cloud.
#[derive(Debug, Clone, Serialize, Type)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UploadDto {
    /// This station has no cloud.
    Local,
    /// Not decided yet.
    NotDue,
    /// Waiting.
    Waiting {
        /// Failed tries.
        attempts: u32,
        /// The last failure; may be empty.
        reason: String,
    },
    /// Parked until a person retries.
    Parked {
        /// What stands in the way.
        obstacle: Obstacle,
        /// In words.
        reason: String,
    },
    /// There, verified.
    Verified {
        /// When.
        #[specta(type = Number)]
        at: f64,
        /// Where the image lies.
        image_url: String,
    },
}

/// Everything known of one part.
#[derive(Debug, Clone, Serialize, Type)]
pub struct InspectionDto {
    /// The part's id.
    pub id: String,
    /// Order of capture.
    #[specta(type = Number)]
    pub sequence: f64,
    /// When captured.
    #[specta(type = Number)]
    pub captured_at: f64,
    /// Where.
    pub facility: Facility,
    /// At which station.
    pub station: String,
    /// At which stage.
    pub stage: Stage,
    /// Which product.
    pub product_sku: String,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The serial number, where scanned.
    pub serial: Option<String>,
    /// Code of the shift.
    pub shift: String,
    /// Opaque id of the operator.
    pub operator: String,
    /// The camera's id.
    pub camera: String,
    /// The frame's number.
    #[specta(type = Number)]
    pub frame_sequence: f64,
    /// How the picture was taken; none for a picture of a file.
    pub conditions: Option<CaptureConditionsDto>,
    /// The picture's hash.
    pub image_sha256: String,
    /// The picture's bytes.
    #[specta(type = Number)]
    pub image_size_bytes: f64,
    /// Pixels across, upright.
    pub image_width_px: u32,
    /// Pixels down, upright.
    pub image_height_px: u32,
    /// The verdict.
    pub verdict: VerdictDto,
    /// What the local screen said.
    pub screening: Option<AnalysisDto>,
    /// What the verdict rests on.
    pub analysis: Option<AnalysisDto>,
    /// What people said, oldest first.
    pub operator_decisions: Vec<OperatorDecisionDto>,
    /// Counts up with every change.
    pub revision: u32,
    /// How far it has come.
    pub upload: UploadDto,
    /// Its last row in the audit trail; none before the first decision.
    pub evidence: Option<AuditRowDto>,
    /// That its picture was removed here to make room.
    pub image_removed: Option<ImageRemovalDto>,
}

/// A picture that was removed here; the cloud has it.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ImageRemovalDto {
    /// When.
    #[specta(type = Number)]
    pub at: f64,
    /// Where it lies.
    pub image_url: String,
}

impl InspectionDto {
    /// Of a record; `cloud` tells whether the station has one.
    pub fn new(inspection: &Inspection, cloud: bool) -> Self {
        let capture = &inspection.capture;
        Self {
            id: capture.id.to_string(),
            sequence: inspection.sequence as f64,
            captured_at: capture.captured_at.0 as f64,
            facility: capture.facility,
            station: capture.station.clone(),
            stage: capture.stage,
            product_sku: capture.product_sku.to_string(),
            lot: capture.lot.clone(),
            serial: capture.serial.clone(),
            shift: capture.shift.clone(),
            operator: capture.operator.clone(),
            camera: capture.camera.id.to_string(),
            frame_sequence: capture.camera.frame_sequence as f64,
            conditions: capture.camera.conditions.as_deref().map(Into::into),
            image_sha256: inspection.image.sha256.to_string(),
            image_size_bytes: inspection.image.size_bytes as f64,
            image_width_px: inspection.image.width_px,
            image_height_px: inspection.image.height_px,
            verdict: match &inspection.decision {
                Some(decision) => VerdictDto::decided(decision),
                None => VerdictDto::pending(inspection.pending.as_ref()),
            },
            screening: inspection.screening.as_ref().map(AnalysisDto::from),
            analysis: inspection
                .decision
                .as_ref()
                .and_then(|decision| decision.analysis.as_ref())
                .map(AnalysisDto::from),
            operator_decisions: inspection
                .operator_decisions
                .iter()
                .map(OperatorDecisionDto::from)
                .collect(),
            revision: inspection.revision,
            upload: upload(&inspection.upload, cloud),
            evidence: inspection.evidence.as_deref().map(AuditRowDto::from),
            image_removed: inspection
                .image_removed
                .as_ref()
                .map(|removal| ImageRemovalDto {
                    at: removal.at.0 as f64,
                    image_url: removal.image_url.clone(),
                }),
        }
    }
}

fn upload(state: &UploadState, cloud: bool) -> UploadDto {
    match state {
        UploadState::NotDue => UploadDto::NotDue,
        UploadState::Verified { at, image_url } => UploadDto::Verified {
            at: at.0 as f64,
            image_url: image_url.clone(),
        },
        UploadState::Waiting { .. } | UploadState::Parked { .. } if !cloud => UploadDto::Local,
        UploadState::Waiting {
            attempts,
            last_reason,
        } => UploadDto::Waiting {
            attempts: *attempts,
            reason: last_reason.clone(),
        },
        UploadState::Parked { obstacle, reason } => UploadDto::Parked {
            obstacle: *obstacle,
            reason: reason.clone(),
        },
    }
}

/// What a person says of a part.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct OperatorCallForm {
    /// The part.
    pub id: String,
    /// What.
    pub call: OperatorCall,
    /// Code of the reason; needed for everything but a confirmation.
    pub reason: Option<String>,
}
