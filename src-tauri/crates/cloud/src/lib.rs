//! Images to S3, then results to DynamoDB, each verified.
//!
//! Invariants:
//! - The image goes before its row: a row never points to an image that is not there.
//! - Nothing is overwritten by what it is not: an object keeps its bytes, a row gives way only to a
//!   newer revision of the same part.
//! - A conditional write that is refused proves nothing, because the reply to an earlier try may have been
//!   lost. What lies there is compared, and only the same is a success.
//! - A part without a decision is never sent.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod image;
mod item;
mod pace;
mod record;
mod uploader;

pub use uploader::{CloudSettings, CloudUploader};
