//! What the command line prints: lines of JSON for scripts, lines of text for people.

use serde::Serialize;
use serde_json::{Value, json};
use std::{fmt::Display, io::Write};
use wiko_core::{
    analysis::{Finding, ImageQuality},
    inspection::{Decision, Inspection},
    verdict::VerdictCode,
};

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

    /// Prints what a person should know though the command did its work: as JSON where that is asked for, and
    /// always on standard error.
    pub(crate) fn warning(&self, value: &impl Serialize, text: impl Display) {
        if self.json {
            self.line(value, "");
        }
        let _ = writeln!(std::io::stderr().lock(), "wiko-station: warning: {text}");
    }

    /// Prints on standard error why not all of it was done; the command says the same in what it prints.
    pub(crate) fn warn(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "wiko-station: {text}");
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
        "size_mm": finding.size_mm,
        "provenance": finding.provenance,
        "recommended_action": finding.recommended_action,
    })
}

/// Why it was decided so, in words: what was noted with the verdict, or else what the analyzer said.
pub(crate) fn detail(decision: &Decision) -> &str {
    let said = decision.analysis.as_ref();
    let unusable = said.and_then(|said| match &said.image_quality {
        ImageQuality::Unusable { reason, .. } => Some(&**reason),
        _ => None,
    });
    let summary = said.map(|said| &*said.summary);
    let words = [Some(&*decision.detail), unusable, summary];
    let mut words = words.into_iter().flatten();
    words.find(|words| !words.is_empty()).unwrap_or_default()
}

/// A finding for people.
pub(crate) fn finding_line(finding: &Finding) -> String {
    let at = finding.box_px;
    let size = finding
        .size_mm
        .map_or(String::new(), |mm| format!(", up to {mm} mm"));
    format!(
        "{} {} {:.0} % at [{}, {}, {}, {}]{size}: {}",
        finding.severity,
        finding.defect_type,
        finding.confidence * 100.0,
        at.x,
        at.y,
        at.width,
        at.height,
        finding.recommended_action,
    )
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
        if let Some(decision) = &self.inspection.decision {
            if let Some(said) = &decision.analysis {
                write!(
                    f,
                    ", by {} ({})",
                    said.appraiser.provider, said.appraiser.model
                )?;
            }
            if !detail(decision).is_empty() {
                write!(f, ": {}", detail(decision))?;
            }
        }
        for finding in self.findings {
            write!(f, "\n  {}", finding_line(finding))?;
        }
        Ok(())
    }
}
