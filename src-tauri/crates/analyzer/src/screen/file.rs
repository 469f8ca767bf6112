//! The file of a model: one line with the format and the hash of all that follows, one line of JSON,
//! then the planes as PNG.
//!
//! Invariant: a file cut short or changed anywhere, a threshold included, is told from a good one
//! before anything of it is used.

use super::{
    layer::Layer,
    model::{LearnOptions, Limits, ScreenModel},
    plane::Plane,
    register::Registrar,
    whole::Whole,
};
use image::{ExtendedColorType, GrayImage, ImageEncoder, ImageFormat, codecs::png::PngEncoder};
use std::{cmp::Ordering, io::Cursor};
use wiko_core::{image::Sha256, sku::ProductSku, stage::Stage};

const MAGIC: &str = "WIKO-SCREEN ";
/// Counts up with every change of the form. A file of another form is not read.
const VERSION: u32 = 2;
/// No model that this station writes comes near it.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// Why a model's file cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Not a model, or damaged.
    #[error("it is damaged ({reason})")]
    Damaged {
        /// In words.
        reason: String,
    },
    /// Written by a newer station.
    #[error(
        "it was written by a newer version of the station (format {version}, known: {VERSION})"
    )]
    Newer {
        /// Its format.
        version: u32,
    },
    /// Written by an older station, whose models do not say all that is needed now.
    #[error("it was written by an older version of the station (format {version}, now {VERSION})")]
    Older {
        /// Its format.
        version: u32,
    },
}

fn damaged(reason: impl ToString) -> FileFault {
    FileFault::Damaged {
        reason: reason.to_string(),
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    sku: ProductSku,
    stage: Stage,
    picture_px: (u32, u32),
    options: LearnOptions,
    limits: Limits,
    scores: Vec<f32>,
    layers: Vec<LayerHeader>,
    plane_bytes: Vec<usize>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct LayerHeader {
    scale: usize,
    threshold: f32,
}

/// The model as bytes.
pub(super) fn encode(model: &ScreenModel) -> Result<Vec<u8>, FileFault> {
    let mut planes = vec![png8(&model.reference)?];
    for layer in &model.layers {
        for plane in [&layer.lo, &layer.hi, &layer.spread] {
            planes.push(png16(plane)?);
        }
    }
    let body = planes.concat();
    let header = Header {
        sku: model.sku.clone(),
        stage: model.stage,
        picture_px: model.picture_px,
        options: model.options,
        limits: model.limits.clone(),
        scores: model.scores.clone(),
        layers: model
            .layers
            .iter()
            .map(|layer| LayerHeader {
                scale: layer.scale,
                threshold: layer.threshold,
            })
            .collect(),
        plane_bytes: planes.iter().map(Vec::len).collect(),
    };
    let header = serde_json::to_string(&header).map_err(damaged)?;
    let rest = [format!("{header}\n").into_bytes(), body].concat();
    let first = format!("{MAGIC}{VERSION} {}\n", Sha256::of(&rest));
    Ok([first.into_bytes(), rest].concat())
}

/// The model of such bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<ScreenModel, FileFault> {
    let (first, rest) = line(bytes).ok_or_else(|| damaged("no first line"))?;
    let mut words = first
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("not a model of the screen"))?
        .split(' ');
    let version: u32 = words
        .next()
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| damaged("not a model of the screen"))?;
    match version.cmp(&VERSION) {
        Ordering::Greater => return Err(FileFault::Newer { version }),
        Ordering::Less => return Err(FileFault::Older { version }),
        Ordering::Equal => {}
    }
    if words.next() != Some(Sha256::of(rest).to_string().as_str()) {
        return Err(damaged("its hash does not match"));
    }
    let (header, body) = line(rest).ok_or_else(|| damaged("no header"))?;
    let header: Header = serde_json::from_str(header).map_err(damaged)?;
    let mut planes = Vec::new();
    let mut rest = body;
    for length in &header.plane_bytes {
        let (plane, after) = rest
            .split_at_checked(*length)
            .ok_or_else(|| damaged("a plane is missing"))?;
        planes.push(image::load_from_memory_with_format(plane, ImageFormat::Png).map_err(damaged)?);
        rest = after;
    }
    let mut planes = planes.into_iter();
    let reference: GrayImage = match planes.next() {
        Some(image::DynamicImage::ImageLuma8(reference)) => reference,
        _ => return Err(damaged("no reference")),
    };
    let mut layers = Vec::new();
    for LayerHeader { scale, threshold } in &header.layers {
        let size = match scale {
            1 => reference.dimensions(),
            4 => (
                (reference.width() / 4).max(1),
                (reference.height() / 4).max(1),
            ),
            _ => return Err(damaged("a layer of unknown scale")),
        };
        let mut plane = || match planes.next() {
            Some(image::DynamicImage::ImageLuma16(plane)) if plane.dimensions() == size => {
                Ok(Plane {
                    width: size.0 as usize,
                    height: size.1 as usize,
                    px: plane.into_raw(),
                })
            }
            _ => Err(damaged("a layer's plane is missing")),
        };
        layers.push(Layer {
            scale: *scale,
            lo: plane()?,
            hi: plane()?,
            spread: plane()?,
            threshold: *threshold,
        });
    }
    // A model that would let everything pass is no model.
    if layers.is_empty()
        || !layers
            .iter()
            .all(|layer| layer.threshold > 0.0 && layer.threshold.is_finite())
    {
        return Err(damaged("it has no threshold"));
    }
    Ok(ScreenModel {
        registrar: Registrar::new(&reference).ok_or_else(|| damaged("an empty reference"))?,
        whole: Whole::of(&reference, header.limits.poses()),
        sku: header.sku,
        stage: header.stage,
        picture_px: header.picture_px,
        options: header.options,
        reference,
        layers,
        limits: header.limits,
        scores: header.scores,
        sha256: Sha256::of(bytes),
    })
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn png8(picture: &GrayImage) -> Result<Vec<u8>, FileFault> {
    png(
        picture.as_raw(),
        picture.dimensions(),
        ExtendedColorType::L8,
    )
}

fn png16(plane: &Plane) -> Result<Vec<u8>, FileFault> {
    let bytes: Vec<u8> = plane.px.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let size = (plane.width as u32, plane.height as u32);
    png(&bytes, size, ExtendedColorType::L16)
}

fn png(bytes: &[u8], size: (u32, u32), color: ExtendedColorType) -> Result<Vec<u8>, FileFault> {
    let mut out = Cursor::new(Vec::new());
    PngEncoder::new(&mut out)
        .write_image(bytes, size.0, size.1, color)
        .map_err(damaged)?;
    Ok(out.into_inner())
}
