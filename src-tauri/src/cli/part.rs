use super::{
    Failure, audit,
    output::{Output, detail, finding, finding_line},
};
use crate::{clock::local, settings::Settings, wiring};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use wiko_core::{
    analysis::Analysis,
    id::InspectionId,
    inspection::{Inspection, UploadState},
    ports::StoreError,
    queue::{Hindrance, Obstacle},
    spending::Call,
    time::UnixMillis,
};

#[derive(Debug, clap::Args)]
pub(crate) struct PartArguments {
    /// The part's id, as `history` prints it
    #[arg(value_name = "ID")]
    id: String,
}

/// Shows one part wholly: what was found, what people said, how far it has come, and what proves it.
pub(crate) async fn run(
    arguments: PartArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let id: InspectionId = arguments.id.parse()?;
    let Some(records) = wiring::open_reader(settings).await? else {
        return Err(StoreError::NotFound { id }.into());
    };
    let part = Part {
        inspection: records.inspection(id).await?,
        path: records.image_path(id).await?,
        calls: records.calls(id).await?,
        uploads: settings.aws.s3_bucket.is_some(),
    };
    let told = |at| local(at, settings.shifts.zone());
    output.line(&part.json(), part.text(told));
    match records.verify_record(id).await? {
        None => Ok(ExitCode::SUCCESS),
        Some(broken) => Err(format!(
            "do not trust this record: {}; somebody wrote the database: wiko-station verify",
            broken.reason
        )
        .into()),
    }
}

struct Part {
    inspection: Inspection,
    path: PathBuf,
    /// Of models, whatever came of them.
    calls: Vec<Call>,
    /// False where no cloud is configured: what is decided waits for nothing.
    uploads: bool,
}

/// Where a part stands on its way.
struct Standing<'a> {
    state: &'static str,
    queue: Option<&'static str>,
    obstacle: Option<Obstacle>,
    reason: Option<&'a str>,
}

impl Part {
    fn standing(&self) -> Standing<'_> {
        let on = |queue, state, obstacle, reason| Standing {
            state,
            queue: Some(queue),
            obstacle,
            reason,
        };
        let waits = |hindrance: &Hindrance| match hindrance.obstacle {
            Obstacle::NeedsPerson => "parked",
            Obstacle::Transient | Obstacle::Credentials => "waiting",
        };
        let off = |state| Standing {
            state,
            queue: None,
            obstacle: None,
            reason: None,
        };
        let part = &self.inspection;
        match (&part.decision, &part.upload) {
            (None, _) => match &part.pending {
                Some(why) => on(
                    "analysis",
                    waits(why),
                    Some(why.obstacle),
                    Some(&*why.reason),
                ),
                None => on("analysis", "waiting", None, None),
            },
            (Some(_), UploadState::Parked { obstacle, reason }) => {
                on("upload", "parked", Some(*obstacle), Some(reason))
            }
            (Some(_), UploadState::Verified { .. }) => off("uploaded"),
            (Some(_), _) if !self.uploads => off("kept_here"),
            (Some(_), UploadState::Waiting { last_reason, .. }) => {
                let reason = (!last_reason.is_empty()).then_some(&**last_reason);
                on("upload", "waiting", None, reason)
            }
            (Some(_), UploadState::NotDue) => off("kept_here"),
        }
    }

    fn json(&self) -> Value {
        let part = &self.inspection;
        let (capture, image, decision) = (&part.capture, &part.image, part.decision.as_ref());
        let standing = self.standing();
        let picture = match &part.image_removed {
            Some(removed) => json!({
                "state": "removed",
                "removed_at": removed.at.iso8601(),
                "image_url": removed.image_url,
            }),
            None => json!({
                "state": if self.path.is_file() { "here" } else { "missing" },
                "path": self.path.display().to_string(),
            }),
        };
        json!({
            "event": "part",
            "id": capture.id,
            "sequence": part.sequence,
            "revision": part.revision,
            "captured_at": capture.captured_at.iso8601(),
            "facility": capture.facility,
            "station": capture.station,
            "stage": capture.stage,
            "product_sku": capture.product_sku,
            "lot": capture.lot,
            "serial": capture.serial,
            "shift": capture.shift,
            "operator": capture.operator,
            "camera": capture.camera.id.0,
            "frame_sequence": capture.camera.frame_sequence,
            "conditions": capture.camera.conditions,
            "verdict": part.verdict(),
            "disposition": part.disposition(),
            "reason": decision.and_then(|decision| decision.reason),
            "detail": decision.map(detail),
            "decided_at": decision.map(|decision| decision.decided_at.iso8601()),
            "analysis": decision.and(part.analysis()).map(analysis_json),
            "screening": part.screening.as_ref().map(analysis_json),
            "calls": self.calls.iter().map(|call| json!({
                "provider": call.provider,
                "model": call.model,
                "purpose": call.purpose,
                "usage": call.usage,
            })).collect::<Vec<_>>(),
            "operator_decisions": part.operator_decisions.iter().map(|said| json!({
                "call": said.call,
                "operator": said.operator,
                "reason": said.reason,
                "decided_at": said.decided_at.iso8601(),
            })).collect::<Vec<_>>(),
            "state": standing.state,
            "queue": standing.queue,
            "obstacle": standing.obstacle,
            "queue_reason": standing.reason,
            "uploaded": match &part.upload {
                UploadState::Verified { at, image_url } => {
                    json!({"at": at.iso8601(), "image_url": image_url})
                }
                _ => Value::Null,
            },
            "image": picture,
            "sha256": image.sha256,
            "size_bytes": image.size_bytes,
            "width_px": image.width_px,
            "height_px": image.height_px,
            "evidence": part.evidence.as_ref().map(|row| audit::json_of(row)),
        })
    }

    fn text(&self, told: impl Fn(UnixMillis) -> String) -> String {
        let part = &self.inspection;
        let capture = &part.capture;
        let mut lines = vec![format!(
            "{} {}",
            capture.id,
            part.disposition().code().to_uppercase()
        )];
        let mut say = |name: &str, what: String| lines.push(format!("{name:<10} {what}"));
        say(
            "captured",
            format!(
                "{} {} at {}{}{}, shift {}, by {}, camera {}, number {}",
                told(capture.captured_at),
                capture.product_sku,
                capture.stage,
                named(", lot ", capture.lot.as_deref()),
                named(", serial ", capture.serial.as_deref()),
                capture.shift,
                capture.operator,
                capture.camera.id.0,
                part.sequence,
            ),
        );
        match &part.decision {
            None => say("verdict", "none yet".to_owned()),
            Some(decision) => say(
                "verdict",
                format!(
                    "{} at {}{}{}{}",
                    decision.verdict,
                    told(decision.decided_at),
                    decision
                        .analysis
                        .as_ref()
                        .map_or(String::new(), |analysis| format!(", {}", who(analysis))),
                    named("; ", decision.reason.map(|reason| reason.code())),
                    named(": ", Some(detail(decision)).filter(|text| !text.is_empty())),
                ),
            ),
        }
        let decided_by = part
            .decision
            .as_ref()
            .and_then(|said| said.analysis.as_ref());
        if let Some(screening) = &part.screening {
            let provisional = if decided_by.is_none() {
                ", provisional"
            } else {
                ""
            };
            let marked = match screening.findings.len() {
                0 => String::new(),
                marked => format!(", {marked} marked"),
            };
            say(
                "screen",
                format!("{}{marked}{provisional}", screening.claim),
            );
        }
        for found in part
            .analysis()
            .map_or(&[][..], |analysis| &analysis.findings)
        {
            let described = named(
                ": ",
                Some(&*found.description).filter(|text| !text.is_empty()),
            );
            say("found", format!("{}{described}", finding_line(found)));
        }
        let cause = decided_by.and_then(|analysis| analysis.cause.as_ref());
        if let Some(cause) = cause.filter(|cause| !cause.root_cause.is_empty()) {
            let stage = named(", from ", cause.probable_stage.map(|stage| stage.code()));
            say("cause", format!("{}{stage}", cause.root_cause));
        }
        if !self.calls.is_empty() {
            let costs = self.calls.iter().map(|call| call.usage.cost_micro_usd);
            let purposes: Vec<_> = self.calls.iter().map(|call| call.purpose.code()).collect();
            let cost = costs.sum::<u64>() as f64 / 1e6;
            say("cost", format!("{cost:.4} USD for {}", purposes.join(", ")));
        }
        for said in &part.operator_decisions {
            let reason = named(": ", said.reason.as_deref());
            let at = told(said.decided_at);
            say(
                "said",
                format!("{} by {} at {at}{reason}", said.call, said.operator),
            );
        }
        let standing = self.standing();
        say(
            "stands",
            match (standing.queue, &part.upload) {
                (Some(queue), _) => format!(
                    "{queue} queue, {}{}{}",
                    standing.state,
                    named(", ", standing.obstacle.map(|obstacle| obstacle.code())),
                    named(": ", standing.reason),
                ),
                (None, UploadState::Verified { at, image_url }) => {
                    format!("uploaded and verified at {}: {image_url}", told(*at))
                }
                (None, _) => "kept here: no cloud is configured".to_owned(),
            },
        );
        say("picture", self.picture(&told));
        say(
            "evidence",
            match &part.evidence {
                None => "no row of the audit trail yet".to_owned(),
                Some(row) => format!(
                    "row {} of the audit trail, {}, by {} at {}, {}",
                    row.number,
                    row.hash,
                    row.entry.identity,
                    told(row.entry.at),
                    match &row.signature {
                        Some(signed) => format!("signed with {}", signed.key),
                        None => "not signed itself: the next signed row, where one comes, vouches for it"
                            .to_owned(),
                    }
                ),
            },
        );
        lines.join("\n")
    }

    fn picture(&self, told: impl Fn(UnixMillis) -> String) -> String {
        let image = &self.inspection.image;
        match &self.inspection.image_removed {
            Some(removed) => format!(
                "removed here at {} to make room; it lies at {}",
                told(removed.at),
                removed.image_url
            ),
            None => format!(
                "{}, {}×{} pixels, {} bytes, SHA-256 {}",
                here_or_not(&self.path),
                image.width_px,
                image.height_px,
                image.size_bytes,
                image.sha256
            ),
        }
    }
}

fn here_or_not(path: &Path) -> String {
    match path.is_file() {
        true => path.display().to_string(),
        false => format!("MISSING: {}", path.display()),
    }
}

fn named(before: &str, what: Option<&str>) -> String {
    what.map_or(String::new(), |what| format!("{before}{what}"))
}

fn who(analysis: &Analysis) -> String {
    let appraiser = &analysis.appraiser;
    let recipe = appraiser.recipe.as_ref().map(ToString::to_string);
    let by_recipe = named(", recipe ", recipe.as_deref());
    format!("by {} ({}{by_recipe})", appraiser.provider, appraiser.model)
}

fn analysis_json(analysis: &Analysis) -> Value {
    json!({
        "provider": analysis.appraiser.provider,
        "model": analysis.appraiser.model,
        "prompt_sha256": analysis.appraiser.prompt_sha256,
        "recipe": analysis.appraiser.recipe.as_ref().map(|recipe| json!({
            "name": recipe.name(),
            "stage": recipe.stage,
            "product_sku": recipe.product_sku,
            "version": recipe.version,
            "sha256": recipe.sha256,
        })),
        "claim": analysis.claim,
        "summary": analysis.summary,
        "prompt_sha256": analysis.appraiser.prompt_sha256,
        "usage": analysis.usage,
        "disagreement": analysis.disagreement,
        "cause": analysis.cause,
        "findings": analysis.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
