//! One binary for all tests of the crate: each would link the JPEG library again.

#![allow(clippy::unwrap_used)]

mod annotations;
mod bad_pictures;
mod crop;
mod flat_field;
mod frame_quality;
mod pixels;
mod quality;
mod raw;
mod region;
mod scale;
mod sensor;
