//! Formats by their four letters, the modes that a node offers, and the one that it is set to.

use super::node::{Format, Node, Size};
use crate::mode::{Chosen, Encoding, Mode};
use std::io;
use wiko_core::camera::PixelFormat;

/// The four letters of each format that is read. Where a name stands twice, the first is asked for.
const FORMATS: [([u8; 4], Encoding); 12] = [
    (*b"MJPG", Encoding::Mjpeg),
    (*b"JPEG", Encoding::Mjpeg),
    (*b"YUYV", Encoding::Raw(PixelFormat::YUV422Yuyv8)),
    (*b"UYVY", Encoding::Raw(PixelFormat::YUV422Uyvy8)),
    (*b"NV12", Encoding::Raw(PixelFormat::NV12)),
    (*b"RGB3", Encoding::Raw(PixelFormat::RGB8)),
    (*b"BGR3", Encoding::Raw(PixelFormat::BGR8)),
    (*b"GREY", Encoding::Raw(PixelFormat::Mono8)),
    (*b"Y800", Encoding::Raw(PixelFormat::Mono8)),
    (*b"Y10 ", Encoding::Raw(PixelFormat::Mono10)),
    (*b"Y12 ", Encoding::Raw(PixelFormat::Mono12)),
    (*b"Y16 ", Encoding::Raw(PixelFormat::Mono16)),
];

/// Sizes that are offered of a camera that takes any.
const COMMON_SIZES: [(u32, u32); 8] = [
    (640, 480),
    (1280, 720),
    (1280, 960),
    (1600, 1200),
    (1920, 1080),
    (2048, 1536),
    (2592, 1944),
    (3840, 2160),
];

/// A mode, and the letters by which the driver knows its format.
pub(super) struct Offered {
    pub(super) mode: Mode,
    pub(super) fourcc: [u8; 4],
}

pub(super) fn encoding_of(fourcc: [u8; 4]) -> Option<Encoding> {
    let known = FORMATS.iter().find(|(letters, _)| *letters == fourcc);
    known.map(|(_, encoding)| *encoding)
}

/// Every mode that can be read, each once.
pub(super) fn offered(node: &Node) -> io::Result<Vec<Offered>> {
    let mut all: Vec<Offered> = Vec::new();
    for fourcc in node.formats()? {
        let Some(encoding) = encoding_of(fourcc) else {
            continue;
        };
        for (width_px, height_px) in sizes(&node.sizes(fourcc)?) {
            let known = all.iter().any(|offered| {
                let mode = &offered.mode;
                (mode.encoding, mode.width_px, mode.height_px) == (encoding, width_px, height_px)
            });
            if known {
                continue;
            }
            let rates = node.rates(fourcc, width_px, height_px)?;
            let mode = Mode {
                encoding,
                width_px,
                height_px,
                rates,
            };
            all.push(Offered { mode, fourcc });
        }
    }
    Ok(all)
}

/// Each size, of a range its ends and what is common between them.
fn sizes(listed: &[Size]) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    for size in listed {
        match size {
            Size::Discrete { width, height } => all.push((*width, *height)),
            Size::Stepwise { width, height } => {
                let fits = |value: u32, [min, max, step]: [u32; 3]| {
                    (min..=max).contains(&value) && (value - min).is_multiple_of(step.max(1))
                };
                let common = COMMON_SIZES
                    .into_iter()
                    .filter(|(w, h)| fits(*w, *width) && fits(*h, *height));
                all.push((width[0], height[0]));
                all.extend(common);
                all.push((width[1], height[1]));
            }
        }
    }
    all
}

/// A mode was not set.
pub(super) enum Unset {
    /// The driver made another of it.
    Refused(String),
    Failed(io::Error),
}

/// Sets format, size and rate while nothing streams. The answer is what the driver took.
pub(super) fn set_mode(
    node: &Node,
    offered: &[Offered],
    chosen: Chosen,
) -> Result<(Format, Chosen), Unset> {
    let of_mode = offered.iter().find(|offered| {
        let mode = &offered.mode;
        (mode.encoding, mode.width_px, mode.height_px)
            == (chosen.encoding, chosen.width_px, chosen.height_px)
    });
    let Some(fourcc) = of_mode.map(|offered| offered.fourcc) else {
        return Err(Unset::Refused(format!("it does not offer {chosen}")));
    };
    let set = node.set_format(fourcc, chosen.width_px, chosen.height_px);
    let format = set.map_err(Unset::Failed)?;
    let taken = (encoding_of(format.fourcc), format.width, format.height);
    if taken != (Some(chosen.encoding), chosen.width_px, chosen.height_px) || !format.progressive {
        return Err(Unset::Refused(format!(
            "it was told {chosen} and made {} {}x{} of it{}",
            String::from_utf8_lossy(&format.fourcc),
            format.width,
            format.height,
            if format.progressive {
                ""
            } else {
                ", interlaced"
            },
        )));
    }
    let interval = match chosen.interval {
        Some(interval) => node.set_interval(interval).map_err(Unset::Failed)?,
        None => None,
    };
    Ok((format, Chosen { interval, ..chosen }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_range_of_sizes_the_ends_and_the_common_ones_that_fit_are_offered() {
        let range = Size::Stepwise {
            width: [48, 1920, 16],
            height: [32, 1200, 8],
        };
        assert_eq!(
            sizes(&[range]),
            [
                (48, 32),
                (640, 480),
                (1280, 720),
                (1280, 960),
                (1600, 1200),
                (1920, 1080),
                (1920, 1200)
            ]
        );
    }

    #[test]
    fn letters_stand_for_one_encoding_and_others_for_none() {
        assert_eq!(encoding_of(*b"MJPG"), Some(Encoding::Mjpeg));
        let grey = Some(Encoding::Raw(PixelFormat::Mono8));
        assert_eq!(encoding_of(*b"GREY"), grey);
        assert_eq!(encoding_of(*b"H264"), None);
    }
}
