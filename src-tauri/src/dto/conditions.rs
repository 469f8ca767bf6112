use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    camera::{
        CaptureConditions, DeviceIdentity, FeatureSettings, FrameFault, FrameQuality, RowSpan,
    },
    trigger::TriggerSource,
};

/// How a part's picture was taken.
#[derive(Debug, Clone, Serialize, Type)]
pub struct CaptureConditionsDto {
    /// Who said that the part is there.
    pub trigger: Option<TriggerSource>,
    /// Which device.
    pub device: Option<DeviceIdentity>,
    /// What it was told, and did.
    pub features: FeatureSettings,
    /// How its pixels came: a PFNC name, or `JPEG`.
    pub pixel_format: Option<String>,
    /// Millimetres that a pixel stood for.
    #[specta(type = Option<Number>)]
    pub mm_per_px: Option<f64>,
    /// What was measured of the frame.
    pub quality: Option<FrameQuality>,
    /// What made the frame unfit to be judged.
    pub faults: Vec<FrameFault>,
    /// Rows of a line-scan picture that never came.
    pub invalid_rows: Vec<RowSpan>,
}

impl From<&CaptureConditions> for CaptureConditionsDto {
    fn from(conditions: &CaptureConditions) -> Self {
        Self {
            trigger: conditions.trigger,
            device: conditions.device.clone(),
            features: conditions.features.clone(),
            pixel_format: conditions.pixel_format.clone(),
            mm_per_px: conditions.mm_per_px,
            quality: conditions.quality,
            faults: conditions.faults.clone(),
            invalid_rows: conditions.invalid_rows.clone(),
        }
    }
}
