//! What a node offers and is set to: formats, sizes, rates.

use super::{CAPTURE, Node, Zeros, is_unsupported, list};
use crate::mode::{Interval, Rates};
use std::io;
use v4l::{v4l_sys as sys, v4l2::vidioc};

/// Sizes of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::v4l2) enum Size {
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
pub(in crate::v4l2) struct Format {
    pub(in crate::v4l2) fourcc: [u8; 4],
    pub(in crate::v4l2) width: u32,
    pub(in crate::v4l2) height: u32,
    pub(in crate::v4l2) stride_bytes: u32,
    pub(in crate::v4l2) size_bytes: u32,
    /// True where a frame is a picture at one moment, not two halves.
    pub(in crate::v4l2) progressive: bool,
}

impl Node {
    pub(in crate::v4l2) fn formats(&self) -> io::Result<Vec<[u8; 4]>> {
        list(|index| {
            let mut answer = sys::v4l2_fmtdesc::zeros();
            answer.index = index;
            answer.type_ = CAPTURE;
            // SAFETY: the request is of this struct.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FMT, &mut answer) }?;
            Ok((answer.pixelformat.to_le_bytes(), true))
        })
    }

    pub(in crate::v4l2) fn sizes(&self, fourcc: [u8; 4]) -> io::Result<Vec<Size>> {
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

    pub(in crate::v4l2) fn rates(
        &self,
        fourcc: [u8; 4],
        width: u32,
        height: u32,
    ) -> io::Result<Rates> {
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
    pub(in crate::v4l2) fn set_format(
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
    pub(in crate::v4l2) fn set_interval(&self, wanted: Interval) -> io::Result<Option<Interval>> {
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
}

fn interval(fraction: sys::v4l2_fract) -> Interval {
    Interval {
        numerator: fraction.numerator,
        denominator: fraction.denominator,
    }
}
