use crate::triggers::{Refused, TriggerFileError};
use wiko_core::{
    camera::FeatureError,
    ports::{CameraError, SecretsError, StoreError},
    trigger::TriggerRefusal,
};

/// What the window needs to know of a failure: a code that it translates, and a sentence for whatever
/// the translation leaves open.
#[derive(Debug, Clone, serde::Serialize, specta::Type)]
pub struct CommandError {
    /// Which failure.
    pub code: ErrorCode,
    /// In English, with what to do. Never holds a secret.
    pub message: String,
}

/// The closed list of failures. Each has its text in every language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The signed-in role may not do this.
    Forbidden,
    /// No such part.
    NotFound,
    /// A code, id or value that is not known.
    InvalidInput,
    /// No fresh frame came from the camera.
    CameraTimeout,
    /// The camera is gone.
    CameraLost,
    /// The pictures of a replay are at their end.
    CameraEnded,
    /// The camera does not do what it was told.
    CameraNotReady,
    /// The camera refused a setting.
    CameraSetting,
    /// The frame cannot be used.
    BadFrame,
    /// The disk is full.
    DiskFull,
    /// The data directory cannot be written.
    ReadOnly,
    /// The disk or the database failed.
    StorageFault,
    /// A picture is damaged or missing.
    ImageDamaged,
    /// A picture was removed to make room; the cloud has it.
    ImageRemoved,
    /// Decided before.
    AlreadyDecided,
    /// The keyring is locked.
    KeyringLocked,
    /// There is no keyring.
    KeyringMissing,
    /// The keyring did not do it.
    KeyringFailed,
    /// A part is being taken: trigger again once it is safe.
    TriggerBusy,
    /// Too soon after the last trigger to be another part.
    TriggerBounce,
    /// This trigger is switched off.
    TriggerOff,
    /// The station broke off while it took the part.
    BrokenOff,
    /// What the window calls whatever the station did not say.
    #[expect(
        dead_code,
        reason = "made in TypeScript, for failures before any command answers"
    )]
    Internal,
}

impl CommandError {
    /// A failure with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotFound { .. } => ErrorCode::NotFound,
            StoreError::AlreadyDecided { .. } => ErrorCode::AlreadyDecided,
            StoreError::DiskFull { .. } => ErrorCode::DiskFull,
            StoreError::ReadOnly { .. } => ErrorCode::ReadOnly,
            StoreError::ImageDamaged { .. } => ErrorCode::ImageDamaged,
            StoreError::ImageRemoved { .. } => ErrorCode::ImageRemoved,
            StoreError::InUse { .. }
            | StoreError::TooNew { .. }
            | StoreError::Refused { .. }
            | StoreError::Fault { .. } => ErrorCode::StorageFault,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Refused> for CommandError {
    fn from(refused: Refused) -> Self {
        let code = match &refused {
            Refused::Failed(error) => return error.clone(),
            Refused::Trigger(TriggerRefusal::Busy) => ErrorCode::TriggerBusy,
            Refused::Trigger(TriggerRefusal::Bounce) => ErrorCode::TriggerBounce,
            Refused::Trigger(TriggerRefusal::SourceOff) => ErrorCode::TriggerOff,
            Refused::OtherCode(_) => ErrorCode::InvalidInput,
            Refused::BrokenOff => ErrorCode::BrokenOff,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<TriggerFileError> for CommandError {
    fn from(error: TriggerFileError) -> Self {
        let code = match &error {
            TriggerFileError::Io { .. } => ErrorCode::StorageFault,
            TriggerFileError::Malformed { .. } | TriggerFileError::Bad(_) => {
                ErrorCode::InvalidInput
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<CameraError> for CommandError {
    fn from(error: CameraError) -> Self {
        let code = match &error {
            CameraError::Timeout { .. } => ErrorCode::CameraTimeout,
            CameraError::Lost { .. } => ErrorCode::CameraLost,
            CameraError::NotReady { .. } => ErrorCode::CameraNotReady,
            CameraError::Ended => ErrorCode::CameraEnded,
            CameraError::BadFrame { .. } => ErrorCode::BadFrame,
        };
        Self::new(code, error.to_string())
    }
}

impl From<FeatureError> for CommandError {
    fn from(error: FeatureError) -> Self {
        match error {
            FeatureError::Camera(error) => error.into(),
            refused => Self::new(ErrorCode::CameraSetting, refused.to_string()),
        }
    }
}

impl From<SecretsError> for CommandError {
    fn from(error: SecretsError) -> Self {
        let code = match &error {
            SecretsError::Locked => ErrorCode::KeyringLocked,
            SecretsError::NoService => ErrorCode::KeyringMissing,
            SecretsError::TooLong { .. } => ErrorCode::InvalidInput,
            SecretsError::TimedOut { .. }
            | SecretsError::Garbled { .. }
            | SecretsError::ReadOnly
            | SecretsError::Failed { .. } => ErrorCode::KeyringFailed,
        };
        Self::new(code, error.to_string())
    }
}

impl From<wiko_core::UnknownCode> for CommandError {
    fn from(error: wiko_core::UnknownCode) -> Self {
        Self::new(ErrorCode::InvalidInput, error.to_string())
    }
}

impl From<wiko_core::id::NotAnInspectionId> for CommandError {
    fn from(error: wiko_core::id::NotAnInspectionId) -> Self {
        Self::new(ErrorCode::InvalidInput, error.to_string())
    }
}
