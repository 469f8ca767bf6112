//! GenICam cameras (GigE Vision, USB3 Vision) through Aravis 0.8, which is opened at run time.
//!
//! Invariants:
//! - Nothing links against Aravis, and no `-sys` crate is used: the station starts where the library is not installed, and
//!   says then how to install it ([`LoadError`]).
//! - All `unsafe` of GenICam cameras is in this crate, each block with its reason. What is public is safe: objects are
//!   released once, in the right order; strings and pixels are copied or borrowed no longer than their owner lives.
//! - Once loaded the library stays: GLib's types cannot be taken back.
//! - Only what the station needs is bound; a library that lacks one of these functions is refused as a whole.

#![allow(
    unsafe_code,
    reason = "a C library is called; this crate is the only place that does so"
)]

mod device;
mod error;
mod fake;
mod library;
mod node;
mod object;
#[cfg(target_os = "linux")]
mod socket;
mod stream;
mod sys;

pub use device::{Device, PacketSize};
pub use error::{Error, ErrorKind};
pub use fake::FakeGigeCamera;
pub use library::{Aravis, DeviceEntry, LIBRARY, LoadError, Protocol};
pub use node::{AccessMode, Node, NodeKind, Visibility};
pub use stream::{Buffer, BufferStatus, Counts, Image, Stream};
