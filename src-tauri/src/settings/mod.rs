//! The station's configuration: `station.toml` in the data directory, overridden by the environment.
//!
//! Invariants:
//! - A wrong key or type is refused with its line; nothing is guessed.
//! - No secret has a place here, and one that was written here by mistake is not repeated in an error.

mod environment;
mod file;
mod malformed;
mod storage;

pub use environment::Environment;
pub use file::{AwsFile, AzureFile, CameraDriver, CameraFile, CredentialsSource, StationFile};
pub use malformed::without_secrets;
pub use storage::{BackupSettings, StorageSettings};

use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use wiko_core::{
    UnknownCode,
    analysis::Provider,
    facility::Facility,
    ports::Language,
    shift::{BadShiftPlan, ShiftPlan},
    sku::{NotASku, ProductSku, SkuCatalog},
    spending::Budget,
    stage::Stage,
};

/// Everything a station is told before it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Database, spool, logs, models and `station.toml` lie here.
    pub data_dir: PathBuf,
    /// True on the demo profile.
    pub demo: bool,
    /// Where the station stands.
    pub facility: Facility,
    /// Its name.
    pub station: String,
    /// The language it starts with.
    pub language: Language,
    /// The products that it knows.
    pub skus: SkuCatalog,
    /// When the shifts begin.
    pub shifts: ShiftPlan,
    /// What is inspected when it starts.
    pub order: OrderSettings,
    /// The camera.
    pub camera: CameraFile,
    /// Who is asked, in this order.
    pub chain: Vec<Provider>,
    /// Analyses under way at once.
    pub analyses_in_flight: usize,
    /// What models may cost in a month.
    pub budget: Budget,
    /// Of the parts that machines find good, one in so many is for a person all the same; 0 for none.
    pub review_every: u32,
    /// A part whose verdict comes later than that after its capture has moved on.
    pub late_after: Duration,
    /// Uploads under way at once.
    pub uploads_in_flight: usize,
    /// AWS.
    pub aws: AwsFile,
    /// Azure OpenAI.
    pub azure: AzureFile,
    /// Where credentials come from.
    pub credentials: CredentialsSource,
    /// What is kept how long.
    pub storage: StorageSettings,
    /// The daily backup, where there is one.
    pub backup: Option<BackupSettings>,
}

/// What is inspected when the station starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// Which product.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no TOML, or has a wrong key or type; the message names the line.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A value of the environment is none of the possible ones.
    #[error("{name}: {reason}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A value is not possible.
    #[error("{key}: {reason}")]
    Value {
        /// The key in `station.toml`.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Name of the file in the data directory.
pub const FILE_NAME: &str = "station.toml";

/// More than any station spends.
const MOST_USD_PER_MONTH: f64 = 10_000_000.0;

/// From finer to coarser than any camera that looks at parts.
const MM_PER_PX: std::ops::RangeInclusive<f64> = 0.000_1..=100.0;

/// Faster than any camera that looks at parts.
const MOST_FRAMES_PER_SECOND: f64 = 1000.0;

impl Settings {
    /// Reads `station.toml` where there is one, and lets the environment override it.
    pub fn load(
        data_dir: &Path,
        demo: bool,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let path = data_dir.join(FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(SettingsError::Unreadable { path, error }),
        };
        let mut file =
            toml::from_str::<StationFile>(&text).map_err(|error| SettingsError::Malformed {
                path,
                message: malformed::describe(&text, &error),
            })?;
        environment.override_file(&mut file)?;
        if demo {
            file.analysis.chain = vec![Provider::Screen];
            file.camera = CameraFile::default();
            file.aws = AwsFile::default();
            file.azure = AzureFile::default();
        }
        Self::checked(data_dir, demo, file)
    }

    fn checked(data_dir: &Path, demo: bool, file: StationFile) -> Result<Self, SettingsError> {
        let value = |key: &'static str, reason: String| SettingsError::Value { key, reason };
        let bad_sku = |error: NotASku| value("station.product_skus", error.to_string());
        let skus = match file.station.product_skus {
            Some(skus) if skus.is_empty() => {
                return Err(value(
                    "station.product_skus",
                    "the list is empty".to_owned(),
                ));
            }
            Some(skus) => {
                let skus: Result<Vec<_>, _> = skus.into_iter().map(ProductSku::new).collect();
                SkuCatalog::new(skus.map_err(bad_sku)?)
            }
            None => SkuCatalog::default(),
        };
        let product_sku = match &file.order.product_sku {
            Some(given) => skus
                .find(given)
                .map_err(|error: UnknownCode| value("order.product_sku", error.to_string()))?
                .clone(),
            None => skus.all()[0].clone(),
        };
        let zone = jiff::tz::TimeZone::get(&file.station.time_zone)
            .map_err(|error| value("station.time_zone", error.to_string()))?;
        let starts = file
            .shifts
            .into_iter()
            .map(|shift| (shift.code, shift.starts.0))
            .collect();
        let shifts = ShiftPlan::new(zone, starts)
            .map_err(|error: BadShiftPlan| value("shifts", error.to_string()))?;
        let in_flight = |key, count: usize| match count {
            1..=64 => Ok(count),
            _ => Err(value(key, "must be from 1 to 64".to_owned())),
        };
        let (camera, aws) = (&file.camera, &file.aws);
        // Also turns away what is no number.
        if !(camera.frames_per_second > 0.0 && camera.frames_per_second <= MOST_FRAMES_PER_SECOND) {
            let reason = format!("must be above 0 and at most {MOST_FRAMES_PER_SECOND}");
            return Err(value("camera.frames_per_second", reason));
        }
        if camera.mm_per_px.is_some_and(|mm| !MM_PER_PX.contains(&mm)) {
            let reason = format!("must be from {} to {}", MM_PER_PX.start(), MM_PER_PX.end());
            return Err(value("camera.mm_per_px", reason));
        }
        if !(0.0..=1.0).contains(&camera.defect_rate) {
            let reason = "must be from 0 to 1".to_owned();
            return Err(value("camera.defect_rate", reason));
        }
        for (key, text) in [
            ("station.name", Some(&file.station.name)),
            ("camera.id", Some(&camera.id)),
            ("aws.region", Some(&aws.region)),
            ("aws.s3_bucket", aws.s3_bucket.as_ref()),
            ("aws.dynamodb_table", aws.dynamodb_table.as_ref()),
            ("aws.bedrock_model_id", aws.bedrock_model_id.as_ref()),
        ] {
            if text.is_some_and(|text| text.trim().is_empty()) {
                let reason = "is empty: write a value, or leave the key out".to_owned();
                return Err(value(key, reason));
            }
        }
        Ok(Self {
            data_dir: data_dir.to_owned(),
            demo,
            facility: file.station.facility,
            station: file.station.name,
            language: file.station.language,
            skus,
            shifts,
            order: OrderSettings {
                product_sku,
                stage: file.order.stage,
            },
            camera: file.camera,
            chain: file.analysis.chain,
            analyses_in_flight: in_flight("analysis.in_flight", file.analysis.in_flight)?,
            budget: Budget {
                month_micro_usd: micro_usd(file.analysis.budget_usd_per_month)?,
                sample_every: file.analysis.sample_every,
            },
            review_every: file.analysis.review_every,
            late_after: Duration::from_secs(file.analysis.late_after_s.into()),
            uploads_in_flight: in_flight("aws.uploads_in_flight", file.aws.uploads_in_flight)?,
            aws: file.aws,
            azure: file.azure,
            credentials: file.credentials.source,
            storage: file.storage.checked()?,
            backup: file.backup.checked(data_dir)?,
        })
    }
}

fn micro_usd(usd: f64) -> Result<u64, SettingsError> {
    // Also turns away what is no number.
    if !(0.0..=MOST_USD_PER_MONTH).contains(&usd) {
        return Err(SettingsError::Value {
            key: "analysis.budget_usd_per_month",
            reason: format!("must be from 0 to {MOST_USD_PER_MONTH}"),
        });
    }
    Ok((usd * 1e6).round() as u64)
}

#[cfg(test)]
mod tests;
