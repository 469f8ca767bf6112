//! One binary for all tests of the crate: each would link the JPEG library again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod simulated;
