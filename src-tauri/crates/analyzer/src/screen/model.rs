//! What was learnt of one SKU at one stage.

use super::{
    layer::Layer,
    register::{Pose, Registrar},
    whole::Whole,
};
use image::GrayImage;
use wiko_core::{image::Sha256, sku::ProductSku, stage::Stage};

/// Which differences count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// Darker and brighter than learnt.
    Both,
    /// Darker than learnt only: where highlights wander and pits are dark.
    Darker,
}

/// How to learn. The default fits camera pictures; sizes are in pixels of the working scale.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnOptions {
    /// An edge may lie this far from where it was learnt.
    pub edge_tolerance_px: u8,
    /// Differences narrower than this, each way, do not count; 0 and 1 let all count.
    pub opening_px: u8,
    /// A piece of fewer pixels than this does not count.
    pub smallest_px: u32,
    /// Pieces closer than this are one finding.
    pub merge_px: u32,
    /// A box is drawn this much larger than what was found, each way.
    pub box_margin_px: u32,
    /// Which differences count.
    pub polarity: Polarity,
    /// The threshold is this many times what good parts differ from each other: the next good part
    /// may differ a little more than any before.
    pub headroom: f32,
    /// A difference of fewer grey levels never counts: noise, compression, dust.
    pub least_levels: f32,
    /// A piece longer than this, each way, is no finding: the surface as a whole has changed. A part
    /// with nothing but such pieces is not judged. 0 lets every piece be a finding.
    pub largest_px: u32,
}

impl Default for LearnOptions {
    fn default() -> Self {
        Self {
            edge_tolerance_px: 1,
            opening_px: 0,
            smallest_px: 12,
            merge_px: 12,
            box_margin_px: 1,
            polarity: Polarity::Both,
            headroom: 1.25,
            least_levels: 6.0,
            largest_px: 0,
        }
    }
}

impl LearnOptions {
    /// Refuses what would judge nothing or pass everything; names the option.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            (
                "edge_tolerance_px",
                f64::from(self.edge_tolerance_px),
                0.0,
                16.0,
            ),
            ("opening_px", f64::from(self.opening_px), 0.0, 32.0),
            ("smallest_px", f64::from(self.smallest_px), 1.0, 2000.0),
            ("merge_px", f64::from(self.merge_px), 0.0, 500.0),
            ("box_margin_px", f64::from(self.box_margin_px), 0.0, 100.0),
            ("headroom", f64::from(self.headroom), 1.0, 3.0),
            ("least_levels", f64::from(self.least_levels), 1.0, 128.0),
            ("largest_px", f64::from(self.largest_px), 0.0, 10_000.0),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("{name} must be from {least} to {most}"));
            }
        }
        Ok(())
    }
}

/// What was learnt of one SKU at one stage.
pub struct ScreenModel {
    pub(super) sku: ProductSku,
    pub(super) stage: Stage,
    /// Size of the pictures that were learnt from, upright.
    pub(super) picture_px: (u32, u32),
    pub(super) options: LearnOptions,
    /// The mean good picture at the working scale.
    pub(super) reference: GrayImage,
    pub(super) registrar: Registrar,
    /// What a picture has to show of it.
    pub(super) whole: Whole,
    pub(super) layers: Vec<Layer>,
    pub(super) limits: Limits,
    /// Score of each learnt picture against what the others taught, in thresholds: below 1.
    pub(super) scores: Vec<f32>,
    pub(super) sha256: Sha256,
}

/// What a picture must keep to, to be judged at all.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Limits {
    /// Least correlation with the reference.
    pub(super) correlation: f64,
    /// Least gradient at the reference's edges, in shares of the reference's.
    pub(super) sharpness: f64,
    /// Gains between the picture's light and the reference's.
    pub(super) gain: (f64, f64),
    /// Where the good pictures lay: what one of them did not show, a picture need not show.
    pub(super) places: Vec<Place>,
}

/// Where a good picture lay against the reference.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Place {
    pub(super) turn_rad: f64,
    pub(super) dx: f64,
    pub(super) dy: f64,
}

impl Limits {
    /// Where the good pictures lay.
    pub(super) fn poses(&self) -> impl Iterator<Item = Pose> {
        self.places.iter().map(|place| Pose {
            turn_rad: place.turn_rad,
            dx: place.dx,
            dy: place.dy,
            ..Pose::IN_PLACE
        })
    }
}

impl std::fmt::Debug for ScreenModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScreenModel")
            .field("sku", &self.sku)
            .field("stage", &self.stage)
            .field("picture_px", &self.picture_px)
            .field("learnt_from", &self.scores.len())
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl ScreenModel {
    /// The product.
    pub fn sku(&self) -> &ProductSku {
        &self.sku
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Size of the pictures that it judges.
    pub fn picture_px(&self) -> (u32, u32) {
        self.picture_px
    }

    /// Hash of the model's file.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Score of each learnt picture against what the others taught; 1 is the threshold. A score far
    /// above the others' tells of a picture that may not be good.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Pictures, counted from 0 in the order learnt, whose score is three times the median and more, where it
    /// is one that counts: look at them before trusting the model. Pictures that hardly differ at all have a
    /// median near nothing, of which the smallest noise is many times as much.
    pub fn suspects(&self) -> Vec<usize> {
        let mut sorted = self.scores.clone();
        sorted.sort_by(f32::total_cmp);
        let Some(median) = sorted.get(sorted.len() / 2).copied() else {
            return vec![];
        };
        let stands_out =
            |score: f32| sorted.len() > 2 && score >= LEAST_SUSPECT && score >= 3.0 * median;
        (0..self.scores.len())
            .filter(|index| stands_out(self.scores[*index]))
            .collect()
    }

    /// Halvings between the picture and the working scale.
    pub(super) fn halvings(picture_px: (u32, u32)) -> u32 {
        let mut halvings = 0;
        let mut area = u64::from(picture_px.0) * u64::from(picture_px.1);
        while area > MOST_WORKING_PX {
            area /= 4;
            halvings += 1;
        }
        halvings
    }
}

/// A picture that differs from the others by less than this share of the threshold teaches nothing that they do
/// not. The worst of the good pictures lies at one over the headroom.
const LEAST_SUSPECT: f32 = 0.2;

/// Larger pictures are halved until they are no larger than this.
const MOST_WORKING_PX: u64 = 4_000_000;
