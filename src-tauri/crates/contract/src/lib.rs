//! The contract with the models: what an answer must be like, and the one way from an answer to an analysis,
//! whichever provider it comes from. Pure: no network, no clock, no pixels.
//!
//! Invariants:
//! - The schema that is sent comes from the types that read the reply ([`reply_schema`]), and their
//!   codes come from the domain; nothing is listed twice.
//! - [`read_answer`] takes an answer whole or refuses it whole. Nothing is mended, guessed or clamped:
//!   an unknown field, a code of no list, a box that leaves its picture each refuse the answer.
//! - An answer that did not end of itself is refused before it is read, even where it could be read.
//! - A reply called good stands only with a full checklist, each criterion of the stage met once.
//! - A reply speaks of the picture that was sent: it repeats the picture's token, or it is refused.
//! - A second answer ([`read_repaired`], [`merge`]) takes no doubt of the first one away: what the first
//!   held against the part and the second does not is for a person.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod checklist;
mod details;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod read;
mod repair;
mod schema;
mod unique;
mod wire;

pub use answer::{Answer, Block, End, Form, read_answer, read_cause};
pub use checklist::Criterion;
pub use details::merge;
pub use read::{ReadReply, ReplyRefused, SentFrame, image_token};
pub use repair::{may_be_repaired, read_repaired};
pub use schema::{cause_schema, reply_schema};
pub use wire::{
    CauseReply, ChecklistEntry, CriterionResult, PartSeen, Reply, ReplyFinding, ReplyIshikawa,
    ReplyQuality,
};

#[cfg(test)]
mod tests;
