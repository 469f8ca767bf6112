//! A camera that shows what the test shows it.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};
use wiko_core::{
    camera::{CameraId, Feature, FeatureError, FeatureKind, FeatureValue, Frame, FramePicture},
    image::EncodedImage,
    ports::{Camera, CameraError, Clock},
};

/// Waits for what its [`Shutter`] sends; at its end once the shutter is dropped.
pub struct FakeCamera {
    id: CameraId,
    clock: Arc<dyn Clock>,
    shown: Receiver<Result<EncodedImage, CameraError>>,
    sequence: u64,
    features: Vec<Feature>,
    stubborn: Vec<String>,
}

/// The test's end of a [`FakeCamera`].
#[derive(Debug, Clone)]
pub struct Shutter(SyncSender<Result<EncodedImage, CameraError>>);

impl FakeCamera {
    /// A camera, and what makes it give frames.
    pub fn new(id: &str, clock: Arc<dyn Clock>) -> (Self, Shutter) {
        let (shutter, shown) = sync_channel(1024);
        let camera = Self {
            id: CameraId(id.to_owned()),
            clock,
            shown,
            sequence: 0,
            features: Vec::new(),
            stubborn: Vec::new(),
        };
        (camera, Shutter(shutter))
    }

    /// It can be told these.
    pub fn with_features(mut self, features: Vec<Feature>) -> Self {
        self.features = features;
        self
    }

    /// It takes a value for this feature and keeps the one that it has.
    pub fn stubborn_about(mut self, name: &str) -> Self {
        self.stubborn.push(name.to_owned());
        self
    }
}

impl Shutter {
    /// The next frame shows `image`. It is exposed when the camera is asked for it.
    pub fn show(&self, image: EncodedImage) {
        self.0.send(Ok(image)).unwrap();
    }

    /// The next frame is this error.
    pub fn fail(&self, error: CameraError) {
        self.0.send(Err(error)).unwrap();
    }
}

impl Camera for FakeCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        Ok(self.features.clone())
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let stubborn = self.stubborn.iter().any(|feature| feature == name);
        let feature = self.features.iter_mut().find(|known| known.name == name);
        let feature = feature.ok_or_else(|| FeatureError::Unknown {
            name: name.to_owned(),
        })?;
        let value = feature.accept(value)?;
        if feature.kind != FeatureKind::Command && !stubborn {
            feature.value = Some(value);
        }
        Ok(feature.clone())
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let image = match self.shown.recv_timeout(timeout) {
            Ok(shown) => shown?,
            Err(RecvTimeoutError::Timeout) => {
                return Err(CameraError::Timeout {
                    waited_ms: timeout.as_millis() as u64,
                });
            }
            Err(RecvTimeoutError::Disconnected) => return Err(CameraError::Ended),
        };
        let sequence = self.sequence;
        self.sequence += 1;
        Ok(Frame {
            sequence,
            exposed_at: self.clock.now(),
            camera: self.id.clone(),
            picture: FramePicture::Encoded(image),
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }
}
