//! Cameras as the domain sees them: who they are, what state they are in, what they give.

use crate::{coded, image::EncodedImage, time::UnixMillis};

/// Names a camera in the configuration and on the command line, such as `simulated` or `replay`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
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

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Counts up from 0 with each frame of this camera; a gap is a frame lost.
    pub sequence: u64,
    /// When it was exposed.
    pub exposed_at: UnixMillis,
    /// Which camera.
    pub camera: CameraId,
    /// The picture, in the bytes that will go to disk.
    pub image: EncodedImage,
}

/// The camera as it is kept in the record of an inspection.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CameraTag {
    /// Its id; `file` for a picture given by a person.
    pub id: CameraId,
    /// The frame's number.
    pub frame_sequence: u64,
    /// When the frame was exposed, by the station's clock.
    pub exposed_at: UnixMillis,
}
