//! The controls of a node: what there is, its limits, its value.

use super::{LONGEST_LIST, Node, Zeros, is_unsupported, text, until_zero};
use std::{ffi::c_char, io};
use v4l::{
    v4l_sys as sys,
    v4l2::vidioc::{self, _IOC_TYPE},
};

/// A control as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::v4l2) struct Control {
    pub(in crate::v4l2) id: u32,
    /// One of `V4L2_CTRL_TYPE_…`.
    pub(in crate::v4l2) kind: u32,
    pub(in crate::v4l2) name: String,
    pub(in crate::v4l2) min: i64,
    pub(in crate::v4l2) max: i64,
    pub(in crate::v4l2) step: u64,
    pub(in crate::v4l2) default: i64,
    pub(in crate::v4l2) flags: u32,
    /// How many values it has, and how long one is.
    pub(in crate::v4l2) elements: u32,
    pub(in crate::v4l2) element_bytes: u32,
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

impl Node {
    /// The first control behind `id`.
    pub(in crate::v4l2) fn control_after(&self, id: u32) -> io::Result<Option<Control>> {
        match self.control(id | sys::V4L2_CTRL_FLAG_NEXT_CTRL) {
            Ok(control) => Ok(Some(control)),
            Err(error) if is_unsupported(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(in crate::v4l2) fn control(&self, id: u32) -> io::Result<Control> {
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
    pub(in crate::v4l2) fn menu(&self, control: &Control) -> Vec<(i64, String)> {
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
    pub(in crate::v4l2) fn number(&self, control: &Control) -> io::Result<i64> {
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

    pub(in crate::v4l2) fn set_number(&self, control: &Control, number: i64) -> io::Result<()> {
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

    pub(in crate::v4l2) fn string(&self, control: &Control) -> io::Result<String> {
        let mut bytes = vec![0u8; control.element_bytes as usize];
        self.with_bytes(vidioc::VIDIOC_G_EXT_CTRLS, control, &mut bytes)?;
        // Spaces are part of it.
        Ok(String::from_utf8_lossy(until_zero(&bytes)).into_owned())
    }

    pub(in crate::v4l2) fn set_string(&self, control: &Control, string: &str) -> io::Result<()> {
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
}

impl Control {
    fn is_wide(&self) -> bool {
        self.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER64
    }
}
