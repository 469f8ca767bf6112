//! An attribute agreement study: labelled parts are shown to analyzers several times over, and what they say is
//! compared with the labels, among their own trials, and with each other and people.
//!
//! Invariants:
//! - An analyzer is asked as the station asks it: through its port, and [`wiko_core::verdict::judge`] makes the
//!   verdict. It is not told what another one said, the label, or the file's name.
//! - Who did not answer has not judged: that is counted by itself and never as a verdict.
//! - Every share stands with its numerator and denominator. Shares are of parts: a part that is judged three times
//!   is one part, so that trials do not make an interval look surer than it is.
//! - All figures are computed from what `study.json` holds, and can be computed from it again.

mod figures;
mod page;
mod plots;
mod ratings;
mod report;
mod run;

pub use figures::{AppraiserFigures, BoxFigures, Latency, OutcomeCounts, PairFigures};
pub use page::{PageError, page};
pub use ratings::{Rating, Ratings, RefusedRating};
pub use report::{
    Appraiser, JudgedFinding, Judgement, Kind, PartReport, REPORT_FORMAT, REPORT_VERSION, Setting,
    StudyReport,
};
pub use run::{Appraised, Candidate, FIRST_UNANSWERED, Plan, Source, ask};
