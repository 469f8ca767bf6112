//! What the camera looks at, in the pixel format that it is told.

use std::error::Error;

pub(crate) enum Scene {
    /// The number of each line in its first eight bytes, over grey bands.
    Lines,
    /// Grey wedges that move.
    Ramp,
    /// A picture, which a line sensor sees line by line and over again.
    Picture(image::RgbImage),
}

impl Scene {
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        Ok(match name {
            "lines" => Self::Lines,
            "ramp" => Self::Ramp,
            file => Self::Picture(
                image::open(file)
                    .map_err(|error| format!("{file}: {error}"))?
                    .into_rgb8(),
            ),
        })
    }

    fn level(&self, x: u32, line: u64) -> [u8; 3] {
        match self {
            Self::Lines => [(line / 8) as u8; 3],
            Self::Ramp => [(u64::from(x) + line) as u8; 3],
            Self::Picture(picture) => {
                let y = (line % u64::from(picture.height())) as u32;
                picture.get_pixel(x % picture.width(), y).0
            }
        }
    }

    /// One row, from the column `x0` on, appended to `to`; `line` counts on from block to block of a line sensor.
    pub(crate) fn row(&self, format: u32, x0: u32, width: u32, line: u64, to: &mut Vec<u8>) {
        let begin = to.len();
        let grey = |x: u32| {
            let [r, g, b] = self.level(x0 + x, line);
            ((u32::from(r) * 77 + u32::from(g) * 151 + u32::from(b) * 28) >> 8) as u16
        };
        match format {
            // Mono8 is what is measured: bands need no look at each pixel.
            0x0108_0001 if matches!(self, Self::Lines) => {
                to.resize(begin + width as usize, (line / 8) as u8);
            }
            0x0108_0001 => to.extend((0..width).map(|x| grey(x) as u8)),
            // BayerRG8: red, green; green, blue.
            0x0108_0009 => to.extend((0..width).map(|x| {
                let colours = self.level(x0 + x, line);
                colours[(x & 1) as usize + (line & 1) as usize]
            })),
            // Mono10, Mono12, Mono16.
            0x0110_0003 | 0x0110_0005 | 0x0110_0007 => {
                let bits = match format & 0xff {
                    3 => 2,
                    5 => 4,
                    _ => 8,
                };
                to.extend((0..width).flat_map(|x| (grey(x) << bits).to_le_bytes()));
            }
            // Mono12Packed, Mono12p.
            0x010c_0006 | 0x010c_0047 => {
                for x in (0..width).step_by(2) {
                    let (a, b) = (grey(x) << 4, grey(x + 1) << 4);
                    if format == 0x010c_0006 {
                        to.extend([
                            (a >> 4) as u8,
                            (a & 15) as u8 | ((b & 15) << 4) as u8,
                            (b >> 4) as u8,
                        ]);
                    } else {
                        to.extend([
                            a as u8,
                            (a >> 8) as u8 | ((b & 15) << 4) as u8,
                            (b >> 4) as u8,
                        ]);
                    }
                }
            }
            // YUV422_8 without colour.
            0x0210_0032 => to.extend((0..width).flat_map(|x| [grey(x) as u8, 128])),
            // RGB8, BGR8, RGBa8.
            0x0218_0014 => to.extend((0..width).flat_map(|x| self.level(x0 + x, line))),
            0x0218_0015 => to.extend((0..width).flat_map(|x| {
                let [r, g, b] = self.level(x0 + x, line);
                [b, g, r]
            })),
            _ => to.extend((0..width).flat_map(|x| {
                let [r, g, b] = self.level(x0 + x, line);
                [r, g, b, 255]
            })),
        }
        if matches!(self, Self::Lines) && to.len() >= begin + 8 {
            to[begin..begin + 8].copy_from_slice(&line.to_le_bytes());
        }
    }
}
