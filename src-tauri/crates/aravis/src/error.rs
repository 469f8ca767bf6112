use crate::{
    object::copied,
    sys::{Failure, Functions, GError},
};
use std::ptr::null_mut;

/// What kind of trouble it is, where the library tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such device.
    NotFound,
    /// It did not answer in time.
    Timeout,
    /// Another program controls it.
    NotController,
    /// It would not: access denied, write protected, busy or not implemented.
    Refused,
    /// Its description of itself is wanting.
    Description,
    /// Anything else.
    Other,
}

/// The library's words for what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Its kind.
    pub kind: ErrorKind,
    /// The library's words.
    pub message: String,
}

impl Error {
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Other,
            message: message.into(),
        }
    }
}

/// Calls a function that takes a `GError **`, and turns what it leaves there into an error.
pub(crate) fn checked<T>(f: &Functions, call: impl FnOnce(Failure) -> T) -> Result<T, Error> {
    let mut failure: *mut GError = null_mut();
    let answer = call(&raw mut failure);
    if failure.is_null() {
        return Ok(answer);
    }
    // SAFETY: the library set the pointer to an error that is ours now; it is read, then freed, and not used after that.
    let error = unsafe {
        let GError {
            domain,
            code,
            message,
        } = &*failure;
        let error = Error {
            kind: kind(f, *domain, *code),
            message: copied(*message),
        };
        (f.g_error_free)(failure);
        error
    };
    Err(error)
}

fn kind(f: &Functions, domain: u32, code: i32) -> ErrorKind {
    // SAFETY: both only look up a number.
    let (device, description) = unsafe { ((f.arv_device_error_quark)(), (f.arv_gc_error_quark)()) };
    if domain == description {
        return ErrorKind::Description;
    }
    if domain != device {
        return ErrorKind::Other;
    }
    // ArvDeviceError, in the order of its header.
    match code {
        2 | 6 => ErrorKind::NotFound,
        5 => ErrorKind::Timeout,
        10 => ErrorKind::NotController,
        12..=18 => ErrorKind::Refused,
        _ => ErrorKind::Other,
    }
}
