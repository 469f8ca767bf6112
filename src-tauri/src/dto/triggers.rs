use super::{HistoryRowDto, OrderDto};
use crate::triggers::{HttpError, Sources, TOKEN_FILE, Triggers};
use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;
use std::{net::SocketAddr, path::Path};
use wiko_core::trigger::{
    BarcodeFills, BarcodeSettings, PedalKey, TriggerCounts, TriggerSettings, TriggerSource,
};

/// How triggers are set up, and what came of them.
#[derive(Debug, Clone, Serialize, Type)]
pub struct TriggersDto {
    /// The settings that hold.
    pub settings: TriggerSettingsDto,
    /// Of each source, since the station started.
    pub counts: Vec<TriggerCountsDto>,
    /// Where programs on this machine may trigger; none where that is off.
    pub http: Option<HttpTriggerDto>,
}

impl TriggersDto {
    /// As they are now.
    pub fn new(triggers: &Triggers, sources: Option<&Sources>, data_dir: &Path) -> Self {
        let http = sources.and_then(|sources| sources.http.as_ref());
        Self {
            settings: triggers.settings().into(),
            counts: triggers
                .counts()
                .iter()
                .map(|counts| TriggerCountsDto::new(counts, triggers.missed_of(counts.source)))
                .collect(),
            http: http.map(|http| HttpTriggerDto::new(http, data_dir)),
        }
    }
}

/// How triggers are set up.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct TriggerSettingsDto {
    /// Who may trigger.
    pub sources: Vec<TriggerSource>,
    /// Two triggers closer than this are one.
    pub debounce_ms: u32,
    /// From one trigger of the interval to the next.
    pub interval_ms: u32,
    /// The key that the pedal sends.
    pub pedal_key: Option<PedalKey>,
    /// What a scanned code does.
    pub barcode: BarcodeSettingsDto,
    /// Where programs on this machine trigger.
    pub http_port: u16,
}

/// What a scanned code does.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct BarcodeSettingsDto {
    /// What every code of a part begins with; not part of the number.
    pub prefix: String,
    /// What every code of a part ends with; not part of the number.
    pub suffix: String,
    /// What the code is.
    pub fills: BarcodeFills,
    /// True where a scan takes the part as well.
    pub triggers: bool,
}

impl From<TriggerSettings> for TriggerSettingsDto {
    fn from(settings: TriggerSettings) -> Self {
        let barcode = settings.barcode;
        Self {
            sources: settings.sources.into_iter().collect(),
            debounce_ms: settings.debounce_ms,
            interval_ms: settings.interval_ms,
            pedal_key: settings.pedal_key,
            barcode: BarcodeSettingsDto {
                prefix: barcode.prefix,
                suffix: barcode.suffix,
                fills: barcode.fills,
                triggers: barcode.triggers,
            },
            http_port: settings.http_port,
        }
    }
}

impl From<TriggerSettingsDto> for TriggerSettings {
    fn from(dto: TriggerSettingsDto) -> Self {
        let barcode = dto.barcode;
        Self {
            sources: dto.sources.into_iter().collect(),
            debounce_ms: dto.debounce_ms,
            interval_ms: dto.interval_ms,
            pedal_key: dto.pedal_key,
            barcode: BarcodeSettings {
                prefix: barcode.prefix,
                suffix: barcode.suffix,
                fills: barcode.fills,
                triggers: barcode.triggers,
            },
            http_port: dto.http_port,
        }
    }
}

/// What came of the triggers of one source.
#[derive(Debug, Clone, Serialize, Type)]
pub struct TriggerCountsDto {
    /// The source.
    pub source: TriggerSource,
    /// Parts taken.
    #[specta(type = Number)]
    pub taken: f64,
    /// Refused as bounces.
    #[specta(type = Number)]
    pub bounced: f64,
    /// Refused while a part was being taken.
    #[specta(type = Number)]
    pub busy: f64,
    /// Let through, and no part came of it.
    #[specta(type = Number)]
    pub failed: f64,
    /// Parts that moved on by themselves and that nobody has seen.
    #[specta(type = Number)]
    pub missed: f64,
    /// When the last trigger came.
    #[specta(type = Option<Number>)]
    pub last_at: Option<f64>,
}

impl TriggerCountsDto {
    fn new(counts: &TriggerCounts, missed: u64) -> Self {
        Self {
            source: counts.source,
            taken: counts.taken as f64,
            bounced: counts.bounced as f64,
            busy: counts.busy as f64,
            failed: counts.failed as f64,
            missed: missed as f64,
            last_at: counts.last_at.map(|at| at.0 as f64),
        }
    }
}

/// Where programs on this machine may trigger, or why they may not.
#[derive(Debug, Clone, Serialize, Type)]
pub struct HttpTriggerDto {
    /// Where it listens.
    pub address: Option<String>,
    /// Why it does not, with what to do.
    pub error: Option<String>,
    /// The file that holds the token; never the token.
    pub token_file: String,
}

impl HttpTriggerDto {
    fn new(http: &Result<SocketAddr, HttpError>, data_dir: &Path) -> Self {
        Self {
            address: http.as_ref().ok().map(ToString::to_string),
            error: http.as_ref().err().map(ToString::to_string),
            token_file: data_dir.join(TOKEN_FILE).display().to_string(),
        }
    }
}

/// What a scanned code did.
#[derive(Debug, Clone, Serialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScannedDto {
    /// It took the part.
    Taken {
        /// As the history shows it.
        row: HistoryRowDto,
        /// What is inspected from now on, where the code named the lot.
        order: Option<OrderDto>,
    },
    /// Its serial number is kept for the next part.
    SerialKept {
        /// The number.
        serial: String,
    },
    /// It named the lot.
    Lot {
        /// What is inspected from now on.
        order: OrderDto,
    },
}
