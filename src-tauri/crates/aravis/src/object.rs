//! Objects of the library that are released once, and texts that are copied out of it.

use crate::sys::{self, Functions, GType};
use std::{
    ffi::{CStr, CString},
    ptr::NonNull,
};

/// One reference to an object, given back when it is dropped.
pub(crate) struct Owned {
    pub(crate) f: &'static Functions,
    object: NonNull<std::ffi::c_void>,
}

// SAFETY: reference counts of GObjects are atomic; the types of Aravis that are held here lock what their threads share,
// and a value is used by one thread at a time because none of them is `Sync`.
unsafe impl Send for Owned {}

impl Owned {
    /// Takes over the reference that the library gave away; none where it gave none.
    pub(crate) fn take(f: &'static Functions, object: sys::Object) -> Option<Self> {
        NonNull::new(object).map(|object| Self { f, object })
    }

    pub(crate) fn raw(&self) -> sys::Object {
        self.object.as_ptr()
    }

    pub(crate) fn is_a(&self, kind: unsafe extern "C" fn() -> GType) -> bool {
        is_a(self.f, self.raw(), kind)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference and nothing of it is used after this.
        unsafe { (self.f.g_object_unref)(self.raw()) };
    }
}

pub(crate) fn is_a(
    f: &Functions,
    object: sys::Object,
    kind: unsafe extern "C" fn() -> GType,
) -> bool {
    // SAFETY: `object` is a living GObject of any type or null, which the function answers with no.
    unsafe { (f.g_type_check_instance_is_a)(object, kind()) != 0 }
}

/// A copy of a text of the library; empty for none.
///
/// # Safety
/// `text` is null or a text with an end that lives during the call.
pub(crate) unsafe fn copied(text: sys::Text) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller warrants.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// For the library; what follows a zero byte is cut off, as C would.
pub(crate) fn c_text(text: &str) -> CString {
    let until_zero = text.split('\0').next().unwrap_or_default();
    CString::new(until_zero).unwrap_or_default()
}
