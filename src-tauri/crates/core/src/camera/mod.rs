//! Cameras as the domain sees them: who they are, what state they are in, what they can be told, what they give.
//!
//! Names are those of the GenICam standard features naming convention (SFNC) and pixel format naming convention (PFNC),
//! also for cameras that know nothing of it: `ExposureTime` is microseconds whatever the driver counts in.

mod conditions;
mod device;
mod feature;
mod pixel;
mod plane;
mod quality;

pub use conditions::CaptureConditions;
pub use device::{DeviceIdentity, DeviceMatch, FoundDevice, Transport, UsbAddress};
pub use feature::{
    Access, Feature, FeatureError, FeatureKind, FeatureSettings, FeatureValue, Mismatch, Visibility,
};
pub use pixel::{BadRawImage, BayerTile, PixelFormat, RawImage, YuvRange};
pub use plane::{Distortion, NotMeasured, PartPlane, SizeMm, projected};
pub use quality::{FrameFault, FrameQuality, QualityLimits, RowSpan};

use crate::{coded, image::EncodedImage, time::UnixMillis};

/// Names a camera in the configuration and on the command line, such as `simulated` or `replay`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct CameraId(pub String);

impl std::fmt::Display for CameraId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// What a camera is doing.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum CameraState {
    /// Being opened.
    Opening,
    /// Frames arrive.
    Streaming,
    /// Open, and no frame arrives.
    Stalled,
    /// Gone; it will be tried again.
    Lost,
    /// There are no more pictures to replay.
    Ended,
}
coded!(CameraState, "camera state");

/// One frame, as a camera gives it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Counts up from 0 with each frame of this camera; a gap is a frame lost.
    pub sequence: u64,
    /// When it was exposed, by the station's clock.
    pub exposed_at: UnixMillis,
    /// Which camera.
    pub camera: CameraId,
    /// The picture.
    pub picture: FramePicture,
    /// What makes it unfit to be judged, as far as the camera itself knows; empty for a whole frame.
    pub faults: Vec<FrameFault>,
    /// Rows that never came, in order; they hold a level of grey that says nothing. Empty for a whole frame.
    pub invalid_rows: Vec<RowSpan>,
}

impl Frame {
    /// Pixels across and down, upright.
    pub fn size_px(&self) -> (u32, u32) {
        match &self.picture {
            FramePicture::Encoded(image) => (image.facts().width_px, image.facts().height_px),
            FramePicture::Raw(raw) => (raw.width_px(), raw.height_px()),
        }
    }
}

/// The picture of a frame.
#[derive(Debug, Clone)]
pub enum FramePicture {
    /// A whole file, such as the JPEG of an MJPEG camera, in the very bytes that will go to disk.
    Encoded(EncodedImage),
    /// Pixels as the sensor gave them; they become a file once the frame is inspected.
    Raw(RawImage),
}

impl FramePicture {
    /// The file, where it is one already.
    pub fn encoded(&self) -> Option<&EncodedImage> {
        match self {
            Self::Encoded(image) => Some(image),
            Self::Raw(_) => None,
        }
    }

    /// Memory that it takes, in bytes.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Encoded(image) => image.bytes().len(),
            Self::Raw(raw) => raw.bytes().len(),
        }
    }
}

/// A frame as it is inspected: a file, and where it came from.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Which camera, and which of its frames.
    pub camera: CameraTag,
    /// The picture, in the bytes that go to disk.
    pub image: EncodedImage,
}

/// What a camera's stream has delivered and lost since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct StreamStatistics {
    /// Frames that arrived whole.
    pub frames: u64,
    /// Frames that the camera took and we never saw whole.
    pub frames_lost: u64,
    /// Packets that had to be asked for again (GigE Vision).
    pub packets_resent: u64,
    /// Packets that never came (GigE Vision).
    pub packets_missing: u64,
    /// Frames that came while no buffer was free: the station was too slow.
    pub underruns: u64,
}

/// The camera as it is kept in the record of an inspection.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CameraTag {
    /// Its id; `file` for a picture given by a person.
    pub id: CameraId,
    /// The frame's number.
    pub frame_sequence: u64,
    /// When the frame was exposed, by the station's clock.
    pub exposed_at: UnixMillis,
    /// How the picture was taken; none for a picture of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Box<CaptureConditions>>,
}

impl CameraTag {
    /// What makes the picture unfit to be judged; empty where nothing does.
    pub fn faults(&self) -> &[FrameFault] {
        self.conditions
            .as_ref()
            .map_or(&[], |conditions| &conditions.faults)
    }
}
