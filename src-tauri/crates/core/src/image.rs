//! What is known of a picture without its pixels: hash, size, format.

use sha2::{Digest, Sha256 as Hasher};
use std::sync::Arc;
use std::{fmt, str::FromStr};

/// SHA-256 of a picture's bytes as they lie in the spool.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(given, &mut bytes).map_err(|_| NotASha256)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = NotASha256;

    fn try_from(given: String) -> Result<Self, Self::Error> {
        given.parse()
    }
}

impl From<Sha256> for String {
    fn from(sha256: Sha256) -> Self {
        sha256.to_string()
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256: 64 hexadecimal digits are expected")]
pub struct NotASha256;

/// The formats that a picture may come in.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum ImageFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}
crate::coded!(ImageFormat, "image format");

impl ImageFormat {
    /// The media type, as HTTP names it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// The usual ending of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

/// The facts of a captured picture. Width and height are those of the upright picture (EXIF
/// orientation applied), in which all boxes are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageFacts {
    /// Hash of the bytes.
    pub sha256: Sha256,
    /// Number of bytes.
    pub size_bytes: u64,
    /// Pixels across, upright.
    pub width_px: u32,
    /// Pixels down, upright.
    pub height_px: u32,
    /// Format of the bytes.
    pub format: ImageFormat,
}

/// An image as bytes, with its facts. Only bytes that were hashed can be one, so whoever holds it need not
/// hash them again.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    facts: ImageFacts,
    bytes: Arc<[u8]>,
}

impl EncodedImage {
    /// Hashes the bytes. Width and height in pixels, upright, as [`ImageFacts`] has them.
    pub fn of(
        bytes: impl Into<Arc<[u8]>>,
        format: ImageFormat,
        width_px: u32,
        height_px: u32,
    ) -> Self {
        let bytes = bytes.into();
        let facts = ImageFacts {
            sha256: Sha256::of(&bytes),
            size_bytes: bytes.len() as u64,
            width_px,
            height_px,
            format,
        };
        Self { facts, bytes }
    }

    /// Hashes bytes of which the facts are known; none where they are not of these bytes.
    pub fn checked(bytes: impl Into<Arc<[u8]>>, facts: ImageFacts) -> Option<Self> {
        let image = Self::of(bytes, facts.format, facts.width_px, facts.height_px);
        (image.facts == facts).then_some(image)
    }

    /// Facts of the bytes.
    pub fn facts(&self) -> ImageFacts {
        self.facts
    }

    /// The file's bytes, exactly as the camera or the file gave them.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}
