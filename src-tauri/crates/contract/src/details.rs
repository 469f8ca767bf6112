//! Two answers about one part: the whole picture, then details of it at full resolution.

use super::read::ReadReply;
use wiko_core::{
    analysis::{Claim, Finding, ImageQuality},
    geometry::BoxPx,
};

/// Above this overlap two boxes are of the same defect.
const SAME_IOU: f64 = 0.33;

/// Puts the answer about the details (`closer`) to the first one. `looked_at` are the details that were shown, in
/// pixels of the original.
///
/// A finding of the first answer that was shown again and not found again stays, and the two answers contradict each
/// other: a person decides, and sees where. A finding that was confirmed becomes what the closer look saw, and
/// is never milder than either look had it. What the closer look found beside is added. Where the two do not claim
/// the same of the part, nobody is sure.
pub fn merge(first: ReadReply, closer: ReadReply, looked_at: &[BoxPx]) -> ReadReply {
    if closer.image_quality != ImageQuality::Usable {
        // The details are cut from a picture that was called usable.
        return ReadReply {
            image_quality: closer.image_quality,
            ..first
        };
    }
    let mut matched = vec![false; closer.findings.len()];
    let mut findings = Vec::new();
    let mut disagreement = None;
    for found in first.findings {
        match best_match(&found, &closer.findings) {
            Some(index) => {
                if !std::mem::replace(&mut matched[index], true) {
                    findings.push(confirmed(&found, &closer.findings[index]));
                }
            }
            None => {
                if looked_at.iter().any(|detail| covers(detail, &found.box_px)) {
                    disagreement =
                        Some("the closer look does not find what the first look found".to_owned());
                }
                findings.push(found);
            }
        }
    }
    let beside = closer.findings.into_iter().zip(matched);
    findings.extend(
        beside
            .filter(|(_, matched)| !matched)
            .map(|(found, _)| found),
    );
    ReadReply {
        disagreement,
        claim: match first.claim == closer.claim {
            true => first.claim,
            false => Claim::Unsure,
        },
        findings,
        image_quality: first.image_quality,
        summary: match closer.summary.is_empty() {
            true => first.summary,
            false => closer.summary,
        },
    }
}

/// The finding from near that is most likely the same.
fn best_match(found: &Finding, near: &[Finding]) -> Option<usize> {
    let overlap = |other: &Finding| found.box_px.iou(&other.box_px);
    near.iter()
        .enumerate()
        .filter(|(_, other)| same(found, other))
        .max_by(|(_, a), (_, b)| overlap(a).total_cmp(&overlap(b)))
        .map(|(index, _)| index)
}

/// The finding as it was seen from near: never milder than either look had it.
fn confirmed(first: &Finding, near: &Finding) -> Finding {
    Finding {
        severity: first.severity.max(near.severity),
        recommended_action: first.recommended_action.max(near.recommended_action),
        description: match near.description.is_empty() {
            true => first.description.clone(),
            false => near.description.clone(),
        },
        ..near.clone()
    }
}

fn same(a: &Finding, b: &Finding) -> bool {
    a.box_px.iou(&b.box_px) >= SAME_IOU
        || (a.defect_type == b.defect_type && a.box_px.meets(&b.box_px))
}

/// True where the middle of a box lies in a detail.
fn covers(detail: &BoxPx, found: &BoxPx) -> bool {
    let within = |start: u32, length: u32, at: u32, across: u32| {
        let middle = u64::from(at) + u64::from(across) / 2;
        middle >= u64::from(start) && middle < u64::from(start) + u64::from(length)
    };
    within(detail.x, detail.width, found.x, found.width)
        && within(detail.y, detail.height, found.y, found.height)
}
