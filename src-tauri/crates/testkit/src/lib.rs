//! For tests only: builders of domain values, a fake behind each port, and one contract suite per port.
//!
//! Invariants:
//! - A contract suite is run against the fake and against every real adapter, so that a test with a
//!   fake says something of the real thing.
//! - Nothing here is linked into the station.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod builders;
pub mod contracts;
pub mod fakes;
pub mod gige_camera;
pub mod skip;
