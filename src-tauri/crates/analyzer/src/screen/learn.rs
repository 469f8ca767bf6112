//! Learning from good pictures.

use super::{
    align::{aligned, warp},
    file,
    layer::Layer,
    model::{LearnOptions, Limits, Place, ScreenModel},
    plane::{from_raw, halved, size},
    register::{Pose, Registrar, Registration},
    whole::Whole,
};
use image::GrayImage;
use wiko_core::{sku::ProductSku, stage::Stage};

/// More pictures than this teach nothing new and fill the memory.
pub const MOST_PICTURES: usize = 40;
/// Smaller pictures show too little.
const LEAST_PX: u32 = 48;
/// Good parts of one kind look at least this alike.
const LEAST_CORRELATION: f64 = 0.6;

/// Why nothing was learnt. Pictures are counted from 1, in the order given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// No picture.
    #[error("no picture was given: give one or more pictures of good parts")]
    NoPictures,
    /// Too many.
    #[error(
        "more than {limit} pictures were given: choose {limit} that show how good parts differ"
    )]
    TooMany {
        /// The most.
        limit: usize,
    },
    /// Too small.
    #[error("picture {picture} is too small to learn from: at least {least_px} pixels each way")]
    TooSmall {
        /// Which.
        picture: usize,
        /// The least.
        least_px: u32,
    },
    /// Another size than the first.
    #[error(
        "picture {picture} is {width_px}×{height_px}, the first is {first_width_px}×{first_height_px}: \
         take all pictures with the same camera settings"
    )]
    OtherSize {
        /// Which.
        picture: usize,
        /// Its width.
        width_px: u32,
        /// Its height.
        height_px: u32,
        /// The first one's width.
        first_width_px: u32,
        /// The first one's height.
        first_height_px: u32,
    },
    /// Nothing to hold on to.
    #[error(
        "picture {picture} shows nothing to recognise: is a part in the fixture and the lens free?"
    )]
    Featureless {
        /// Which.
        picture: usize,
    },
    /// Another part, or too far out of place.
    #[error(
        "picture {picture} does not match the first: is it the same product and stage, in its place in the fixture?"
    )]
    DoesNotMatch {
        /// Which.
        picture: usize,
    },
    /// An option that cannot be.
    #[error("{reason}")]
    Options {
        /// Which, and what is possible.
        reason: String,
    },
    /// The model could not be written down.
    #[error("the model cannot be encoded: {reason}")]
    Encode {
        /// In words.
        reason: String,
    },
}

impl LearnError {
    /// The picture that it is about, counted from 1 in the order given.
    pub fn picture(&self) -> Option<usize> {
        match self {
            Self::TooSmall { picture, .. }
            | Self::OtherSize { picture, .. }
            | Self::Featureless { picture }
            | Self::DoesNotMatch { picture } => Some(*picture),
            Self::NoPictures
            | Self::TooMany { .. }
            | Self::Options { .. }
            | Self::Encode { .. } => None,
        }
    }
}

/// Learns one SKU at one stage from pictures of good parts, one or more, with the default options.
pub fn learn(
    sku: ProductSku,
    stage: Stage,
    pictures: impl IntoIterator<Item = GrayImage>,
) -> Result<ScreenModel, LearnError> {
    learn_with(sku, stage, pictures, LearnOptions::default())
}

/// Learns with given options.
pub fn learn_with(
    sku: ProductSku,
    stage: Stage,
    pictures: impl IntoIterator<Item = GrayImage>,
    options: LearnOptions,
) -> Result<ScreenModel, LearnError> {
    options
        .check()
        .map_err(|reason| LearnError::Options { reason })?;
    let mut pictures = pictures.into_iter();
    let first = pictures.next().ok_or(LearnError::NoPictures)?;
    let (width_px, height_px) = first.dimensions();
    if width_px < LEAST_PX || height_px < LEAST_PX {
        return Err(LearnError::TooSmall {
            picture: 1,
            least_px: LEAST_PX,
        });
    }
    let reference = at_working_scale(first);
    let registrar = Registrar::new(&reference).ok_or(LearnError::Featureless { picture: 1 })?;
    let mut good = vec![reference];
    let mut fits = Vec::new();
    for (index, picture) in pictures.enumerate() {
        let picture_number = index + 2;
        if picture_number > MOST_PICTURES {
            return Err(LearnError::TooMany {
                limit: MOST_PICTURES,
            });
        }
        if picture.dimensions() != (width_px, height_px) {
            return Err(LearnError::OtherSize {
                picture: picture_number,
                width_px: picture.width(),
                height_px: picture.height(),
                first_width_px: width_px,
                first_height_px: height_px,
            });
        }
        let picture = at_working_scale(picture);
        let (fit, picture) =
            fitted(&registrar, &good[0], &picture).ok_or(LearnError::DoesNotMatch {
                picture: picture_number,
            })?;
        fits.push(fit);
        good.push(picture);
    }
    let given = good.len();
    let mut options = options;
    if given == 1 {
        // What the copies cannot show of other parts, a wider tolerance has to cover.
        options.edge_tolerance_px = options.edge_tolerance_px.max(2);
        options.headroom = options.headroom.max(1.5);
        for copy in 1..=4 {
            let perturbed = perturbed(&good[0], copy);
            if let Some((fit, picture)) = fitted(&registrar, &good[0], &perturbed) {
                fits.push(fit);
                good.push(picture);
            }
        }
    }
    if good.len() < 2 {
        return Err(LearnError::Featureless { picture: 1 });
    }
    // Copies of one picture would only blur it.
    let mean = mean_of(&good[..given]);
    let registrar = Registrar::new(&mean).ok_or(LearnError::Featureless { picture: 1 })?;
    let mut layers = Vec::new();
    let mut scores = vec![0f32; good.len()];
    for scale in [1, 4] {
        let (layer, layer_scores) = Layer::learn(scale, &good, &options);
        for (score, of_layer) in scores.iter_mut().zip(layer_scores) {
            *score = score.max(of_layer / layer.threshold);
        }
        layers.push(layer);
    }
    scores.truncate(given);
    let limits = limits_of(&fits);
    let mut model = ScreenModel {
        sku,
        stage,
        picture_px: (width_px, height_px),
        options,
        whole: Whole::of(&mean, limits.poses()),
        reference: mean,
        registrar,
        layers,
        limits,
        scores,
        sha256: wiko_core::image::Sha256::of(&[]),
    };
    model.sha256 = wiko_core::image::Sha256::of(&file::encode(&model).map_err(|reason| {
        LearnError::Encode {
            reason: reason.to_string(),
        }
    })?);
    Ok(model)
}

fn fitted(
    registrar: &Registrar,
    reference: &GrayImage,
    picture: &GrayImage,
) -> Option<(Registration, GrayImage)> {
    let fit = registrar.register(picture)?;
    let (width, height) = size(reference);
    if fit.correlation < LEAST_CORRELATION || !fit.in_reach(width, height) {
        return None;
    }
    let (even, _) = aligned(reference, picture, fit.pose);
    Some((fit, even))
}

/// Twice as far from perfect as the worst good picture, and never stricter than what a defect does.
fn limits_of(fits: &[Registration]) -> Limits {
    let least = |of: fn(&Registration) -> f64| fits.iter().map(of).fold(1.0, f64::min);
    let most = |of: fn(&Registration) -> f64| fits.iter().map(of).fold(1.0, f64::max);
    Limits {
        correlation: (1.0 - 2.0 * (1.0 - least(|fit| fit.correlation)))
            .clamp(LEAST_CORRELATION, 0.85),
        sharpness: 0.4 * least(|fit| fit.sharpness),
        gain: (
            0.7 * least(|fit| fit.pose.gain),
            1.4 * most(|fit| fit.pose.gain),
        ),
        places: fits
            .iter()
            .map(|fit| Place {
                turn_rad: fit.pose.turn_rad,
                dx: fit.pose.dx,
                dy: fit.pose.dy,
            })
            .collect(),
    }
}

/// The picture, halved until it is small enough to be judged in time.
pub(super) fn at_working_scale(picture: GrayImage) -> GrayImage {
    let mut scaled = picture;
    for _ in 0..ScreenModel::halvings(scaled.dimensions()) {
        scaled = halved(&scaled);
    }
    scaled
}

/// A copy as another capture of the same part might look: moved, other light, noise. The same for
/// every run, so that a model can be made again.
fn perturbed(picture: &GrayImage, copy: u32) -> GrayImage {
    let sign = if copy.is_multiple_of(2) { 1.0 } else { -1.0 };
    let step = f64::from(copy);
    let pose = Pose {
        turn_rad: 0.0008 * sign * step,
        dx: sign * (0.37 + step),
        dy: 0.29 - sign * step * 0.71,
        ..Pose::IN_PLACE
    };
    let (mut moved, _) = warp(picture, picture, pose);
    let gain = 1.0 + 0.02 * sign * step;
    let mut state = 0x9e37_79b9u32.wrapping_mul(copy);
    for level in moved.iter_mut() {
        // The sum of four bytes is close to a normal distribution; its deviation here is 2 levels.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let sum: u32 = state
            .to_le_bytes()
            .iter()
            .map(|byte| u32::from(*byte))
            .sum();
        let noise = (f64::from(sum) - 510.0) / 74.0;
        *level = (f64::from(*level) * gain + noise).round() as u8;
    }
    moved
}

fn mean_of(good: &[GrayImage]) -> GrayImage {
    let (width, height) = good.first().map_or((0, 0), size);
    let mut sums = vec![0u32; width * height];
    for picture in good {
        for (sum, level) in sums.iter_mut().zip(picture.as_raw()) {
            *sum += u32::from(*level);
        }
    }
    let count = good.len().max(1) as u32;
    let px = sums
        .into_iter()
        .map(|sum| ((sum + count / 2) / count) as u8)
        .collect();
    from_raw(width, height, px)
}
