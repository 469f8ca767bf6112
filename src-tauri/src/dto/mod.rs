//! What crosses to the window: wire types, and nothing that decides anything.
//!
//! Invariants:
//! - These types alone are seen by TypeScript; `ui/src/bindings.gen.ts` is generated from them.
//! - Times are epoch milliseconds, boxes are pixels of the upright original picture, numbers fit in an
//!   `f64` without loss and are finite, so that TypeScript may call them `number`.
//! - Nothing secret is ever put into one.

mod audit;
mod camera;
mod camera_quality;
mod conditions;
mod containment;
mod error;
mod event;
mod history;
mod inspection;
mod queue;
mod setup;
mod spending;
mod station;
mod triggers;

pub use audit::AuditRowDto;
pub use camera::{
    AssignCameraForm, CalibrateForm, CameraDto, ExportedSettingsDto, FeatureSetDto, FlatFieldDto,
    FlatFieldStep, FoundCameraDto, FoundCamerasDto, ImportedSettingsDto, LineScanDto, LiveAidsDto,
    RegionForm, SetFeatureForm, TestShotDto, UnavailableDto,
};
pub use camera_quality::QualityHistoryDto;
pub use conditions::CaptureConditionsDto;
pub use containment::ContainedPartsDto;
pub use error::{CommandError, ErrorCode};
pub use event::StationUpdate;
pub use history::{HistoryPageDto, HistoryQueryDto, HistoryRowDto};
pub use inspection::{AnalysisDto, InspectionDto, OperatorCallForm, VerdictDto};
pub use queue::{CircuitDto, ClockTroubleDto, QueuedPartsDto};
pub use setup::{CheckDto, CheckState, CredentialsDto, CredentialsForm};
pub use spending::{BudgetDto, SpendingDto};
pub use station::{
    CameraWarningDto, CameraWarningKind, CloudDto, CloudLink, LiveDto, MissedPartsDto, OrderDto,
    PreviewDto, SessionDto, StationDto,
};
pub use triggers::{ScannedDto, TriggerSettingsDto, TriggersDto};
