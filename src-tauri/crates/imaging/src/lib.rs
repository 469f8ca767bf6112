//! Pictures as bytes and pixels: inspect, decode, judge their quality, find the part, encode, resize, annotate; what a
//! camera's raw pixels become, flat field, pixels in millimetres. A library of the adapters.
//!
//! Invariants:
//! - Every pixel that leaves here is upright: the EXIF orientation is applied once, in this crate, and
//!   nowhere else. Boxes are boxes on upright pictures.
//! - Size is judged by the header, before any pixel is decoded: a picture that would fill the memory is
//!   refused in microseconds.
//! - A damaged picture is refused. Grey rows where the file was cut off could be taken for clean steel.

mod annotate;
mod canvas;
mod crop;
mod decode;
mod edges;
mod encode;
mod flat_field;
mod frame_quality;
mod header;
mod inspect;
mod levels;
mod phase;
mod quality;
mod raw;
mod reference;
mod refusal;
mod region;
mod resize;
mod scale;
mod shot;
mod white;

pub use annotate::{annotate, annotate_verdict};
pub use crop::{CropRefused, Cropped, Recoded, crop_file, crop_frame, crop_raw};
pub use decode::{JpegDecoder, decode_luma, decode_rgb, decode_rgb_scaled, luma_of};
pub use encode::{JpegEncoder, encode_jpeg};
pub use flat_field::{
    Average, FlatField, FlatFieldKind, FlatFieldRefused, FlatFieldTaken, LEAST_AVERAGED,
};
pub use frame_quality::{measure, suggest_limits};
pub use inspect::{inspect, inspect_trusted};
pub use levels::Levels;
pub use phase::PhaseCorrelator;
pub use quality::{QualityFault, quality_fault};
pub use raw::{luma_of_raw, rgb_of_raw};
pub use reference::QualityReference;
pub use refusal::{ImageRefused, MAX_BYTES, MAX_PIXELS, MAX_SIDE_PX};
pub use region::{part_region, part_region_of};
pub use resize::{resize_luma, resize_rgb, thumbnail};
pub use scale::{
    Calibration, Distortion, LEAST_CORNERS, LEAST_LINES, NotCalibrated, calibrate_by_board,
};
pub use shot::{live_jpeg, shot_of, small_luma};
pub use white::{NotWhite, WhiteBalance, white_balance_of};
