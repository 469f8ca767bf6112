//! What the command line prints: lines of JSON for scripts, lines of text for people.

use serde::Serialize;
use serde_json::{Value, json};
use std::{fmt::Display, io::Write};
use wiko_core::{analysis::Finding, inspection::Inspection, verdict::VerdictCode};

pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one thing: as JSON, or as the text for people. Flushed, so that a reader at the other end
    /// of a pipe sees each line when it is true.
    pub(crate) fn line(&self, value: &impl Serialize, text: impl Display) {
        let mut stdout = std::io::stdout().lock();
        let written = if self.json {
            serde_json::to_writer(&mut stdout, value)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(stdout))
        } else {
            writeln!(stdout, "{text}")
        };
        // Nobody reads any more: nothing is left to say, and the records hold it anyway.
        let _ = written.and_then(|()| stdout.flush());
    }

    /// Prints a sentence for people, which a script does not need.
    pub(crate) fn text(&self, text: impl Display) {
        if !self.json {
            self.line(&(), text);
        }
    }

    /// Prints why the command failed.
    pub(crate) fn failure(&self, failure: &dyn std::error::Error) {
        if self.json {
            self.line(
                &json!({"event": "failed", "reason": failure.to_string()}),
                "",
            );
        }
        let _ = writeln!(std::io::stderr().lock(), "wiko-station: {failure}");
    }

    /// One input was refused; the command goes on with the others.
    pub(crate) fn refused(&self, input: &str, reason: &str) {
        if self.json {
            self.line(
                &json!({"event": "refused", "image": input, "reason": reason}),
                "",
            );
        }
        let _ = writeln!(std::io::stderr().lock(), "{input}: {reason}");
    }

    /// A part is safe.
    pub(crate) fn captured(&self, inspection: &Inspection, source: &str) {
        let id = inspection.capture.id;
        let value = json!({
            "event": "captured",
            "id": id,
            "sha256": inspection.image.sha256,
            "sequence": inspection.sequence,
            "image": source,
        });
        self.line(&value, format_args!("{id} captured {source}"));
    }

    /// How a part stands: decided, or still pending and why.
    pub(crate) fn verdict(&self, inspection: &Inspection) {
        let id = inspection.capture.id;
        let verdict = inspection.verdict();
        let analysis = inspection.analysis();
        let findings = analysis.map_or(&[][..], |analysis| &analysis.findings[..]);
        let decision = inspection.decision.as_ref();
        let reason = match decision {
            Some(decision) => decision.reason.map(|reason| reason.to_string()),
            None => inspection.pending.as_ref().map(|why| why.reason.clone()),
        };
        let value = json!({
            "event": if verdict == VerdictCode::Pending { "pending" } else { "decided" },
            "id": id,
            "verdict": verdict,
            "provider": decision.and(analysis).map(|analysis| analysis.appraiser.provider),
            "model": decision.and(analysis).map(|analysis| &analysis.appraiser.model),
            "reason": reason,
            "detail": decision.map(|decision| &decision.detail),
            "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        });
        self.line(
            &value,
            Verdict {
                inspection,
                findings,
                reason: reason.as_deref(),
            },
        );
    }
}

/// A finding as the command line prints it: the box as `[x, y, width, height]` in pixels of the original.
pub(crate) fn finding(finding: &Finding) -> Value {
    let box_px = finding.box_px;
    json!({
        "type": finding.defect_type,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "region": finding.region,
        "box": [box_px.x, box_px.y, box_px.width, box_px.height],
        "description": finding.description,
        "recommended_action": finding.recommended_action,
    })
}

struct Verdict<'a> {
    inspection: &'a Inspection,
    findings: &'a [Finding],
    reason: Option<&'a str>,
}

impl Display for Verdict<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = self.inspection.verdict().code().to_uppercase();
        write!(f, "{} {word}", self.inspection.capture.id)?;
        if let Some(reason) = self.reason {
            write!(f, " ({reason})")?;
        }
        for finding in self.findings {
            let at = finding.box_px;
            write!(
                f,
                "\n  {} {} {:.0} % at [{}, {}, {}, {}]: {}",
                finding.severity,
                finding.defect_type,
                finding.confidence * 100.0,
                at.x,
                at.y,
                at.width,
                at.height,
                finding.recommended_action,
            )?;
        }
        Ok(())
    }
}
