//! A region of interest for a camera that cannot be told one: each of its frames is cut.
//!
//! Invariants:
//! - What is cut off is nobody's: the live picture, the limits and the part are all of the region.
//! - Bytes of a JPEG are cut without being encoded again where they can be; the region grows outward to whole blocks then.
//! - A frame that does not hold the region is a bad frame, never one that is shown whole.

use std::time::Duration;
use wiko_core::{
    camera::{
        CameraId, DeviceIdentity, Feature, FeatureError, FeatureValue, Frame, StreamStatistics,
    },
    geometry::BoxPx,
    ports::{Camera, CameraError},
};
use wiko_imaging::crop_frame;

/// Gives a region of another camera's frames.
pub struct RegionCamera {
    camera: Box<dyn Camera>,
    region: BoxPx,
}

impl RegionCamera {
    /// `region` is in pixels of the camera's own frames.
    pub fn new(camera: Box<dyn Camera>, region: BoxPx) -> Self {
        Self { camera, region }
    }
}

impl Camera for RegionCamera {
    fn id(&self) -> &CameraId {
        self.camera.id()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let frame = self.camera.next_frame(timeout)?;
        let cropped = crop_frame(&frame, self.region);
        let cropped = cropped.map_err(|refused| CameraError::BadFrame {
            source_name: format!("{} frame {}", frame.camera, frame.sequence),
            reason: format!("the region of interest cannot be cut: {refused}"),
        })?;
        Ok(cropped.picture)
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        self.camera.device()
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        self.camera.features()
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        self.camera.feature(name)
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        self.camera.set_feature(name, value)
    }

    fn is_waiting(&self) -> bool {
        self.camera.is_waiting()
    }

    fn gives_parts(&self) -> bool {
        self.camera.gives_parts()
    }

    fn statistics(&self) -> StreamStatistics {
        self.camera.statistics()
    }
}
