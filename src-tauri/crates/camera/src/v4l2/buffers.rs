//! The buffers that a driver fills, mapped, and their way around: queued, filled, copied, queued again.
//!
//! Invariants:
//! - Nobody keeps a view of a mapped buffer beyond one call: the driver writes into it again.
//! - Waiting that ends without a frame changes nothing; the next call waits on.
//! - Dropping never fails and never panics: what cannot be stopped is closed with the node.

#![allow(unsafe_code, reason = "mapped memory is a pointer and a length")]

use super::{
    node::Node,
    timing::{Times, monotonic},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};
use std::{
    ffi::c_void,
    io, ptr, slice,
    sync::Arc,
    time::{Duration, Instant},
};
use v4l::{v4l_sys as sys, v4l2::vidioc};

/// What is known of a filled buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// Counts the frames that the driver took, also those that it had no buffer for.
    pub(super) sequence: u32,
    pub(super) times: Times,
    /// The driver knows that data is missing.
    pub(super) damaged: bool,
    /// This was the driver's last empty buffer: what it leaves out next is lost because nobody took the others out.
    pub(super) ran_out: bool,
}

/// A running stream.
#[derive(Debug)]
pub(super) struct Buffers {
    node: Arc<Node>,
    mapped: Vec<Mapping>,
    /// When each buffer was given to the driver.
    queued_at: Vec<Duration>,
    /// When no buffer was filled.
    none_filled_at: Duration,
    /// Why a buffer could not be queued again, for the next call: the frame that was in it is whole.
    failed: Option<io::Error>,
}

impl Buffers {
    /// Maps up to `count` buffers, queues all and starts the stream.
    pub(super) fn start(node: Arc<Node>, count: u32) -> io::Result<Self> {
        let granted = node.request_buffers(count)?;
        // From here on dropping gives the buffers back.
        let mut buffers = Self {
            node,
            mapped: Vec::new(),
            queued_at: Vec::new(),
            none_filled_at: monotonic(),
            failed: None,
        };
        if granted == 0 {
            return Err(io::Error::other("the driver gives no buffers"));
        }
        for index in 0..granted {
            let described = buffers.node.buffer(vidioc::VIDIOC_QUERYBUF, index)?;
            // SAFETY: for mapped buffers the driver answers in this member.
            let offset = unsafe { described.m.offset };
            let mapping = Mapping::new(&buffers.node, described.length, offset)?;
            buffers.mapped.push(mapping);
            buffers.queued_at.push(monotonic());
            buffers.node.buffer(vidioc::VIDIOC_QBUF, index)?;
        }
        buffers.node.stream(true)?;
        Ok(buffers)
    }

    /// Waits up to `timeout` for a filled buffer, shows its bytes to `take`, and queues it again. None where none came.
    pub(super) fn next<T>(
        &mut self,
        timeout: Duration,
        take: impl FnOnce(&[u8], Filled) -> T,
    ) -> io::Result<Option<T>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let deadline = Instant::now() + timeout;
        let mut waited = false;
        let buffer = loop {
            let asked_at = monotonic();
            match self.node.buffer(vidioc::VIDIOC_DQBUF, 0) {
                Ok(buffer) => break buffer,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.none_filled_at = asked_at;
                }
                Err(error) => return Err(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if (waited && left.is_zero()) || !self.wait(left)? {
                return Ok(None);
            }
            waited = true;
        };
        let Some(mapping) = self.mapped.get(buffer.index as usize) else {
            return Err(io::Error::other(
                "the driver gave a buffer that was never mapped",
            ));
        };
        let taken = take(mapping.filled(buffer.bytesused), self.filled(&buffer));
        if let Some(queued_at) = self.queued_at.get_mut(buffer.index as usize) {
            *queued_at = monotonic();
        }
        self.failed = self.node.buffer(vidioc::VIDIOC_QBUF, buffer.index).err();
        Ok(Some(taken))
    }

    fn filled(&self, buffer: &sys::v4l2_buffer) -> Filled {
        let index = buffer.index as usize;
        let queued_at = self.queued_at.get(index).copied().unwrap_or_default();
        let monotonic_stamp = sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let is_stamped = buffer.flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK == monotonic_stamp;
        let seconds = u64::try_from(buffer.timestamp.tv_sec).unwrap_or(0);
        let micros = u64::try_from(buffer.timestamp.tv_usec).unwrap_or(0);
        let stamp = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
        let times = Times {
            stamp: is_stamped.then_some(stamp),
            stamped_at_start: buffer.flags & sys::V4L2_BUF_FLAG_TSTAMP_SRC_MASK
                == sys::V4L2_BUF_FLAG_TSTAMP_SRC_SOE,
            empty_at: self.none_filled_at.max(queued_at),
            taken_at: monotonic(),
        };
        let others = (0..)
            .zip(&self.queued_at)
            .filter(|(other, _)| *other != index);
        Filled {
            sequence: buffer.sequence,
            times,
            damaged: buffer.flags & sys::V4L2_BUF_FLAG_ERROR != 0,
            ran_out: is_stamped
                && others.clone().count() > 0
                && others.clone().all(|(_, at)| *at > stamp),
        }
    }

    /// False where time ran out.
    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let fd = self.node.fd();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        let time = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&time)) {
            Ok(0) => return Ok(false),
            // A signal; how long is left is counted by the caller.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = fds[0].revents();
        if ready.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // What is wrong is said where a buffer is asked for; where that would go on waiting, so would we for ever.
            return match self.node.capability() {
                Ok(_) => match self.node.buffer(vidioc::VIDIOC_DQBUF, 0) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    _ => Err(io::Error::other("the driver reports a fault of its stream")),
                },
                Err(error) => Err(error),
            };
        }
        Ok(true)
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // A device that is gone refuses all of it; closing the node frees what is left.
        if let Err(error) = self.node.stream(false) {
            tracing::debug!(%error, "the stream could not be stopped");
        }
        self.mapped.clear();
        if let Err(error) = self.node.request_buffers(0) {
            tracing::debug!(%error, "the buffers could not be given back");
        }
    }
}

/// A buffer of the driver in our memory.
#[derive(Debug)]
struct Mapping {
    start: *mut c_void,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone and is of the process, not of a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(node: &Node, length: u32, offset: u32) -> io::Result<Self> {
        let length = length as usize;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::SHARED,
                node.fd(),
                u64::from(offset),
            )
        }?;
        Ok(Self { start, length })
    }

    /// The bytes that the driver says it wrote, never more than there are. Valid until the buffer is queued again, which
    /// the borrow of the stream prevents.
    fn filled(&self, bytes_used: u32) -> &[u8] {
        let length = self.length.min(bytes_used as usize);
        // SAFETY: so many bytes are mapped and readable as long as `self`; the driver wrote them before it gave the
        // buffer back, and does not touch them until it is queued again.
        unsafe { slice::from_raw_parts(self.start.cast::<u8>(), length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and nobody holds a view beyond `Buffers::next`.
        let unmapped = unsafe { munmap(self.start, self.length) };
        if let Err(error) = unmapped {
            tracing::debug!(%error, "a buffer could not be unmapped");
        }
    }
}
