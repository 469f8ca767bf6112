//! Judging one picture against a model.

use super::{
    align::aligned,
    layer::{Piece, seen_at},
    learn::at_working_scale,
    model::ScreenModel,
    plane::size,
    register::Registration,
};
use image::GrayImage;
use wiko_core::geometry::{BoxProvenance, BoxPx};

/// More findings than this are shown as the strongest ones.
const MOST_FINDINGS: usize = 32;
/// Pieces before they are merged; a bound on the work, far above what a real part shows.
const MOST_PIECES: usize = 500;
/// With a larger share of the picture beyond the threshold it is another part, not a defective one.
const MOST_COVERED: f64 = 0.4;

/// What the screen saw of one picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Screening {
    /// The picture was not fit to be judged; nothing is known of the part.
    Unfit(Unfit),
    /// It was judged.
    Judged {
        /// The highest excess in thresholds: 1 and more is a defect.
        score: f32,
        /// What was found, strongest first; empty for a good part.
        found: Vec<Found>,
    },
}

/// Why a picture was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Another size than learnt.
    OtherSize,
    /// The part was not found: wrong part, empty fixture, covered lens.
    NotFound,
    /// The part lies too far out of its place, or partly outside the picture.
    OutOfPlace,
    /// Much darker or brighter than learnt.
    OtherLight,
    /// Much less sharp than learnt.
    Blurred,
    /// Most of it differs: probably another product or stage.
    OtherPart,
    /// The surface as a whole has changed since it was learnt.
    Aged,
}

/// A place that differs from good parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Where, on the original picture.
    pub box_px: BoxPx,
    /// The highest excess in thresholds: 1 and more.
    pub strength: f32,
}

impl ScreenModel {
    /// Judges a picture.
    pub fn screen(&self, picture: GrayImage) -> Screening {
        if picture.dimensions() != self.picture_px {
            return Screening::Unfit(Unfit::OtherSize);
        }
        let working = at_working_scale(picture);
        let fit = match self.fit(&working) {
            Ok(fit) => fit,
            Err(unfit) => return Screening::Unfit(unfit),
        };
        let (even, seen) = aligned(&self.reference, &working, fit.pose);
        let mut pieces = Vec::new();
        let mut score = 0f32;
        for layer in &self.layers {
            let (found, worst) = layer.pieces(&seen_at(layer.scale, &even), &self.options);
            // What the fine layer saw, the coarse one would only draw larger.
            let covered = pieces.len();
            for piece in found {
                let known = pieces[..covered].iter().any(|fine| overlap(fine, &piece));
                if layer.scale == 1 || !known {
                    pieces.push(piece);
                }
            }
            score = score.max(worst);
        }
        let largest = self.options.largest_px as usize;
        let before = pieces.len();
        if largest > 0 {
            pieces.retain(|piece| piece.x2 - piece.x1 <= largest && piece.y2 - piece.y1 <= largest);
        }
        if pieces.is_empty() && before > 0 {
            return Screening::Unfit(Unfit::Aged);
        }
        let (width, height) = size(&self.reference);
        let covered: usize = pieces
            .iter()
            .map(|piece| (piece.x2 - piece.x1) * (piece.y2 - piece.y1))
            .sum();
        if covered as f64 > MOST_COVERED * (width * height) as f64 {
            return Screening::Unfit(Unfit::OtherPart);
        }
        strongest(&mut pieces, MOST_PIECES);
        merge(&mut pieces, self.options.merge_px as usize);
        strongest(&mut pieces, MOST_FINDINGS);
        let found: Vec<Found> = pieces
            .iter()
            .filter_map(|piece| self.found(piece, &fit))
            .collect();
        if found.len() < pieces.len() {
            return Screening::Unfit(Unfit::OutOfPlace);
        }
        // What the picture does not show was filled with the reference: nothing would be found there. A
        // defect in what it does show is one all the same.
        if found.is_empty() && !self.whole.is_in(&seen) {
            return Screening::Unfit(Unfit::OutOfPlace);
        }
        if found.is_empty() {
            // A speck that is too small to count does not make a part defective.
            score = score.min(0.99);
        }
        Screening::Judged { score, found }
    }

    /// How the boxes came to the original picture.
    pub fn provenance(&self) -> BoxProvenance {
        if self.reference.dimensions() == self.picture_px {
            BoxProvenance::Native
        } else {
            BoxProvenance::Resized {
                width_px: self.reference.width(),
                height_px: self.reference.height(),
            }
        }
    }

    fn fit(&self, working: &GrayImage) -> Result<Registration, Unfit> {
        let (width, height) = size(&self.reference);
        let fit = self.registrar.register(working).ok_or(Unfit::NotFound)?;
        let limits = &self.limits;
        if below(fit.correlation, limits.correlation) {
            Err(Unfit::NotFound)
        } else if !fit.in_reach(width, height) {
            Err(Unfit::OutOfPlace)
        } else if !(limits.gain.0..=limits.gain.1).contains(&fit.pose.gain) {
            Err(Unfit::OtherLight)
        } else if below(fit.sharpness, limits.sharpness) {
            Err(Unfit::Blurred)
        } else {
            Ok(fit)
        }
    }

    /// The piece as a box on the original picture: the hull of its turned corners.
    fn found(&self, piece: &Piece, fit: &Registration) -> Option<Found> {
        let (width, height) = size(&self.reference);
        let margin = f64::from(self.options.box_margin_px);
        let (x1, y1) = (piece.x1 as f64 - margin, piece.y1 as f64 - margin);
        let (x2, y2) = (piece.x2 as f64 + margin, piece.y2 as f64 + margin);
        // Edges lie half a pixel from pixel centres.
        let corners = [(x1, y1), (x2, y1), (x1, y2), (x2, y2)].map(|(x, y)| {
            let (x, y) = fit.pose.to_picture(x - 0.5, y - 0.5, width, height);
            (
                (x + 0.5).clamp(0.0, width as f64),
                (y + 0.5).clamp(0.0, height as f64),
            )
        });
        let low = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::MAX, f64::min);
        let high = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(0.0, f64::max);
        let seen = [low(|c| c.0), low(|c| c.1), high(|c| c.0), high(|c| c.1)];
        let (width_px, height_px) = self.picture_px;
        // Refused only for a piece wholly outside the picture, where nothing should be found.
        let box_px = self
            .provenance()
            .to_original(seen, width_px, height_px)
            .ok()?;
        Some(Found {
            box_px,
            strength: piece.strength,
        })
    }
}

fn strongest(pieces: &mut Vec<Piece>, most: usize) {
    pieces.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    pieces.truncate(most);
}

fn overlap(a: &Piece, b: &Piece) -> bool {
    near(a, b, 0)
}

fn near(a: &Piece, b: &Piece, gap: usize) -> bool {
    a.x1 <= b.x2 + gap && b.x1 <= a.x2 + gap && a.y1 <= b.y2 + gap && b.y1 <= a.y2 + gap
}

/// Joins pieces that are closer than `gap` until none are.
fn merge(pieces: &mut Vec<Piece>, gap: usize) {
    let mut at = 0;
    while at < pieces.len() {
        let one = pieces[at];
        let partner = (at + 1..pieces.len()).find(|other| near(&one, &pieces[*other], gap));
        match partner {
            Some(other) => {
                let two = pieces.swap_remove(other);
                pieces[at] = Piece {
                    x1: one.x1.min(two.x1),
                    y1: one.y1.min(two.y1),
                    x2: one.x2.max(two.x2),
                    y2: one.y2.max(two.y2),
                    strength: one.strength.max(two.strength),
                };
                // The joined piece may now be near one that was passed over.
                at = 0;
            }
            None => at += 1,
        }
    }
}

/// True where `seen` is less than `least`, or no number at all.
fn below(seen: f64, least: f64) -> bool {
    seen.is_nan() || least.is_nan() || seen < least
}
