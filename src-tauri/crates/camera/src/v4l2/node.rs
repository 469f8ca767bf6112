//! A video node of the kernel: its ioctls as functions.
//!
//! Invariants:
//! - All `unsafe` of the adapter is here and in `buffers`: the structs that the kernel fills, and their unions.
//! - Nothing that a driver says can panic. The safe half of crate `v4l` unwraps what drivers say (names in UTF-8, known
//!   types of control, steps above zero) and panics where a stream cannot be stopped, so of that crate only the bindings
//!   are used.
//! - A list that a driver never ends is cut.

#![allow(
    unsafe_code,
    reason = "V4L2 is a kernel interface of ioctls on C structs with unions"
)]

use crate::mode::{Interval, Rates};
use rustix::fs::{Mode as Permissions, OFlags};
use std::{
    ffi::{c_char, c_void},
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

/// Sizes of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Discrete {
        width: u32,
        height: u32,
    },
    /// Each as least, most and step.
    Stepwise {
        width: [u32; 3],
        height: [u32; 3],
    },
}

/// The format as it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) fourcc: [u8; 4],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) stride_bytes: u32,
    pub(super) size_bytes: u32,
    /// True where a frame is a picture at one moment, not two halves.
    pub(super) progressive: bool,
}

/// A control as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) id: u32,
    /// One of `V4L2_CTRL_TYPE_…`.
    pub(super) kind: u32,
    pub(super) name: String,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) step: u64,
    pub(super) default: i64,
    pub(super) flags: u32,
    /// How many values it has, and how long one is.
    pub(super) elements: u32,
    pub(super) element_bytes: u32,
}

/// `struct v4l2_ext_controls`; its first field has had two names in the kernel's headers, so that the generated one does
/// not compile everywhere.
#[repr(C)]
struct ExtControls {
    which: u32,
    count: u32,
    error_index: u32,
    request_fd: i32,
    reserved: u32,
    controls: *mut sys::v4l2_ext_control,
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

    pub(super) fn formats(&self) -> io::Result<Vec<[u8; 4]>> {
        list(|index| {
            let mut answer = sys::v4l2_fmtdesc::zeros();
            answer.index = index;
            answer.type_ = CAPTURE;
            // SAFETY: the request is of this struct.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FMT, &mut answer) }?;
            Ok((answer.pixelformat.to_le_bytes(), true))
        })
    }

    pub(super) fn sizes(&self, fourcc: [u8; 4]) -> io::Result<Vec<Size>> {
        list(|index| {
            let mut answer = sys::v4l2_frmsizeenum::zeros();
            answer.index = index;
            answer.pixel_format = u32::from_le_bytes(fourcc);
            // SAFETY: the request is of this struct.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FRAMESIZES, &mut answer) }?;
            if answer.type_ == sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
                // SAFETY: the type says which member of the union it is.
                let size = unsafe { answer.__bindgen_anon_1.discrete };
                let (width, height) = (size.width, size.height);
                return Ok((Size::Discrete { width, height }, true));
            }
            // SAFETY: both other types have this member.
            let s = unsafe { answer.__bindgen_anon_1.stepwise };
            let size = Size::Stepwise {
                width: [s.min_width, s.max_width, s.step_width.max(1)],
                height: [s.min_height, s.max_height, s.step_height.max(1)],
            };
            Ok((size, false))
        })
    }

    pub(super) fn rates(&self, fourcc: [u8; 4], width: u32, height: u32) -> io::Result<Rates> {
        let mut range = None;
        let discrete = list(|index| {
            let mut answer = sys::v4l2_frmivalenum::zeros();
            answer.index = index;
            answer.pixel_format = u32::from_le_bytes(fourcc);
            (answer.width, answer.height) = (width, height);
            // SAFETY: the request is of this struct.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut answer) }?;
            if answer.type_ == sys::v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
                // SAFETY: the type says which member of the union it is.
                return Ok((interval(unsafe { answer.__bindgen_anon_1.discrete }), true));
            }
            // SAFETY: both other types have this member.
            let stepwise = unsafe { answer.__bindgen_anon_1.stepwise };
            let (shortest, longest) = (interval(stepwise.min), interval(stepwise.max));
            range = Some(Rates::Range {
                min_fps: longest.fps(),
                max_fps: shortest.fps(),
            });
            Ok((shortest, false))
        })?;
        Ok(match range {
            Some(range) => range,
            None if discrete.is_empty() => Rates::Unknown,
            None => Rates::Discrete(discrete),
        })
    }

    /// Asks for a format; the answer is what the driver made of it.
    pub(super) fn set_format(
        &self,
        fourcc: [u8; 4],
        width: u32,
        height: u32,
    ) -> io::Result<Format> {
        let mut format = sys::v4l2_format::zeros();
        format.type_ = CAPTURE;
        // SAFETY: of a zeroed union any member may be written.
        let pix = unsafe { &mut format.fmt.pix };
        (pix.width, pix.height) = (width, height);
        pix.pixelformat = u32::from_le_bytes(fourcc);
        pix.field = sys::v4l2_field_V4L2_FIELD_NONE;
        // SAFETY: the request is of this struct.
        unsafe { self.ioctl(vidioc::VIDIOC_S_FMT, &mut format) }?;
        // SAFETY: for this type the driver answers in this member.
        let pix = unsafe { format.fmt.pix };
        Ok(Format {
            fourcc: pix.pixelformat.to_le_bytes(),
            width: pix.width,
            height: pix.height,
            stride_bytes: pix.bytesperline,
            size_bytes: pix.sizeimage,
            progressive: matches!(
                pix.field,
                sys::v4l2_field_V4L2_FIELD_NONE | sys::v4l2_field_V4L2_FIELD_ANY
            ),
        })
    }

    /// Asks for an interval; the answer is what the driver made of it, none where it has no say.
    pub(super) fn set_interval(&self, wanted: Interval) -> io::Result<Option<Interval>> {
        let mut parameters = sys::v4l2_streamparm::zeros();
        parameters.type_ = CAPTURE;
        // SAFETY: of a zeroed union any member may be written.
        let capture = unsafe { &mut parameters.parm.capture };
        capture.timeperframe = sys::v4l2_fract {
            numerator: wanted.numerator,
            denominator: wanted.denominator,
        };
        // SAFETY: the request is of this struct.
        match unsafe { self.ioctl(vidioc::VIDIOC_S_PARM, &mut parameters) } {
            Ok(()) => {}
            Err(error) if is_unsupported(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        // SAFETY: for this type the driver answers in this member.
        let taken = interval(unsafe { parameters.parm.capture }.timeperframe);
        Ok((taken.fps() > 0.0).then_some(taken))
    }

    /// The first control behind `id`.
    pub(super) fn control_after(&self, id: u32) -> io::Result<Option<Control>> {
        match self.control(id | sys::V4L2_CTRL_FLAG_NEXT_CTRL) {
            Ok(control) => Ok(Some(control)),
            Err(error) if is_unsupported(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn control(&self, id: u32) -> io::Result<Control> {
        let mut answer = sys::v4l2_query_ext_ctrl::zeros();
        answer.id = id;
        // SAFETY: the request is of this struct.
        unsafe { self.ioctl(vidioc::VIDIOC_QUERY_EXT_CTRL, &mut answer) }?;
        Ok(Control {
            id: answer.id,
            kind: answer.type_,
            name: text(&answer.name.map(c_char::cast_unsigned)),
            min: answer.minimum,
            max: answer.maximum,
            step: answer.step,
            default: answer.default_value,
            flags: answer.flags,
            elements: answer.elems,
            element_bytes: answer.elem_size,
        })
    }

    /// The entries of a menu with their index; drivers leave some out.
    pub(super) fn menu(&self, control: &Control) -> Vec<(i64, String)> {
        let last = control
            .max
            .min(control.min.saturating_add(i64::from(LONGEST_LIST)));
        let mut entries = Vec::new();
        for index in control.min.max(0)..=last {
            let mut answer = sys::v4l2_querymenu::zeros();
            answer.id = control.id;
            answer.index = u32::try_from(index).unwrap_or(u32::MAX);
            // SAFETY: the request is of this struct.
            if unsafe { self.ioctl(vidioc::VIDIOC_QUERYMENU, &mut answer) }.is_err() {
                continue;
            }
            let whole = control.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU;
            // The struct is packed: its union is copied, not borrowed.
            let entry = answer.__bindgen_anon_1;
            entries.push((
                index,
                // SAFETY: the kind of the control says which member of the union it is.
                match whole {
                    true => unsafe { entry.value }.to_string(),
                    false => text(unsafe { &entry.name }),
                },
            ));
        }
        entries
    }

    /// The value of a control that is one number.
    pub(super) fn number(&self, control: &Control) -> io::Result<i64> {
        let mut value = sys::v4l2_ext_control::zeros();
        value.id = control.id;
        self.with_value(vidioc::VIDIOC_G_EXT_CTRLS, &mut value)?;
        let union = value.__bindgen_anon_1;
        Ok(if control.is_wide() {
            // SAFETY: controls of 64 bits answer in this member.
            unsafe { union.value64 }
        } else {
            // SAFETY: all others that are one number answer in this one.
            let value = unsafe { union.value };
            match control.kind {
                // A mask of 32 bits, of which the highest is no sign.
                sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK => i64::from(value.cast_unsigned()),
                _ => i64::from(value),
            }
        })
    }

    pub(super) fn set_number(&self, control: &Control, number: i64) -> io::Result<()> {
        let mut value = sys::v4l2_ext_control::zeros();
        value.id = control.id;
        let union = &raw mut value.__bindgen_anon_1;
        // SAFETY: the kind of the control says which member the driver reads; the struct is packed, so unaligned.
        unsafe {
            if control.is_wide() {
                (&raw mut (*union).value64).write_unaligned(number);
            } else {
                // The low 32 bits; wider values were refused by the control's limits.
                (&raw mut (*union).value).write_unaligned(number as i32);
            }
        }
        self.with_value(vidioc::VIDIOC_S_EXT_CTRLS, &mut value)
    }

    pub(super) fn string(&self, control: &Control) -> io::Result<String> {
        let mut bytes = vec![0u8; control.element_bytes as usize];
        self.with_bytes(vidioc::VIDIOC_G_EXT_CTRLS, control, &mut bytes)?;
        // Spaces are part of it.
        Ok(String::from_utf8_lossy(until_zero(&bytes)).into_owned())
    }

    pub(super) fn set_string(&self, control: &Control, string: &str) -> io::Result<()> {
        let mut bytes = string.as_bytes().to_vec();
        bytes.resize(bytes.len().max(control.element_bytes as usize) + 1, 0);
        self.with_bytes(vidioc::VIDIOC_S_EXT_CTRLS, control, &mut bytes)
    }

    fn with_bytes(
        &self,
        request: _IOC_TYPE,
        control: &Control,
        bytes: &mut [u8],
    ) -> io::Result<()> {
        let mut value = sys::v4l2_ext_control::zeros();
        value.id = control.id;
        value.size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        value.__bindgen_anon_1.string = bytes.as_mut_ptr().cast();
        self.with_value(request, &mut value)
    }

    fn with_value(&self, request: _IOC_TYPE, value: &mut sys::v4l2_ext_control) -> io::Result<()> {
        let mut controls = ExtControls {
            which: 0,
            count: 1,
            error_index: 0,
            request_fd: 0,
            reserved: 0,
            controls: value,
        };
        // SAFETY: the struct is laid out as the request's, and its pointer is to one control as the count says, whose own
        // pointer, where it has one, is to as many bytes as its size says.
        unsafe { self.ioctl(request, &mut controls) }
    }

    /// Asks for so many buffers that can be mapped, 0 to give them back. The answer is how many there are.
    pub(super) fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut request = sys::v4l2_requestbuffers::zeros();
        request.count = count;
        request.type_ = CAPTURE;
        request.memory = sys::v4l2_memory_V4L2_MEMORY_MMAP;
        // SAFETY: the request is of this struct.
        unsafe { self.ioctl(vidioc::VIDIOC_REQBUFS, &mut request) }?;
        Ok(request.count)
    }

    /// `VIDIOC_QUERYBUF`, `VIDIOC_QBUF` or `VIDIOC_DQBUF`.
    pub(super) fn buffer(&self, request: _IOC_TYPE, index: u32) -> io::Result<sys::v4l2_buffer> {
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

    pub(super) fn stream(&self, on: bool) -> io::Result<()> {
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

impl Control {
    fn is_wide(&self) -> bool {
        self.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64
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

fn interval(fraction: sys::v4l2_fract) -> Interval {
    Interval {
        numerator: fraction.numerator,
        denominator: fraction.denominator,
    }
}

/// A C string without the spaces around it; what is no UTF-8 is shown as such.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(until_zero(bytes)).trim().to_owned()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    end.map_or(bytes, |end| &bytes[..end])
}
