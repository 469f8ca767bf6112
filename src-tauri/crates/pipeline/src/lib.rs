//! The path of one part: frame → safe on disk → screened → analysed → decided → in the cloud.
//!
//! Invariants:
//! - A part is acknowledged only after [`wiko_core::ports::Records::capture`] has returned; every later
//!   step starts from the records, never from memory, so a crash between any two steps loses nothing.
//! - A verdict comes from [`wiko_core::chain::Chain`] alone. A failure on the way leaves the part
//!   pending, with its reason, and in its queue.
//! - Events tell of what is durable already. Who misses one reads the records.
//! - A service that is known not to do what it is asked is not asked for every part: its
//!   [`wiko_core::circuit::Circuit`] lets one part find out now and then.
//! - What models cost is noted for each part. Once the month's budget is spent they are asked for a sample alone.
//! - Everything the pipeline does is bounded: work in flight, channels, waiting times.

mod analysis;
mod circuits;
pub mod clock_watch;
mod drain;
mod inner;
mod ledger;
mod link;
mod parts;
mod station;
mod upload;
mod worker;

pub use drain::DrainReport;
pub use ledger::BudgetReport;
pub use link::CloudLink;
pub use parts::{Calibration, CallRefused, Order, Parts, StationSettings};
pub use station::Station;
