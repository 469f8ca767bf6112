//! Pixels as sensors give them, named after the GenICam pixel format naming convention (PFNC 2.4).

use crate::coded;
use std::sync::Arc;

/// How the pixels of a raw frame lie in memory. Rows may be padded; within a row there are no gaps.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum PixelFormat {
    /// A byte a pixel. V4L2 `GREY`.
    Mono8,
    /// 10 bits in two bytes, little endian. V4L2 `Y10 `.
    Mono10,
    /// 12 bits in two bytes, little endian. V4L2 `Y12 `.
    Mono12,
    /// 16 bits, little endian. V4L2 `Y16 `.
    Mono16,
    /// GigE Vision's packing of two pixels in three bytes: upper 8 bits, the low 2 of both, upper 8 bits.
    Mono10Packed,
    /// GigE Vision's packing of two pixels in three bytes: upper 8 bits, the low 4 of both, upper 8 bits.
    Mono12Packed,
    /// PFNC packing without gaps, least significant bit first: four pixels in five bytes.
    Mono10p,
    /// PFNC packing without gaps, least significant bit first: two pixels in three bytes.
    Mono12p,
    /// A byte a pixel behind a Bayer filter that begins with red, green.
    BayerRG8,
    /// … green, blue.
    BayerGB8,
    /// … green, red.
    BayerGR8,
    /// … blue, green.
    BayerBG8,
    /// 12 bits in two bytes, little endian, behind a Bayer filter that begins with red, green.
    BayerRG12,
    /// … green, blue.
    BayerGB12,
    /// … green, red.
    BayerGR12,
    /// … blue, green.
    BayerBG12,
    /// Red, green, blue: three bytes a pixel.
    RGB8,
    /// Blue, green, red: three bytes a pixel.
    BGR8,
    /// Y U Y V: four bytes for two pixels. V4L2 `YUYV`.
    #[strum(serialize = "YUV422_8")]
    #[serde(rename = "YUV422_8")]
    YUV422Yuyv8,
    /// U Y V Y: four bytes for two pixels. V4L2 `UYVY`.
    #[strum(serialize = "YUV422_8_UYVY")]
    #[serde(rename = "YUV422_8_UYVY")]
    YUV422Uyvy8,
    /// All Y, then U V for each square of four pixels. V4L2 `NV12`, which PFNC has no name for.
    NV12,
}
coded!(PixelFormat, "pixel format");

/// The colours of the first two pixels of the first row behind a Bayer filter; the second row follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BayerTile {
    /// Red, green.
    RG,
    /// Green, blue.
    GB,
    /// Green, red.
    GR,
    /// Blue, green.
    BG,
}

impl PixelFormat {
    /// Bytes of a row of so many pixels without padding; of `NV12` of the Y alone, and as many of the colour.
    pub fn row_bytes(self, width_px: u32) -> usize {
        let width = width_px as usize;
        match self {
            Self::Mono8 | Self::BayerRG8 | Self::BayerGB8 | Self::BayerGR8 | Self::BayerBG8 => {
                width
            }
            // A row of colour has a pair for two pixels, also for half of them.
            Self::NV12 => width.next_multiple_of(2),
            Self::Mono10
            | Self::Mono12
            | Self::Mono16
            | Self::BayerRG12
            | Self::BayerGB12
            | Self::BayerGR12
            | Self::BayerBG12 => width * 2,
            Self::Mono10Packed | Self::Mono12Packed | Self::Mono12p => (width * 3).div_ceil(2),
            Self::Mono10p => (width * 5).div_ceil(4),
            Self::RGB8 | Self::BGR8 => width * 3,
            // Two pixels share their colour: an odd row has half a pair too much.
            Self::YUV422Yuyv8 | Self::YUV422Uyvy8 => width.div_ceil(2) * 4,
        }
    }

    /// Bits that a level has.
    pub fn bits(self) -> u8 {
        match self {
            Self::Mono10 | Self::Mono10Packed | Self::Mono10p => 10,
            Self::Mono12
            | Self::Mono12Packed
            | Self::Mono12p
            | Self::BayerRG12
            | Self::BayerGB12
            | Self::BayerGR12
            | Self::BayerBG12 => 12,
            Self::Mono16 => 16,
            _ => 8,
        }
    }

    /// How its Bayer filter begins, where it has one.
    pub fn bayer(self) -> Option<BayerTile> {
        match self {
            Self::BayerRG8 | Self::BayerRG12 => Some(BayerTile::RG),
            Self::BayerGB8 | Self::BayerGB12 => Some(BayerTile::GB),
            Self::BayerGR8 | Self::BayerGR12 => Some(BayerTile::GR),
            Self::BayerBG8 | Self::BayerBG12 => Some(BayerTile::BG),
            _ => None,
        }
    }

    /// True where it has no colour.
    pub fn is_mono(self) -> bool {
        matches!(
            self,
            Self::Mono8
                | Self::Mono10
                | Self::Mono12
                | Self::Mono16
                | Self::Mono10Packed
                | Self::Mono12Packed
                | Self::Mono10p
                | Self::Mono12p
        )
    }
}

/// Which levels of Y, U and V stand for black and white.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum YuvRange {
    /// Y from 16 to 235, U and V from 16 to 240: what V4L2 means unless it says otherwise.
    #[default]
    Limited,
    /// 0 to 255: V4L2's `V4L2_QUANTIZATION_FULL_RANGE`, and what PFNC calls YUV.
    Full,
}

/// A picture in the pixels of the sensor. Its bytes are at least as many as its size needs.
#[derive(Clone)]
pub struct RawImage {
    format: PixelFormat,
    width_px: u32,
    height_px: u32,
    stride_bytes: usize,
    bytes: Arc<[u8]>,
    yuv_range: YuvRange,
}

impl std::fmt::Debug for RawImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height) = (self.width_px, self.height_px);
        write!(f, "RawImage({} {width}x{height})", self.format)
    }
}

/// The bytes are no such picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRawImage {
    /// It has no pixels, or rows that are shorter than their pixels.
    #[error("a frame of {width_px}x{height_px} with rows of {stride_bytes} bytes is none")]
    Size {
        /// Pixels across.
        width_px: u32,
        /// Pixels down.
        height_px: u32,
        /// Bytes of a row.
        stride_bytes: usize,
    },
    /// Bytes are missing: the frame is torn.
    #[error("the frame is torn: {have} of {needed} bytes came")]
    Torn {
        /// Bytes that came.
        have: usize,
        /// Bytes that it has.
        needed: usize,
    },
}

impl RawImage {
    /// A picture of these bytes, whose rows begin `stride_bytes` apart. What is beyond its last row is kept and never
    /// looked at.
    pub fn new(
        format: PixelFormat,
        width_px: u32,
        height_px: u32,
        stride_bytes: usize,
        bytes: impl Into<Arc<[u8]>>,
    ) -> Result<Self, BadRawImage> {
        let bytes = bytes.into();
        let row_bytes = format.row_bytes(width_px);
        // Y, and for NV12 half as many rows of colour of the same length.
        let rows = match format {
            PixelFormat::NV12 => height_px as usize + (height_px as usize).div_ceil(2),
            _ => height_px as usize,
        };
        let bad_size = || BadRawImage::Size {
            width_px,
            height_px,
            stride_bytes,
        };
        if width_px == 0 || height_px == 0 || stride_bytes < row_bytes {
            return Err(bad_size());
        }
        let needed = (rows - 1)
            .checked_mul(stride_bytes)
            .and_then(|before| before.checked_add(row_bytes))
            .ok_or_else(bad_size)?;
        if bytes.len() < needed {
            return Err(BadRawImage::Torn {
                have: bytes.len(),
                needed,
            });
        }
        Ok(Self {
            format,
            width_px,
            height_px,
            stride_bytes,
            bytes,
            yuv_range: YuvRange::default(),
        })
    }

    /// The same with Y, U and V of that range; says nothing of other formats.
    #[must_use]
    pub fn with_yuv_range(self, yuv_range: YuvRange) -> Self {
        Self { yuv_range, ..self }
    }

    /// Which levels of Y, U and V stand for black and white.
    pub fn yuv_range(&self) -> YuvRange {
        self.yuv_range
    }

    /// How pixels lie.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels across.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Pixels down.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// From the beginning of a row to that of the next.
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// All bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_misses_a_byte_is_torn_whatever_its_format() {
        for format in PixelFormat::ALL {
            let (width, height) = (7, 5);
            let stride = format.row_bytes(width) + 3;
            let rows = if *format == PixelFormat::NV12 { 8 } else { 5 };
            let needed = (rows - 1) * stride + format.row_bytes(width);
            let make = |bytes: usize| {
                RawImage::new(*format, width, height, stride, vec![0; bytes]).map(drop)
            };
            assert_eq!(make(needed), Ok(()), "{format}");
            assert_eq!(
                make(needed - 1),
                Err(BadRawImage::Torn {
                    have: needed - 1,
                    needed
                }),
                "{format}"
            );
        }
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_before_anything_is_counted() {
        for (width, height, stride) in [(0, 5, 10), (5, 0, 10), (10, 5, 9)] {
            let refused = RawImage::new(PixelFormat::Mono8, width, height, stride, vec![0; 100]);
            assert!(matches!(refused, Err(BadRawImage::Size { .. })));
        }
        let huge = RawImage::new(PixelFormat::Mono8, 1, u32::MAX, usize::MAX / 2, vec![0; 8]);
        assert!(matches!(huge, Err(BadRawImage::Size { .. })));
    }
}
