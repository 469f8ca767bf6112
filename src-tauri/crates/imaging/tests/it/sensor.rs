//! Pictures put into the pixels of any sensor, written from the naming convention and not from the code under test.

use image::{Rgb, RgbImage};
use wiko_core::camera::{BayerTile, PixelFormat, RawImage};

/// Bytes between a row and the next that belong to neither.
const PADDING: usize = 5;

/// The picture as the sensor would give it, its rows padded with bytes that are not to be looked at. Full levels of more
/// than 8 bits have the picture's in their upper 8 and ones below.
pub(crate) fn raw_of(picture: &RgbImage, format: PixelFormat) -> RawImage {
    let (width, height) = picture.dimensions();
    let stride = format.row_bytes(width) + PADDING;
    let mut bytes = Vec::new();
    for y in 0..height {
        let mut row = row_of(picture, format, y);
        assert_eq!(row.len(), format.row_bytes(width), "{format}");
        row.resize(stride, 0xab);
        bytes.extend(row);
    }
    if format == PixelFormat::NV12 {
        for y in (0..height).step_by(2) {
            let mut row = Vec::new();
            for x in (0..width).step_by(2) {
                let [_, u, v] = yuv(picture.get_pixel(x, y));
                row.extend([u, v]);
            }
            row.resize(stride, 0xab);
            bytes.extend(row);
        }
    }
    // The last row has no padding, as the buffers of some drivers.
    bytes.truncate(bytes.len() - PADDING);
    RawImage::new(format, width, height, stride, bytes).unwrap()
}

fn row_of(picture: &RgbImage, format: PixelFormat, y: u32) -> Vec<u8> {
    let width = picture.width();
    let pixels: Vec<Rgb<u8>> = (0..width).map(|x| *picture.get_pixel(x, y)).collect();
    let grey = |pixel: &Rgb<u8>| {
        let [r, g, b] = pixel.0.map(f64::from);
        (0.299 * r + 0.587 * g + 0.114 * b).round() as u16
    };
    let levels: Vec<u16> = match format.bayer() {
        Some(tile) => (0..width)
            .map(|x| u16::from(behind(tile, x, y, &pixels[x as usize])))
            .collect(),
        None => pixels.iter().map(grey).collect(),
    };
    let bits = format.bits();
    let deep: Vec<u16> = levels
        .iter()
        .map(|level| (level << (bits - 8)) | ((1 << (bits - 8)) - 1))
        .collect();
    match format {
        PixelFormat::Mono8
        | PixelFormat::BayerRG8
        | PixelFormat::BayerGB8
        | PixelFormat::BayerGR8
        | PixelFormat::BayerBG8 => levels.iter().map(|level| *level as u8).collect(),
        PixelFormat::Mono10
        | PixelFormat::Mono12
        | PixelFormat::Mono16
        | PixelFormat::BayerRG12
        | PixelFormat::BayerGB12
        | PixelFormat::BayerGR12
        | PixelFormat::BayerBG12 => deep.iter().flat_map(|level| level.to_le_bytes()).collect(),
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed => {
            let low = bits - 8;
            let mask = (1 << low) - 1;
            let mut row = Vec::new();
            for pair in deep.chunks(2) {
                let second = pair.get(1).copied().unwrap_or_default();
                row.push((pair[0] >> low) as u8);
                row.push(((pair[0] & mask) | (second & mask) << 4) as u8);
                row.push((second >> low) as u8);
            }
            row.truncate(format.row_bytes(width));
            row
        }
        PixelFormat::Mono10p | PixelFormat::Mono12p => {
            // One long number, least significant bit first.
            let mut row = vec![0; format.row_bytes(width)];
            for (at, level) in deep.iter().enumerate() {
                for bit in 0..usize::from(bits) {
                    let place = at * usize::from(bits) + bit;
                    row[place / 8] |= ((level >> bit & 1) as u8) << (place % 8);
                }
            }
            row
        }
        PixelFormat::RGB8 => pixels.iter().flat_map(|pixel| pixel.0).collect(),
        PixelFormat::BGR8 => pixels
            .iter()
            .flat_map(|pixel| [pixel.0[2], pixel.0[1], pixel.0[0]])
            .collect(),
        PixelFormat::YUV422Yuyv8 | PixelFormat::YUV422Uyvy8 => {
            let mut row = Vec::new();
            for pair in pixels.chunks(2) {
                let [first, u, v] = yuv(&pair[0]);
                let [second, ..] = yuv(pair.get(1).unwrap_or(&pair[0]));
                row.extend(match format {
                    PixelFormat::YUV422Yuyv8 => [first, u, second, v],
                    _ => [u, first, v, second],
                });
            }
            row
        }
        PixelFormat::NV12 => {
            let mut row: Vec<u8> = pixels.iter().map(|pixel| yuv(pixel)[0]).collect();
            row.resize(format.row_bytes(width), 0xab);
            row
        }
    }
}

/// The level that a pixel behind that filter sees.
fn behind(tile: BayerTile, x: u32, y: u32, pixel: &Rgb<u8>) -> u8 {
    let (red_x, red_y) = match tile {
        BayerTile::RG => (0, 0),
        BayerTile::GR => (1, 0),
        BayerTile::GB => (0, 1),
        BayerTile::BG => (1, 1),
    };
    match (x % 2 == red_x, y % 2 == red_y) {
        (true, true) => pixel.0[0],
        (false, false) => pixel.0[2],
        _ => pixel.0[1],
    }
}

/// Y, U and V of BT.601 in limited range.
pub(crate) fn yuv(pixel: &Rgb<u8>) -> [u8; 3] {
    let [r, g, b] = pixel.0.map(|level| f64::from(level) / 255.0);
    let luma = 0.299 * r + 0.587 * g + 0.114 * b;
    let (u, v) = ((b - luma) / 1.772, (r - luma) / 1.402);
    [
        (16.0 + 219.0 * luma).round() as u8,
        (128.0 + 224.0 * u).round() as u8,
        (128.0 + 224.0 * v).round() as u8,
    ]
}
