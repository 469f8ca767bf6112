//! Domain values with everything filled in; a test changes what it is about.

use wiko_core::{
    analysis::{Analysis, Appraiser, Claim, Finding, FindingDraft, ImageQuality, Provider, Usage},
    camera::{CameraId, CameraTag},
    defect::{DefectType, Region, Severity},
    facility::Facility,
    geometry::{BoxProvenance, BoxPx},
    id::InspectionId,
    image::{EncodedImage, ImageFacts, ImageFormat, Sha256},
    inspection::{CaptureFacts, Decision, Inspection, UploadState},
    ports::{AnalysisRequest, Language},
    sku::ProductSku,
    spending::Meter,
    stage::Stage,
    time::{BootId, UnixMillis},
    verdict::VerdictCode,
};

/// 2026-03-01T08:00:00Z, the day on which tests happen.
pub const NOON: UnixMillis = UnixMillis(1_772_352_000_000);

/// A part captured `n` seconds after [`NOON`]; each `n` has an id of its own.
pub fn capture(n: u32) -> CaptureFacts {
    let captured_at = UnixMillis(NOON.0 + i64::from(n) * 1000);
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    CaptureFacts {
        id: InspectionId::new(captured_at, random),
        captured_at,
        facility: Facility::Yangjiang,
        station: "yj-test-01".into(),
        stage: Stage::BladeGlazing,
        product_sku: ProductSku::new("WK-KN-200").unwrap(),
        lot: Some("L2603-01".into()),
        serial: None,
        shift: "A".into(),
        operator: "op-7".into(),
        camera: CameraTag {
            id: CameraId("simulated".into()),
            frame_sequence: u64::from(n),
            exposed_at: captured_at,
            conditions: None,
        },
        boot_id: BootId("boot-test".into()),
        monotonic_ms: u64::from(n) * 1000,
    }
}

/// Bytes taken for a JPEG of 1920×1080 by whoever does not decode them.
pub fn image(content: &[u8]) -> EncodedImage {
    EncodedImage::of(content, ImageFormat::Jpeg, 1920, 1080)
}

/// A complete analysis of `image` that finds nothing wrong.
pub fn good(image: &ImageFacts) -> Analysis {
    Analysis {
        image_sha256: image.sha256,
        complete: true,
        disagreement: None,
        claim: Claim::Good,
        findings: vec![],
        image_quality: ImageQuality::Usable,
        cause: None,
        summary: "无缺陷".into(),
        appraiser: Appraiser {
            provider: Provider::Screen,
            model: "screen-test".into(),
            prompt_sha256: Sha256::of(b"prompt"),
            recipe: None,
        },
        usage: Usage::default(),
    }
}

/// A complete analysis of `image` with the given findings.
pub fn defective(image: &ImageFacts, findings: Vec<Finding>) -> Analysis {
    Analysis {
        claim: Claim::Defective,
        findings,
        summary: "有缺陷".into(),
        ..good(image)
    }
}

/// A request about a picture, in Chinese.
pub fn request(image: EncodedImage) -> AnalysisRequest {
    AnalysisRequest {
        capture: capture(1),
        image,
        language: Language::ZhCn,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

/// A finding at a given box.
pub fn finding(defect_type: DefectType, severity: Severity, box_px: BoxPx) -> Finding {
    Finding::new(FindingDraft {
        defect_type,
        severity,
        confidence: 0.87,
        region: Region::BladeSurface,
        box_px,
        provenance: BoxProvenance::Native,
        recommended_action: None,
        description: "刀面划痕，长约 6 毫米".into(),
    })
}

/// Part `n` with the picture `content`, failed for one scratch, at `revision`.
pub fn decided(n: u32, content: &[u8], revision: u32) -> Inspection {
    let image = image(content).facts();
    let box_px = BoxPx {
        x: 192,
        y: 108,
        width: 96,
        height: 54,
    };
    let scratch = finding(DefectType::BladeScratch, Severity::Major, box_px);
    let capture = capture(n);
    Inspection {
        sequence: i64::from(n) + 1,
        image,
        screening: None,
        decision: Some(Decision {
            verdict: VerdictCode::Fail,
            reason: None,
            detail: String::new(),
            decided_at: UnixMillis(capture.captured_at.0 + 4_000),
            analysis: Some(defective(&image, vec![scratch])),
        }),
        pending: None,
        operator_decisions: vec![],
        revision,
        upload: UploadState::Waiting {
            attempts: 0,
            last_reason: String::new(),
        },
        image_removed: None,
        evidence: None,
        capture,
    }
}
