//! The stream of a node: its buffers, asked for, queued and taken out, and its start and stop.

use super::{CAPTURE, Node, Zeros};
use std::io;
use v4l::{
    v4l_sys as sys,
    v4l2::vidioc::{self, _IOC_TYPE},
};

impl Node {
    /// Asks for so many buffers that can be mapped, 0 to give them back. The answer is how many there are.
    pub(in crate::v4l2) fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut request = sys::v4l2_requestbuffers::zeros();
        request.count = count;
        request.type_ = CAPTURE;
        request.memory = sys::v4l2_memory_V4L2_MEMORY_MMAP;
        // SAFETY: the request is of this struct.
        unsafe { self.ioctl(vidioc::VIDIOC_REQBUFS, &mut request) }?;
        Ok(request.count)
    }

    /// `VIDIOC_QUERYBUF`, `VIDIOC_QBUF` or `VIDIOC_DQBUF`.
    pub(in crate::v4l2) fn buffer(
        &self,
        request: _IOC_TYPE,
        index: u32,
    ) -> io::Result<sys::v4l2_buffer> {
        debug_assert!(
            [
                vidioc::VIDIOC_QUERYBUF,
                vidioc::VIDIOC_QBUF,
                vidioc::VIDIOC_DQBUF
            ]
            .contains(&request)
        );
        let mut buffer = sys::v4l2_buffer::zeros();
        buffer.index = index;
        buffer.type_ = CAPTURE;
        buffer.memory = sys::v4l2_memory_V4L2_MEMORY_MMAP;
        // SAFETY: the three requests are of this struct.
        unsafe { self.ioctl(request, &mut buffer) }?;
        Ok(buffer)
    }

    pub(in crate::v4l2) fn stream(&self, on: bool) -> io::Result<()> {
        let request = if on {
            vidioc::VIDIOC_STREAMON
        } else {
            vidioc::VIDIOC_STREAMOFF
        };
        let mut kind = CAPTURE;
        // SAFETY: both requests read a number.
        unsafe { self.ioctl(request, &mut kind) }
    }
}
