use crate::camera::{
    CameraId, DeviceIdentity, Feature, FeatureError, FeatureValue, FoundDevice, Frame,
    StreamStatistics,
};
use crate::coded;
use std::time::Duration;

/// A source of frames. Blocking: each camera is driven by a thread of its own, on which it is also dropped, since that
/// may take seconds where a camera is gone.
pub trait Camera: Send {
    /// Who it is.
    fn id(&self) -> &CameraId;

    /// The next frame. Returns within `timeout` and a little, whatever the camera does. After
    /// [`CameraError::Ended`] or [`CameraError::Lost`] the camera is to be dropped.
    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError>;

    /// Which device it is; none where there is no hardware.
    fn device(&self) -> Option<&DeviceIdentity> {
        None
    }

    /// All that it can be told, as it is now, in the order in which its categories list it.
    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        Ok(Vec::new())
    }

    /// One feature as it is now.
    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        let features = self.features()?;
        let named = features.into_iter().find(|feature| feature.name == name);
        named.ok_or_else(|| FeatureError::Unknown {
            name: name.to_owned(),
        })
    }

    /// Sets a feature and answers with it as it is then. Where it is locked while streaming, the stream is stopped and
    /// started around it. A refusal changes nothing.
    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let _ = value;
        Err(FeatureError::Unknown {
            name: name.to_owned(),
        })
    }

    /// True where it is well although no frame comes: lines arrive, and no part lies on the belt.
    fn is_waiting(&self) -> bool {
        false
    }

    /// True where each of its frames is a part of its own, cut out of what passes by.
    fn gives_parts(&self) -> bool {
        false
    }

    /// What it has delivered and lost since it was opened.
    fn statistics(&self) -> StreamStatistics {
        StreamStatistics::default()
    }
}

/// Finds cameras of one kind. Blocking, and may take a second.
pub trait CameraDiscovery: Send + Sync {
    /// All that are there now, in an order that stays the same while nothing changes. Fails where cameras of this kind
    /// cannot be looked for at all, as without their library.
    fn discover(&self) -> Result<Vec<FoundDevice>, CameraError>;
}

/// Why a camera is not to be had.
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
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum LostCause {
    /// It is not there: not plugged in, no power, another network.
    NotFound,
    /// It was there and went away.
    Unplugged,
    /// Another program or station has it.
    OpenElsewhere,
    /// This user may not open it.
    NoPermission,
    /// The library for this kind of camera is not installed.
    NoDriver,
    /// Several cameras may be it; a person has to say which.
    Ambiguous,
    /// It offers no format that the station can read.
    NoUsableFormat,
    /// It is there and gives no frame.
    Silent,
    /// Anything else, in the reason's words.
    Failed,
}
coded!(LostCause, "cause");

/// No frame, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// None came in time; another try may bring one.
    #[error("no frame within {waited_ms} ms; check the cable and the trigger")]
    Timeout {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// One came that cannot be used; the next may be good.
    #[error("{source_name}: {reason}")]
    BadFrame {
        /// The frame's or file's name.
        source_name: String,
        /// In words.
        reason: String,
    },
    /// The camera is there and does not do what it was told, so none of its frames becomes a part.
    #[error("the camera is not ready to inspect: {reason}; look at its settings in set-up")]
    NotReady {
        /// What it does not do, in words.
        reason: String,
    },
    /// The pictures are at their end.
    #[error("there are no more pictures")]
    Ended,
    /// The camera is gone or cannot be had.
    #[error("{reason}")]
    Lost {
        /// Why.
        cause: LostCause,
        /// In words, with what to do.
        reason: String,
    },
}

impl CameraError {
    /// The camera is lost for a cause of its own kind.
    pub fn lost(cause: LostCause, reason: impl Into<String>) -> Self {
        Self::Lost {
            cause,
            reason: reason.into(),
        }
    }

    /// True where the camera is to be dropped and opened anew.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Ended)
    }

    /// The camera is lost for a reason that only words tell.
    pub fn failed(reason: impl std::fmt::Display) -> Self {
        Self::lost(LostCause::Failed, reason.to_string())
    }
}
