//! What becomes of a part: the machine's verdict and what a person said of it, taken together.
//!
//! Invariants:
//! - [`Disposition::of`] is the one rule; screen, command line, tally and cloud follow it. The window
//!   has the same table in `ui/src/model/disposition.ts`, the database in its view `part_disposition`; a
//!   test holds each against this one.
//! - The verdict itself is never changed: the record keeps it beside what people said.
//! - Nobody can make a part good that no machine has judged: it stays pending until one has.

use crate::{coded, inspection::OperatorCall, verdict::VerdictCode};

/// What becomes of a part.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Disposition {
    /// Found good, and nobody says otherwise.
    Pass,
    /// Found defective, and nobody says otherwise.
    Fail,
    /// A person has to look, and none has decided.
    Undetermined,
    /// Nobody has answered yet.
    Pending,
    /// Released by a person, though no machine found it good.
    Accepted,
    /// Rejected by a person, whatever the machine found.
    Rejected,
}
coded!(Disposition, "disposition");

impl Disposition {
    /// Of the verdict and the last call, where there is one.
    pub fn of(verdict: VerdictCode, last_call: Option<OperatorCall>) -> Self {
        match (verdict, last_call) {
            (_, Some(OperatorCall::Reject)) => Self::Rejected,
            (VerdictCode::Fail | VerdictCode::Undetermined, Some(OperatorCall::Accept)) => {
                Self::Accepted
            }
            (VerdictCode::Pass, _) => Self::Pass,
            (VerdictCode::Fail, _) => Self::Fail,
            (VerdictCode::Undetermined, _) => Self::Undetermined,
            (VerdictCode::Pending, _) => Self::Pending,
        }
    }

    /// True where a person decided otherwise than the machine, or instead of it.
    pub fn is_by_a_person(self) -> bool {
        matches!(self, Self::Accepted | Self::Rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_part_is_rejected_whatever_the_machine_found() {
        for verdict in VerdictCode::ALL {
            assert_eq!(
                Disposition::of(*verdict, Some(OperatorCall::Reject)),
                Disposition::Rejected
            );
        }
    }

    #[test]
    fn a_person_can_release_what_a_machine_has_judged_and_nothing_else() {
        let accepted = |verdict| Disposition::of(verdict, Some(OperatorCall::Accept));
        assert_eq!(accepted(VerdictCode::Fail), Disposition::Accepted);
        assert_eq!(accepted(VerdictCode::Undetermined), Disposition::Accepted);
        assert_eq!(accepted(VerdictCode::Pass), Disposition::Pass);
        assert_eq!(accepted(VerdictCode::Pending), Disposition::Pending);
    }

    #[test]
    fn a_confirmed_part_stays_as_the_machine_said() {
        for verdict in VerdictCode::ALL {
            for call in [None, Some(OperatorCall::Confirm)] {
                assert_eq!(Disposition::of(*verdict, call).code(), verdict.code());
            }
        }
    }
}
