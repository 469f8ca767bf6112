//! A flat field as a file: a PNG of 16 bits a sample, the white above the dark, with what it was taken with as its text.
//! PNG, because it is small, checks itself by checksums, and anybody can look at it.

use super::{FlatField, FlatFieldKind, FlatFieldRefused, FlatFieldTaken};
use std::io::Cursor;
use wiko_core::camera::PixelFormat;

const KEYWORD: &str = "wiko-flat-field";
const VERSION: u32 = 1;

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    kind: FlatFieldKind,
    pixel_format: PixelFormat,
    width_px: u32,
    rows: u32,
    taken: FlatFieldTaken,
}

fn refused(error: impl std::fmt::Display) -> FlatFieldRefused {
    FlatFieldRefused::File(error.to_string())
}

impl FlatField {
    /// The bytes of its file.
    pub fn to_file(&self) -> Result<Vec<u8>, FlatFieldRefused> {
        let header = Header {
            version: VERSION,
            kind: self.kind,
            pixel_format: self.format,
            width_px: self.width_px,
            rows: self.rows,
            taken: self.taken.clone(),
        };
        let text = serde_json::to_string(&header).map_err(refused)?;
        let across = (self.white.len() / self.rows as usize) as u32;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, across, self.rows * 2);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Sixteen);
        encoder
            .add_itxt_chunk(KEYWORD.into(), text)
            .map_err(refused)?;
        let mut writer = encoder.write_header().map_err(refused)?;
        let samples = self.white.iter().chain(&self.dark);
        let bytes: Vec<u8> = samples.flat_map(|level| level.to_be_bytes()).collect();
        writer.write_image_data(&bytes).map_err(refused)?;
        writer.finish().map_err(refused)?;
        Ok(file)
    }

    /// Read from the bytes of its file.
    pub fn from_file(file: &[u8]) -> Result<Self, FlatFieldRefused> {
        let mut reader = png::Decoder::new(Cursor::new(file))
            .read_info()
            .map_err(refused)?;
        let text = reader
            .info()
            .utf8_text
            .iter()
            .find(|text| text.keyword == KEYWORD);
        let text = text.ok_or_else(|| refused("it has no description of this station's"))?;
        let text = text.get_text().map_err(refused)?;
        let header: Header = serde_json::from_str(&text).map_err(refused)?;
        if header.version != VERSION {
            return Err(refused(format!("it is of version {}", header.version)));
        }
        let format = header.pixel_format;
        let row_bytes = format.row_bytes(header.width_px);
        let across = row_bytes / usize::from(format.bits().div_ceil(8));
        let (color, depth) = reader.output_color_type();
        let expected = (across as u64, u64::from(header.rows) * 2);
        let size = (
            u64::from(reader.info().width),
            u64::from(reader.info().height),
        );
        let is_grey = (color, depth) == (png::ColorType::Grayscale, png::BitDepth::Sixteen);
        if size != expected || !is_grey || header.rows == 0 || across == 0 {
            return Err(refused("its picture is not as it says"));
        }
        let length = reader
            .output_buffer_size()
            .ok_or_else(|| refused("it is too large"))?;
        let mut bytes = vec![0; length];
        reader.next_frame(&mut bytes).map_err(refused)?;
        let levels: Vec<u16> = bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|two| u16::from_be_bytes(*two))
            .collect();
        let (white, dark) = levels.split_at(levels.len() / 2);
        let kind = (header.kind, format, header.width_px, header.rows);
        Ok(Self::made(
            kind,
            header.taken,
            white.to_vec(),
            dark.to_vec(),
        ))
    }
}
