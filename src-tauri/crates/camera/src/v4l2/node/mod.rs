//! A video node of the kernel: its ioctls as functions.
//!
//! Invariants:
//! - All `unsafe` of the adapter is in this folder and in `buffers`: the structs that the kernel fills, and their unions.
//! - Nothing that a driver says can panic. The safe half of crate `v4l` unwraps what drivers say (names in UTF-8, known
//!   types of control, steps above zero) and panics where a stream cannot be stopped, so of that crate only the bindings
//!   are used.
//! - A list that a driver never ends is cut.

#![allow(
    unsafe_code,
    reason = "V4L2 is a kernel interface of ioctls on C structs with unions"
)]

mod controls;
mod modes;
mod streaming;

pub(super) use controls::Control;
pub(super) use modes::{Format, Size};

use rustix::fs::{Mode as Permissions, OFlags};
use std::{
    ffi::c_void,
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};
use v4l::{
    v4l_sys as sys,
    v4l2::vidioc::{self, _IOC_TYPE},
};

/// Longer lists are of a driver gone wrong.
const LONGEST_LIST: u32 = 512;
const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;

/// An open node.
#[derive(Debug)]
pub(super) struct Node {
    fd: OwnedFd,
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Capability {
    pub(super) driver: String,
    pub(super) card: String,
    /// Where the device sits, such as `usb-0000:00:14.0-2.4` or `platform:vivid-000`.
    pub(super) bus_info: String,
    /// True where it gives frames through buffers that can be mapped; false for metadata and the like.
    pub(super) captures: bool,
}

/// Structs of the kernel for which all zeros is a value.
///
/// # Safety
/// Only for C structs of numbers, arrays, unions and pointers.
unsafe trait Zeros: Sized {
    fn zeros() -> Self {
        // SAFETY: what implements this is valid with all bits zero.
        unsafe { mem::zeroed() }
    }
}

macro_rules! zeros {
    ($($name:ident),+) => {
        // SAFETY: plain C structs from the kernel's headers.
        $(unsafe impl Zeros for sys::$name {})+
    };
}
zeros!(
    v4l2_capability,
    v4l2_fmtdesc,
    v4l2_frmsizeenum,
    v4l2_frmivalenum,
    v4l2_format,
    v4l2_streamparm,
    v4l2_query_ext_ctrl,
    v4l2_querymenu,
    v4l2_ext_control,
    v4l2_requestbuffers,
    v4l2_buffer
);

impl Node {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Permissions::empty())?;
        Ok(Self { fd })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// # Safety
    /// `request` must be one that reads and writes a `T`, whose pointers are valid for it.
    unsafe fn ioctl<T>(&self, request: _IOC_TYPE, argument: &mut T) -> io::Result<()> {
        loop {
            let pointer = std::ptr::from_mut(argument).cast::<c_void>();
            // SAFETY: as promised by the caller; the descriptor is open as long as `self`.
            match unsafe { v4l::v4l2::ioctl(self.fd.as_raw_fd(), request, pointer) } {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => return answer,
            }
        }
    }

    pub(super) fn capability(&self) -> io::Result<Capability> {
        let mut answer = sys::v4l2_capability::zeros();
        // SAFETY: the request is of this struct.
        unsafe { self.ioctl(vidioc::VIDIOC_QUERYCAP, &mut answer) }?;
        let needed = sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_STREAMING;
        Ok(Capability {
            driver: text(&answer.driver),
            card: text(&answer.card),
            bus_info: text(&answer.bus_info),
            captures: answer.device_caps & needed == needed,
        })
    }
}

/// Asks for one entry after the other until there are no more. `get` also says whether to go on. That the first is not
/// to be had means that there are none.
fn list<T>(mut get: impl FnMut(u32) -> io::Result<(T, bool)>) -> io::Result<Vec<T>> {
    let mut all = Vec::new();
    for index in 0..LONGEST_LIST {
        match get(index) {
            Ok((entry, more)) => {
                all.push(entry);
                if !more {
                    break;
                }
            }
            Err(error) if is_unsupported(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The driver has no such entry or no such ioctl.
fn is_unsupported(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::INVAL, rustix::io::Errno::NOTTY]
        .iter()
        .any(|unsupported| code == Some(unsupported.raw_os_error()))
}

/// A C string without the spaces around it; what is no UTF-8 is shown as such.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(until_zero(bytes)).trim().to_owned()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    end.map_or(bytes, |end| &bytes[..end])
}
