//! What is asked of a camera between two frames: its thread alone touches it.

use crate::settings;
use tokio::sync::oneshot;
use wiko_core::{
    camera::{Feature, FeatureError, FeatureSettings, FeatureValue, Mismatch},
    ports::{Camera, CameraError},
};

/// The feature that is set for a frame of a camera that waits for the station's word.
const TRIGGER_SOFTWARE: &str = "TriggerSoftware";

/// A question, and where its answer goes. Who has stopped waiting misses nothing but the answer.
pub(super) enum Request {
    Features(oneshot::Sender<Result<Vec<Feature>, CameraError>>),
    Set {
        name: String,
        value: FeatureValue,
        reply: oneshot::Sender<Result<Feature, FeatureError>>,
    },
    Apply {
        settings: FeatureSettings,
        reply: oneshot::Sender<Result<Vec<Mismatch>, CameraError>>,
    },
    Trigger(oneshot::Sender<Result<(), CameraError>>),
}

/// What a request changed.
pub(super) enum Changed {
    Nothing,
    /// Settings differ; these are not met. None where only one was set, which says nothing of the others.
    Settings(Option<Vec<Mismatch>>),
}

impl Request {
    /// Asks the camera. What was set belongs to `settings` from then on.
    pub(super) fn answer(
        self,
        camera: &mut dyn Camera,
        wanted: &mut FeatureSettings,
    ) -> Result<Changed, CameraError> {
        match self {
            Self::Features(reply) => {
                let features = camera.features();
                let loss = loss_of(features.as_ref().err());
                let _ = reply.send(features);
                loss.map_or(Ok(Changed::Nothing), Err)
            }
            Self::Set { name, value, reply } => {
                let set = camera.set_feature(&name, &value);
                let loss = match &set {
                    Err(FeatureError::Camera(error)) => loss_of(Some(error)),
                    _ => None,
                };
                let changed = match &set {
                    // What is done once has no value to keep.
                    Ok(feature) if feature.value.is_some() && value != once() => {
                        wanted.insert(name, value);
                        Changed::Settings(None)
                    }
                    _ => Changed::Nothing,
                };
                let _ = reply.send(set);
                loss.map_or(Ok(changed), Err)
            }
            Self::Apply {
                settings: told,
                reply,
            } => {
                *wanted = told;
                let applied = settings::apply(camera, wanted);
                let loss = loss_of(applied.as_ref().err());
                let mismatches = applied.clone().ok();
                let _ = reply.send(applied);
                loss.map_or(Ok(Changed::Settings(mismatches)), Err)
            }
            Self::Trigger(reply) => {
                let done = camera.set_feature(TRIGGER_SOFTWARE, &FeatureValue::Boolean(true));
                let done = done.map(drop).map_err(|error| match error {
                    FeatureError::Camera(error) => error,
                    other => CameraError::failed(other),
                });
                let loss = loss_of(done.as_ref().err());
                let _ = reply.send(done);
                loss.map_or(Ok(Changed::Nothing), Err)
            }
        }
    }

    /// True where nobody waits for the answer any more.
    pub(super) fn is_forsaken(&self) -> bool {
        match self {
            Self::Features(reply) => reply.is_closed(),
            Self::Set { reply, .. } => reply.is_closed(),
            Self::Apply { reply, .. } => reply.is_closed(),
            Self::Trigger(reply) => reply.is_closed(),
        }
    }

    /// Answers without a camera.
    pub(super) fn refuse(self, error: CameraError) {
        match self {
            Self::Features(reply) => drop(reply.send(Err(error))),
            Self::Set { reply, .. } => drop(reply.send(Err(error.into()))),
            Self::Apply { reply, .. } => drop(reply.send(Err(error))),
            Self::Trigger(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// An automatic mode that goes back to `Off` by itself.
fn once() -> FeatureValue {
    FeatureValue::Text("Once".to_owned())
}

/// Only a camera that is gone is left for it.
fn loss_of(error: Option<&CameraError>) -> Option<CameraError> {
    error.filter(|error| error.is_loss()).cloned()
}
