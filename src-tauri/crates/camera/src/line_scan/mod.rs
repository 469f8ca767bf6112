//! Line-scan cameras: blocks of lines become pictures of parts.
//!
//! Invariants:
//! - No row is ever in the wrong place: lost rows stand in the picture as grey ones, named in its `invalid_rows`, and rows
//!   that did not follow each other are never in one picture. How many rows of a lost block there were is taken from the
//!   height of whole ones: that it was a short one cannot be known.
//! - A picture that is not whole carries its fault; nobody finds it good.
//! - Memory is taken once and does not grow, whatever the camera does.
//!
//! A row is copied twice: into the ring, where it is corrected and looked at while it is in the cache, and out of it with
//! its picture.

mod assembler;
mod camera;
mod config;
mod flat_field;
mod level;
mod paging;
mod presence;
mod rate;
mod ring;

pub use assembler::{
    BlockRefused, CorrectLines, LineAssembler, LinePicture, LineStatistics, SignalRefused,
};
pub use camera::{LineScanCamera, LineScanControl, LineScanStatus};
pub use config::{
    LineAspect, LineLayout, LineMode, LineScanConfig, LineScanRefused, PartLevels, PartTrigger,
};
pub use flat_field::LineFlatField;
pub use paging::PartSignal;
pub use rate::LineRate;
