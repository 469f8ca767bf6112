/// A file of this size or more is refused.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The most pixels that a picture may have.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The longest side that a picture may have.
pub const MAX_SIDE_PX: u32 = 16_384;

/// Why a picture cannot be used. Each message says what to do where there is something to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefused {
    /// Empty, or none of the known formats.
    #[error("not a picture: {reason}; JPEG, PNG or WebP is expected")]
    NotAnImage {
        /// In words.
        reason: &'static str,
    },
    /// Too many bytes.
    #[error("the picture has {size_bytes} bytes; it must have less than {MAX_BYTES} (16 MiB)")]
    TooLarge {
        /// As given.
        size_bytes: u64,
    },
    /// Too many pixels; not decoded.
    #[error(
        "the picture has {width_px}×{height_px} pixels; at most 100 megapixels and {MAX_SIDE_PX} a side are taken: make it \
         smaller, or have the camera give fewer rows or columns"
    )]
    TooManyPixels {
        /// Pixels across, as the header says.
        width_px: u32,
        /// Pixels down, as the header says.
        height_px: u32,
    },
    /// Cut off or overwritten.
    #[error("the picture is damaged: {reason}; take or copy it again")]
    Damaged {
        /// The decoder's words.
        reason: String,
    },
    /// Whole, but of a kind that is not taken.
    #[error("{reason}")]
    Unsupported {
        /// In words, with what to do.
        reason: &'static str,
    },
    /// So much detail or noise that even the coarsest JPEG that is kept is too large.
    #[error(
        "the picture of {width_px}×{height_px} pixels needs {size_bytes} bytes as JPEG; it must need less than {MAX_BYTES} \
         (16 MiB): have the camera give fewer rows or columns, or less gain"
    )]
    TooDetailed {
        /// Pixels across.
        width_px: u32,
        /// Pixels down.
        height_px: u32,
        /// At the lowest quality.
        size_bytes: u64,
    },
    /// It could not be encoded or resized; not the picture's fault.
    #[error("the picture cannot be converted: {reason}")]
    NotConverted {
        /// In words.
        reason: String,
    },
}

impl ImageRefused {
    pub(crate) fn damaged(error: impl std::fmt::Display) -> Self {
        Self::Damaged {
            reason: error.to_string(),
        }
    }

    pub(crate) fn not_converted(error: impl std::fmt::Display) -> Self {
        Self::NotConverted {
            reason: error.to_string(),
        }
    }
}
