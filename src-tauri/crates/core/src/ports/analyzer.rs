use super::Hindered;
use crate::{
    analysis::{Analysis, Provider},
    coded,
    geometry::BoxPx,
    image::EncodedImage,
    inspection::CaptureFacts,
    spending::Meter,
    verdict::UndeterminedReason,
};

/// The language of what is written for people.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Language {
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    #[strum(serialize = "zh-CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en")]
    #[strum(serialize = "en")]
    En,
}
coded!(Language, "language");

/// What an analyzer is given.
#[derive(Debug, Clone)]
pub struct AnalysisRequest {
    /// The part.
    pub capture: CaptureFacts,
    /// Its picture, upright once decoded with its EXIF orientation applied.
    pub image: EncodedImage,
    /// The language of descriptions.
    pub language: Language,
    /// What the local screen said before, where it did.
    pub screening: Option<Analysis>,
    /// Why the local screen, which should have looked, gave no answer; none where it did, or has learnt nothing of
    /// the part. Nobody's Pass stands without it.
    pub screen_fault: Option<String>,
    /// Millimetres that a pixel of the original stands for, where the camera is calibrated.
    pub mm_per_px: Option<f64>,
    /// Notes what is spent on the part, whatever comes of it.
    pub meter: Meter,
}

impl AnalysisRequest {
    /// How far a box of the original reaches at most, in millimetres: its diagonal, which no extent of a defect in it
    /// exceeds. In the plane of the part where the camera was calibrated by one, else by what a pixel stands for. None
    /// where neither is known, or the plane does not tell there: then no other number would be right.
    pub fn extent_mm(&self, area: &BoxPx) -> Option<f64> {
        let facts = self.image.facts();
        let conditions = self.capture.camera.conditions.as_ref();
        let plane = conditions.and_then(|conditions| conditions.plane.as_ref());
        // One of other pictures says nothing of this one.
        let plane =
            plane.filter(|plane| plane.holds_for((facts.width_px, facts.height_px)).is_ok());
        if let Some(plane) = plane {
            return plane.size_mm(area).ok().map(|size| size.diagonal_mm);
        }
        let diagonal_px = f64::from(area.width).hypot(f64::from(area.height));
        self.mm_per_px.map(|mm| mm * diagonal_px)
    }
}

/// Says what is wrong with a part and where.
#[async_trait::async_trait]
pub trait Analyzer: Send + Sync {
    /// Who it is.
    fn provider(&self) -> Provider;

    /// Why nobody is to judge the part before a person has looked, where what it is to be judged by is not as it was
    /// released. Asked before anybody is, also where this one itself may not be asked now.
    async fn withheld(&self, _: &AnalysisRequest) -> Option<String> {
        None
    }

    /// Analyses one picture. The analysis names the hash of the very picture that was given.
    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError>;
}

/// No analysis, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnalysisError {
    /// It has learnt nothing of this product at this stage; another analyzer may know.
    #[error("{reason}")]
    NotLearnt {
        /// In words, with what to do.
        reason: String,
    },
    /// It answered, and the answer cannot be used. Not to be asked again of anyone else.
    #[error("{detail}")]
    Unusable {
        /// Why the part is undetermined.
        reason: UndeterminedReason,
        /// In words.
        detail: String,
    },
    /// It did not answer.
    #[error(transparent)]
    Hindered(#[from] Hindered),
    /// What the part is to be judged by is not as it was released. Nobody else is asked in its place: who asks less
    /// of the part would judge it, and nobody would see.
    #[error("{reason}")]
    Withheld {
        /// In words, with what to do.
        reason: String,
    },
}
