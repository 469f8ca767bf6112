//! The path of one part: frame → safe on disk → screened → analysed → decided → in the cloud.
//!
//! Invariants:
//! - A part is acknowledged only after [`wiko_core::ports::Records::capture`] has returned; every later
//!   step starts from the records, never from memory, so a crash between any two steps loses nothing.
//! - A verdict comes from [`wiko_core::chain::Chain`] alone. A failure on the way leaves the part
//!   pending, with its reason, and in its queue.
//! - Events tell of what is durable already. Who misses one reads the records.
//! - While credentials are refused a queue pauses: one part finds out now and then whether they are still.
//! - Everything the pipeline does is bounded: work in flight, channels, waiting times.

mod analysis;
mod link;
mod pause;
mod station;
mod upload;
mod worker;

pub use link::CloudLink;
pub use station::{CallRefused, DrainReport, Order, Parts, Station, StationSettings};
