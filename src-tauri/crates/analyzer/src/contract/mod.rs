//! The contract with the models: what a reply must look like, and the one way from a reply to an
//! analysis.
//!
//! Invariants:
//! - The schema that is sent comes from the types that read the reply ([`reply_schema`]), and their
//!   codes come from the domain; nothing is listed twice.
//! - [`read_reply`] takes a reply whole or refuses it whole. Nothing is repaired, guessed or clamped:
//!   an unknown field, a code of no list, a box that leaves the picture each refuse the reply.
//! - A reply called good stands only with a full checklist, each criterion of the stage met once.
//! - A reply speaks of the picture that was sent: it repeats the picture's token, or it is refused.

mod checklist;
mod read;
mod schema;
mod wire;

pub use checklist::Criterion;
pub(crate) use read::read_reply_text;
pub use read::{ReadReply, ReplyRefused, SentFrame, read_reply};
pub use schema::reply_schema;
pub use wire::{ChecklistEntry, CriterionResult, Reply, ReplyFinding, ReplyIshikawa, ReplyQuality};

#[cfg(test)]
mod tests;
