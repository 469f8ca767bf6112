//! Pixel formats by their PFNC codes, and the picture of a buffer.

use wiko_aravis::Image;
use wiko_core::camera::{PixelFormat, RawImage};

/// Codes of PFNC 2.4 (32 bits: colour, bits a pixel, number).
const CODES: [(u32, PixelFormat); 20] = [
    (0x0108_0001, PixelFormat::Mono8),
    (0x0110_0003, PixelFormat::Mono10),
    (0x0110_0005, PixelFormat::Mono12),
    (0x0110_0007, PixelFormat::Mono16),
    (0x010c_0004, PixelFormat::Mono10Packed),
    (0x010c_0006, PixelFormat::Mono12Packed),
    (0x010a_0046, PixelFormat::Mono10p),
    (0x010c_0047, PixelFormat::Mono12p),
    (0x0108_0009, PixelFormat::BayerRG8),
    (0x0108_000a, PixelFormat::BayerGB8),
    (0x0108_0008, PixelFormat::BayerGR8),
    (0x0108_000b, PixelFormat::BayerBG8),
    (0x0110_0011, PixelFormat::BayerRG12),
    (0x0110_0012, PixelFormat::BayerGB12),
    (0x0110_0010, PixelFormat::BayerGR12),
    (0x0110_0013, PixelFormat::BayerBG12),
    (0x0218_0014, PixelFormat::RGB8),
    (0x0218_0015, PixelFormat::BGR8),
    (0x0210_0032, PixelFormat::YUV422Yuyv8),
    (0x0210_001f, PixelFormat::YUV422Uyvy8),
];

/// The format of a code; none where the station cannot read it.
pub(super) fn format_of(code: u32) -> Option<PixelFormat> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, format)| *format)
}

/// True where a row of so many pixels ends within a byte: the next one begins there, and rows cannot be told apart.
pub(super) fn rows_share_bytes(code: u32, width_px: u32) -> bool {
    let bits_per_pixel = u64::from(code >> 16 & 0xff);
    !(u64::from(width_px) * bits_per_pixel).is_multiple_of(8)
}

/// Why a whole buffer is no picture.
#[derive(Debug, PartialEq)]
pub(super) enum NoPicture {
    /// The station cannot read its format, whatever comes.
    Format(String),
    /// This one is damaged.
    Torn(String),
}

/// The picture of a buffer, of as many rows as came: a block of a line sensor may be short.
pub(super) fn picture(image: &Image<'_>) -> Result<RawImage, NoPicture> {
    let code = image.code;
    let format = format_of(code).ok_or_else(|| NoPicture::Format(format!("code {code:#010x}")))?;
    if rows_share_bytes(code, image.width_px) && image.row_padding_bytes == 0 {
        let width = image.width_px;
        return Err(NoPicture::Format(format!(
            "{format} with rows of {width} pixels, which end within a byte: choose an even width"
        )));
    }
    let row_bytes = format.row_bytes(image.width_px);
    let stride = row_bytes + image.row_padding_bytes;
    let have = image.bytes.len();
    let torn = || {
        NoPicture::Torn(format!(
            "{have} bytes came for {}x{} pixels of {format}",
            image.width_px, image.height_px
        ))
    };
    // The padding of the last row may be missing.
    let came = (have + image.row_padding_bytes)
        .checked_div(stride)
        .ok_or_else(torn)?;
    let rows = came.min(image.height_px as usize);
    let is_cut_within_a_row = rows < image.height_px as usize && !have.is_multiple_of(stride);
    if rows == 0 || is_cut_within_a_row {
        return Err(torn());
    }
    let bytes = &image.bytes[..(rows - 1) * stride + row_bytes];
    RawImage::new(format, image.width_px, rows as u32, stride, bytes)
        .map_err(|error| NoPicture::Torn(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(code: u32, bytes: &[u8]) -> Image<'_> {
        Image {
            code,
            width_px: 4,
            height_px: 3,
            row_padding_bytes: 0,
            bytes,
        }
    }

    #[test]
    fn every_format_that_pfnc_names_has_its_code() {
        for format in PixelFormat::ALL {
            let codes = CODES.iter().filter(|(_, known)| known == format).count();
            let named = usize::from(*format != PixelFormat::NV12);
            assert_eq!(codes, named, "{format}");
        }
        for (code, format) in CODES {
            // A code holds the bits of a pixel, which the format must agree with.
            let bits = code >> 16 & 0xff;
            assert_eq!(format.row_bytes(8) as u32 * 8, bits * 8, "{format}");
        }
    }

    #[test]
    fn a_short_block_is_a_picture_of_fewer_rows() {
        let whole = picture(&image(0x0108_0001, &[7; 12])).unwrap();
        assert_eq!((whole.width_px(), whole.height_px()), (4, 3));
        let short = picture(&image(0x0108_0001, &[7; 8])).unwrap();
        assert_eq!((short.height_px(), short.bytes().len()), (2, 8));
    }

    #[test]
    fn half_a_row_and_no_row_are_torn() {
        for bytes in [&[7; 10][..], &[7; 3], &[]] {
            let torn = picture(&image(0x0108_0001, bytes));
            assert!(matches!(torn, Err(NoPicture::Torn(_))), "{}", bytes.len());
        }
    }

    #[test]
    fn a_format_that_cannot_be_read_is_named() {
        let unknown = picture(&image(0x0220_0016, &[7; 48]));
        assert_eq!(
            unknown.unwrap_err(),
            NoPicture::Format("code 0x02200016".into())
        );
        let odd = Image {
            width_px: 3,
            ..image(0x010c_0047, &[7; 14])
        };
        assert!(matches!(picture(&odd), Err(NoPicture::Format(_))));
    }

    #[test]
    fn padding_between_rows_is_not_pixels() {
        let padded = Image {
            row_padding_bytes: 2,
            ..image(0x0108_0001, &[7; 16])
        };
        let picture = picture(&padded).unwrap();
        assert_eq!((picture.stride_bytes(), picture.height_px()), (6, 3));
    }
}
