//! How a part's picture was taken, as it is kept in its record.

use super::{DeviceIdentity, FeatureSettings, FrameFault, FrameQuality, PartPlane, RowSpan};
use crate::trigger::TriggerSource;

/// Device, settings and quality of the frame that was inspected.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct CaptureConditions {
    /// Who said that the part is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerSource>,
    /// Which device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceIdentity>,
    /// What it was told, and did.
    #[serde(skip_serializing_if = "FeatureSettings::is_empty")]
    pub features: FeatureSettings,
    /// How its pixels came: a PFNC name, or `JPEG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_format: Option<String>,
    /// Millimetres that a pixel stands for, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mm_per_px: Option<f64>,
    /// How the picture shows the plane of the part, where a checkerboard told. What is found is measured by it, and by
    /// [`CaptureConditions::mm_per_px`] without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane: Option<PartPlane>,
    /// What was measured of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<FrameQuality>,
    /// What makes the frame unfit to be judged; empty for a good one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FrameFault>,
    /// Rows of a line-scan picture that never came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_rows: Vec<RowSpan>,
}
