//! How good a frame is: focus, light, noise, motion, and what of a stage's reference it still shows.
//!
//! Invariants:
//! - Each figure answers to its own fault and to no other: focus and motion are ratios of contrasts, which light does not
//!   change, and noise is taken out of them; likeness and shift look at gradients.
//! - The same picture gives the same figures.
//! - What cannot be seen is not called sharp.

use crate::{
    edges::{Edges, Sharpness},
    levels::Levels,
    reference::{COMPARED_PX, QualityReference},
    refusal::ImageRefused,
    region::part_region_of,
    resize::{resize_luma, scaled_to},
};
use image::{GrayImage, RgbImage};
use wiko_core::{
    camera::{FrameQuality, QualityLimits},
    geometry::BoxPx,
};

/// As dark or darker shows nothing.
const DARKEST: u8 = 5;
/// As bright or brighter has lost what it could have shown. Below 255, since noise and JPEG take some from it.
const CLIPPED: u8 = 250;
/// Any less is none.
const LEAST_SHARPNESS: f32 = 0.1;
/// Darker or brighter than the background by more than this is part.
const LEAST_DIFFERENCE: u8 = 16;

/// What a frame measures; `luma` is the whole frame in grey.
pub fn measure(
    luma: &GrayImage,
    reference: Option<&QualityReference>,
) -> Result<FrameQuality, ImageRefused> {
    if luma.is_empty() {
        return Err(ImageRefused::damaged("the picture has no pixels"));
    }
    let levels = Levels::of(luma);
    let edges = Edges::of(luma, &levels);
    let (width, height) = scaled_to(luma.dimensions(), COMPARED_PX);
    let small = resize_luma(luma, width, height)?;
    let seen = match reference {
        Some(reference) => Some(reference.seen_in(&small, luma.dimensions())?),
        None => None,
    };
    let usual = reference.map(QualityReference::sharpness);
    Ok(FrameQuality {
        focus: edges.focus(usual),
        mean_level: levels.mean(),
        dark_share: levels.share(0..=DARKEST),
        clipped_share: levels.share(CLIPPED..=255),
        clipped_on_part: clipped_on_part(luma, &small, &levels)?,
        noise: edges.noise,
        motion_blur: motion_blur(&edges, usual),
        likeness: seen.map(|seen| seen.likeness),
        shift_px: seen.map(|seen| seen.shift_px),
    })
}

/// How much more one direction has lost than the other: against the reference, whose part may have a grain, else against
/// each other. Where a direction has no edges and never had, nothing can be told.
fn motion_blur(edges: &Edges, reference: Option<Sharpness>) -> f32 {
    let ratio = |across: f32, down: f32| across.max(LEAST_SHARPNESS) / down.max(LEAST_SHARPNESS);
    let usual = reference.and_then(|usual| Some(ratio(usual.across?, usual.down?)));
    let seen = match (edges.sharpness.across, edges.sharpness.down) {
        (Some(across), Some(down)) => ratio(across, down),
        // Blurred so far that nothing of them is left.
        (Some(across), None) if usual.is_some() => ratio(across, 0.0),
        (None, Some(down)) if usual.is_some() => ratio(0.0, down),
        _ => return 1.0,
    };
    let usual = usual.unwrap_or(1.0);
    (seen / usual).max(usual / seen)
}

/// The share of the part that is white. Where the part cannot be told, or the background is white itself, that of the
/// whole picture.
fn clipped_on_part(
    luma: &GrayImage,
    small: &GrayImage,
    levels: &Levels,
) -> Result<f32, ImageRefused> {
    let all = levels.share(CLIPPED..=255);
    if all == 0.0 {
        return Ok(0.0);
    }
    let pixels = small
        .as_raw()
        .iter()
        .flat_map(|level| [*level; 3])
        .collect();
    let Some(colours) = RgbImage::from_raw(small.width(), small.height(), pixels) else {
        return Ok(all);
    };
    let Some(part) = part_region_of(&colours, small.dimensions())? else {
        return Ok(all);
    };
    let ground = rim_level(small);
    if ground >= CLIPPED {
        return Ok(all);
    }
    let covered = rows_of(small, part).map(|row| {
        let differs = |level: &&u8| level.abs_diff(ground) > LEAST_DIFFERENCE;
        row.iter().filter(differs).count()
    });
    let covered = covered.sum::<usize>() as f64 / f64::from(small.width() * small.height());
    let full = enlarged(part, small.dimensions(), luma.dimensions());
    let clipped =
        rows_of(luma, full).map(|row| row.iter().filter(|level| **level >= CLIPPED).count());
    let clipped = clipped.sum::<usize>() as f64 / luma.len() as f64;
    Ok((clipped / covered.max(f64::MIN_POSITIVE)).min(1.0) as f32)
}

/// The middle one of the levels at the rim.
fn rim_level(small: &GrayImage) -> u8 {
    let (width, height) = small.dimensions();
    let mut rim: Vec<u8> = (0..width)
        .flat_map(|x| [(x, 0), (x, height - 1)])
        .chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]))
        .map(|(x, y)| small.get_pixel(x, y).0[0])
        .collect();
    let middle = rim.len() / 2;
    *rim.select_nth_unstable(middle).1
}

fn rows_of(picture: &GrayImage, area: BoxPx) -> impl Iterator<Item = &[u8]> {
    let columns = area.x as usize..(area.x + area.width) as usize;
    picture
        .as_raw()
        .chunks_exact(picture.width() as usize)
        .skip(area.y as usize)
        .take(area.height as usize)
        .map(move |row| &row[columns.clone()])
}

fn enlarged(area: BoxPx, from: (u32, u32), to: (u32, u32)) -> BoxPx {
    let span = |start: u32, length: u32, from: u32, to: u32| {
        let at = |edge: u32| (u64::from(edge) * u64::from(to) / u64::from(from)) as u32;
        (at(start), at(start + length) - at(start))
    };
    let (x, width) = span(area.x, area.width, from.0, to.0);
    let (y, height) = span(area.y, area.height, from.1, to.1);
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

/// So many times the spread of good frames is still good.
const SPREADS: f32 = 6.0;

/// Limits that good frames of one stage keep, with room: the median and six times the spread, taken as the median
/// deviation, so that a bad frame among them moves nothing. Never so narrow that a frame a little different falls out.
/// None at all of no frames.
pub fn suggest_limits(good: &[FrameQuality]) -> QualityLimits {
    let below = |of: fn(&FrameQuality) -> Option<f32>, least_room: f32, share: f32| {
        usual(good, of).map(|(middle, spread)| {
            (middle - (SPREADS * spread).max(least_room).max(middle * share)).max(0.0)
        })
    };
    let above = |of: fn(&FrameQuality) -> Option<f32>, least_room: f32, share: f32| {
        usual(good, of)
            .map(|(middle, spread)| middle + (SPREADS * spread).max(least_room).max(middle * share))
    };
    QualityLimits {
        least_focus: below(|frame| Some(frame.focus), 0.0, 0.3),
        least_mean_level: below(|frame| Some(frame.mean_level), 10.0, 0.2),
        most_mean_level: above(|frame| Some(frame.mean_level), 10.0, 0.2)
            .map(|most| most.min(254.0)),
        most_clipped_on_part: above(|frame| Some(frame.clipped_on_part), 0.01, 0.5),
        most_noise: above(|frame| Some(frame.noise), 1.0, 0.75),
        most_motion_blur: above(|frame| Some(frame.motion_blur), 0.5, 0.3),
        least_likeness: below(|frame| frame.likeness, 0.4, 0.0),
        most_shift_px: above(|frame| frame.shift_px, 8.0, 0.5),
    }
}

/// The middle of a figure and how far good frames usually are from it.
fn usual(good: &[FrameQuality], of: fn(&FrameQuality) -> Option<f32>) -> Option<(f32, f32)> {
    let values: Vec<f32> = good
        .iter()
        .filter_map(of)
        .filter(|value| value.is_finite())
        .collect();
    let middle = median(values.clone())?;
    let deviation = median(values.iter().map(|value| (value - middle).abs()).collect())?;
    // Of a normal distribution that many standard deviations.
    Some((middle, deviation * 1.4826))
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}
