use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    circuit::{CircuitReport, CircuitState},
    clock_watch::ClockTrouble,
    queue::{Obstacle, Queue, QueuedPart, QueuedParts, WorkState},
    service::Service,
    stage::Stage,
};

/// Whether a service is asked now.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct CircuitDto {
    /// Which.
    pub service: Service,
    /// Whether it is.
    pub state: CircuitState,
    /// Since when.
    #[specta(type = Number)]
    pub since: f64,
    /// Until when it is not; none unless open.
    #[specta(type = Option<Number>)]
    pub until: Option<f64>,
    /// What was met; none while closed.
    pub obstacle: Option<Obstacle>,
    /// In words, with what to do; empty while closed.
    pub reason: String,
}

impl From<&CircuitReport> for CircuitDto {
    fn from(report: &CircuitReport) -> Self {
        Self {
            service: report.service,
            state: report.state,
            since: report.since.0 as f64,
            until: report.until.map(|until| until.0 as f64),
            obstacle: report.obstacle,
            reason: report.reason.clone(),
        }
    }
}

/// A part on a queue.
#[derive(Debug, Clone, Serialize, Type)]
pub struct QueuedPartDto {
    /// The part.
    pub id: String,
    /// Its number.
    #[specta(type = Number)]
    pub sequence: f64,
    /// When it was captured.
    #[specta(type = Number)]
    pub captured_at: f64,
    /// Which product.
    pub product_sku: String,
    /// At which stage.
    pub stage: Stage,
    /// On which queue.
    pub queue: Queue,
    /// How it stands there.
    pub state: WorkState,
    /// Failed tries.
    pub attempts: u32,
    /// When it is tried next; none where that is at once or not at all.
    #[specta(type = Option<Number>)]
    pub due_at: Option<f64>,
    /// What stood in the way.
    pub obstacle: Option<Obstacle>,
    /// In words, with what to do; may be empty.
    pub reason: String,
}

impl From<&QueuedPart> for QueuedPartDto {
    fn from(part: &QueuedPart) -> Self {
        let why = part.hindrance.as_ref();
        Self {
            id: part.id.to_string(),
            sequence: part.sequence as f64,
            captured_at: part.captured_at.0 as f64,
            product_sku: part.product_sku.to_string(),
            stage: part.stage,
            queue: part.queue,
            state: part.state,
            attempts: part.attempts,
            due_at: part.due_at.map(|at| at.0 as f64),
            obstacle: why.map(|why| why.obstacle),
            reason: why.map(|why| why.reason.clone()).unwrap_or_default(),
        }
    }
}

/// The parked parts and those whose last try failed.
#[derive(Debug, Clone, Serialize, Type)]
pub struct QueuedPartsDto {
    /// The first of them, the parked before the others.
    pub parts: Vec<QueuedPartDto>,
    /// How many there are in all.
    #[specta(type = Number)]
    pub total: f64,
}

impl From<&QueuedParts> for QueuedPartsDto {
    fn from(page: &QueuedParts) -> Self {
        Self {
            parts: page.parts.iter().map(QueuedPartDto::from).collect(),
            total: page.total as f64,
        }
    }
}

/// What is wrong with the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum ClockTroubleKind {
    /// It was set while the station ran.
    Jumped,
    /// It shows a time before the last record.
    BehindRecords,
    /// It shows a time long after the last record.
    AheadOfRecords,
    /// It shows a time before this program was made.
    BeforeProgram,
}

/// What is wrong with the machine's clock, and what it showed.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct ClockTroubleDto {
    /// What.
    pub kind: ClockTroubleKind,
    /// What it showed.
    #[specta(type = Number)]
    pub shown: f64,
    /// By how much it jumped; back where negative.
    #[specta(type = Option<Number>)]
    pub by_seconds: Option<f64>,
    /// When the last record was captured.
    #[specta(type = Option<Number>)]
    pub last: Option<f64>,
}

impl From<ClockTrouble> for ClockTroubleDto {
    fn from(trouble: ClockTrouble) -> Self {
        let (kind, shown, by_seconds, last) = match trouble {
            ClockTrouble::Jumped { to, by_ms } => {
                let by_seconds = by_ms as f64 / 1000.0;
                (ClockTroubleKind::Jumped, to, Some(by_seconds), None)
            }
            ClockTrouble::BehindRecords { now, last } => {
                (ClockTroubleKind::BehindRecords, now, None, Some(last))
            }
            ClockTrouble::AheadOfRecords { now, last } => {
                (ClockTroubleKind::AheadOfRecords, now, None, Some(last))
            }
            ClockTrouble::BeforeProgram { now } => {
                (ClockTroubleKind::BeforeProgram, now, None, None)
            }
        };
        Self {
            kind,
            shown: shown.0 as f64,
            by_seconds,
            last: last.map(|last| last.0 as f64),
        }
    }
}
