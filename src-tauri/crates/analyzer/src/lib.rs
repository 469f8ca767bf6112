//! Analyzers behind the port: the local screen, Claude on Bedrock, and their chain.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod azure;
pub mod claude;
pub mod labelled;
mod quality;
pub mod screen;
pub mod study;
pub mod vision;
