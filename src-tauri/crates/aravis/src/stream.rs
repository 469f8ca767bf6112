use crate::{
    object::{Owned, c_text},
    sys,
};
use std::{ffi::c_uint, time::Duration};

/// Bytes of the socket's buffer, as far as the system lets it be: at the default, blocks of a line-scan camera are lost.
const SOCKET_BUFFER_BYTES: c_uint = 16 << 20;
/// ARV_GV_STREAM_SOCKET_BUFFER_FIXED.
const FIXED: i32 = 0;
/// ARV_GV_STREAM_PACKET_RESEND_ALWAYS.
const ALWAYS: i32 = 1;
/// ARV_BUFFER_PAYLOAD_TYPE_IMAGE and …_EXTENDED_CHUNK_DATA: those that hold one picture.
const IMAGES: [i32; 2] = [1, 5];

/// What came of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferStatus {
    /// All of it came.
    Success,
    /// It was taken back before anything came.
    Cleared,
    /// Packets did not come in time.
    Timeout,
    /// Packets are missing.
    MissingPackets,
    /// Packets came in no order.
    WrongPacketId,
    /// More came than it holds.
    SizeMismatch,
    /// The stream was stopped while it was filled.
    Aborted,
    /// Anything else.
    Unknown,
}

impl std::fmt::Display for BufferStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Success => "whole",
            Self::Cleared => "cleared",
            Self::Timeout => "packets did not come in time",
            Self::MissingPackets => "packets are missing",
            Self::WrongPacketId => "packets came out of order",
            Self::SizeMismatch => "it is not of the size that the camera said",
            Self::Aborted => "the stream was stopped",
            Self::Unknown => "unknown",
        })
    }
}

/// What a stream has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Buffers that were filled.
    pub completed: u64,
    /// Buffers that were not.
    pub failures: u64,
    /// Frames that came while no buffer was free.
    pub underruns: u64,
    /// Packets that came when they were asked for again (GigE Vision).
    pub resent_packets: u64,
    /// Packets that never came (GigE Vision).
    pub missing_packets: u64,
}

/// Receives frames on a thread of the library until it is dropped.
pub struct Stream {
    stream: Owned,
    is_gige: bool,
}

impl Stream {
    pub(crate) fn new(stream: Owned) -> Self {
        let is_gige = stream.is_a(stream.f.arv_gv_stream_get_type);
        if is_gige {
            let names = ["packet-resend", "socket-buffer", "socket-buffer-size"].map(c_text);
            // SAFETY: names of properties with values of their types (two enumerations, an unsigned number), ended by null.
            unsafe {
                (stream.f.g_object_set)(
                    stream.raw(),
                    names[0].as_ptr(),
                    ALWAYS,
                    names[1].as_ptr(),
                    FIXED,
                    names[2].as_ptr(),
                    SOCKET_BUFFER_BYTES,
                    std::ptr::null::<std::ffi::c_char>(),
                );
            }
            #[cfg(target_os = "linux")]
            crate::socket::enlarge(
                // SAFETY: the stream is of GigE Vision and open.
                unsafe { (stream.f.arv_gv_stream_get_port)(stream.raw()) },
                SOCKET_BUFFER_BYTES as usize,
            );
        }
        Self { stream, is_gige }
    }

    /// Gives it one more buffer to fill.
    pub fn add_buffer(&self, size_bytes: usize) {
        let f = self.stream.f;
        // SAFETY: a new buffer, which the stream takes over.
        unsafe {
            let buffer = (f.arv_buffer_new_allocate)(size_bytes);
            (f.arv_stream_push_buffer)(self.stream.raw(), buffer);
        }
    }

    /// The next buffer, filled or failed; waits for it no longer than `timeout`.
    pub fn next(&self, timeout: Duration) -> Option<Buffer<'_>> {
        let f = self.stream.f;
        let timeout_us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        // SAFETY: the stream lives; what it gives is ours until it is pushed back.
        let buffer = unsafe {
            if timeout_us == 0 {
                (f.arv_stream_try_pop_buffer)(self.stream.raw())
            } else {
                (f.arv_stream_timeout_pop_buffer)(self.stream.raw(), timeout_us)
            }
        };
        // Made only where there is one: a `Buffer` is pushed back whatever it holds.
        (!buffer.is_null()).then(|| Buffer {
            stream: self,
            buffer,
        })
    }

    /// What it has counted so far.
    pub fn counts(&self) -> Counts {
        let (f, stream) = (self.stream.f, self.stream.raw());
        let mut counts = Counts::default();
        // SAFETY: the places live during the calls; the second is for streams of GigE Vision only.
        unsafe {
            (f.arv_stream_get_statistics)(
                stream,
                &raw mut counts.completed,
                &raw mut counts.failures,
                &raw mut counts.underruns,
            );
            if self.is_gige {
                (f.arv_gv_stream_get_statistics)(
                    stream,
                    &raw mut counts.resent_packets,
                    &raw mut counts.missing_packets,
                );
            }
        }
        counts
    }
}

/// A buffer, which goes back to its stream when it is dropped.
pub struct Buffer<'a> {
    stream: &'a Stream,
    buffer: sys::Object,
}

impl Buffer<'_> {
    /// What came of it.
    pub fn status(&self) -> BufferStatus {
        // SAFETY: the buffer is ours while `self` lives; so in all functions below.
        match unsafe { (self.stream.stream.f.arv_buffer_get_status)(self.buffer) } {
            0 => BufferStatus::Success,
            1 => BufferStatus::Cleared,
            2 => BufferStatus::Timeout,
            3 => BufferStatus::MissingPackets,
            4 => BufferStatus::WrongPacketId,
            5 => BufferStatus::SizeMismatch,
            7 => BufferStatus::Aborted,
            _ => BufferStatus::Unknown,
        }
    }

    /// The number that the camera gave the frame.
    pub fn frame_id(&self) -> u64 {
        // SAFETY: see `status`.
        unsafe { (self.stream.stream.f.arv_buffer_get_frame_id)(self.buffer) }
    }

    /// When its first packet came, by this machine's clock: nanoseconds since 1970.
    pub fn arrived_ns(&self) -> u64 {
        // SAFETY: see `status`.
        unsafe { (self.stream.stream.f.arv_buffer_get_system_timestamp)(self.buffer) }
    }

    /// The picture in it; none where it is not whole or holds something else.
    pub fn image(&self) -> Option<Image<'_>> {
        let f = self.stream.stream.f;
        // SAFETY: see `status`. The functions of pictures are called only of a whole buffer that holds one; its bytes stay
        // where they are until the buffer goes back to its stream, which the borrow of `self` forbids.
        unsafe {
            if self.status() != BufferStatus::Success
                || !IMAGES.contains(&(f.arv_buffer_get_payload_type)(self.buffer))
            {
                return None;
            }
            let mut size = 0usize;
            let data = (f.arv_buffer_get_image_data)(self.buffer, &raw mut size);
            if data.is_null() {
                return None;
            }
            let (mut x_padding, mut y_padding) = (0, 0);
            (f.arv_buffer_get_image_padding)(self.buffer, &raw mut x_padding, &raw mut y_padding);
            Some(Image {
                code: (f.arv_buffer_get_image_pixel_format)(self.buffer),
                width_px: u32::try_from((f.arv_buffer_get_image_width)(self.buffer)).unwrap_or(0),
                height_px: u32::try_from((f.arv_buffer_get_image_height)(self.buffer)).unwrap_or(0),
                row_padding_bytes: usize::try_from(x_padding).unwrap_or(0),
                bytes: std::slice::from_raw_parts(data.cast(), size),
            })
        }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let stream = &self.stream.stream;
        // SAFETY: the buffer is ours and goes back to the stream that gave it.
        unsafe { (stream.f.arv_stream_push_buffer)(stream.raw(), self.buffer) };
    }
}

/// A picture in a buffer.
pub struct Image<'a> {
    /// Its pixel format by PFNC.
    pub code: u32,
    /// Pixels across.
    pub width_px: u32,
    /// Rows that the camera announced.
    pub height_px: u32,
    /// Bytes between the end of a row and the next.
    pub row_padding_bytes: usize,
    /// What came.
    pub bytes: &'a [u8],
}
