//! The form of `station.toml`. Every key has a default, so that an empty file is a station.

use super::storage::{BackupFile, StorageFile};
use serde::Deserialize;
use std::path::PathBuf;
use wiko_core::{analysis::Provider, facility::Facility, ports::Language, stage::Stage};

/// `station.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationFile {
    /// Where and what the station is.
    pub station: StationSection,
    /// When the shifts begin.
    pub shifts: Vec<ShiftFile>,
    /// What is inspected when it starts.
    pub order: OrderFile,
    /// The camera.
    pub camera: CameraFile,
    /// Who decides.
    pub analysis: AnalysisFile,
    /// AWS.
    pub aws: AwsFile,
    /// Azure OpenAI.
    pub azure: AzureFile,
    /// Credentials.
    pub credentials: CredentialsSection,
    /// What is kept how long.
    pub storage: StorageFile,
    /// The daily backup.
    pub backup: BackupFile,
}

impl Default for StationFile {
    fn default() -> Self {
        let shift = |code: &str, hour| ShiftFile {
            code: code.to_owned(),
            starts: TimeOfDay(jiff::civil::time(hour, 0, 0, 0)),
        };
        Self {
            station: StationSection::default(),
            shifts: vec![shift("A", 7), shift("B", 15), shift("C", 23)],
            order: OrderFile::default(),
            camera: CameraFile::default(),
            analysis: AnalysisFile::default(),
            aws: AwsFile::default(),
            azure: AzureFile::default(),
            credentials: CredentialsSection::default(),
            storage: StorageFile::default(),
            backup: BackupFile::default(),
        }
    }
}

/// `[station]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationSection {
    /// The station's name in records.
    pub name: String,
    /// Where it stands.
    pub facility: Facility,
    /// The language it starts with.
    pub language: Language,
    /// IANA name of the zone in which shifts begin.
    pub time_zone: String,
    /// The products; none for the factory's usual six.
    pub product_skus: Option<Vec<String>>,
}

impl Default for StationSection {
    fn default() -> Self {
        Self {
            name: "station-1".to_owned(),
            facility: Facility::Yangjiang,
            language: Language::ZhCn,
            time_zone: "Asia/Shanghai".to_owned(),
            product_skus: None,
        }
    }
}

/// One of `[[shifts]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftFile {
    /// Such as `A`.
    pub code: String,
    /// Such as `07:00`.
    pub starts: TimeOfDay,
}

/// A time of day, `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeOfDay(pub jiff::civil::Time);

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(given: String) -> Result<Self, Self::Error> {
        jiff::civil::Time::strptime("%H:%M", &given)
            .map(Self)
            .map_err(|_| format!("\"{given}\" is no time of day: write it as \"07:00\""))
    }
}

/// `[order]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderFile {
    /// Which product; none for the first of the list.
    pub product_sku: Option<String>,
    /// At which stage.
    pub stage: Stage,
}

impl Default for OrderFile {
    fn default() -> Self {
        Self {
            product_sku: None,
            stage: Stage::BladeGlazing,
        }
    }
}

/// `[camera]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraFile {
    /// Its id in records.
    pub id: String,
    /// What kind it is.
    pub driver: CameraDriver,
    /// Millimetres that one of its pixels stands for, where that was measured.
    pub mm_per_px: Option<f64>,
    /// Of a replay: the folder of pictures.
    pub folder: Option<PathBuf>,
    /// Of a replay: begin again at the end.
    pub looping: bool,
    /// Of a replay or simulation.
    pub frames_per_second: f64,
    /// Of a simulation: the seed of its parts.
    pub seed: u64,
    /// Of a simulation: the share of parts with a defect, 0 to 1.
    pub defect_rate: f64,
}

impl Default for CameraFile {
    fn default() -> Self {
        Self {
            id: "simulated".to_owned(),
            driver: CameraDriver::Simulated,
            mm_per_px: None,
            folder: None,
            looping: true,
            frames_per_second: 30.0,
            seed: 1963,
            defect_rate: 0.25,
        }
    }
}

/// The kinds of cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CameraDriver {
    /// Renders parts.
    Simulated,
    /// Plays a folder of pictures.
    Replay,
}

/// `[analysis]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisFile {
    /// Who is asked, in this order; the next one only where the one before cannot be reached or has
    /// learnt nothing.
    pub chain: Vec<Provider>,
    /// Analyses under way at once.
    pub in_flight: usize,
    /// What models may cost in a calendar month, in US dollars.
    pub budget_usd_per_month: f64,
    /// Once that is spent, models are asked for one part in so many; 0 for none.
    pub sample_every: u32,
    /// Of the parts that machines find good, one in so many is for a person all the same; 0 for none.
    pub review_every: u32,
    /// A part whose verdict comes later than that after its capture has moved on.
    pub late_after_s: u32,
}

impl Default for AnalysisFile {
    fn default() -> Self {
        Self {
            chain: vec![Provider::Claude, Provider::Screen],
            in_flight: 4,
            budget_usd_per_month: 500.0,
            sample_every: 20,
            review_every: 0,
            late_after_s: 60,
        }
    }
}

/// `[aws]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsFile {
    /// The region of all services.
    pub region: String,
    /// The bucket of the images; without it and the table, records stay on this machine.
    pub s3_bucket: Option<String>,
    /// The table of the results.
    pub dynamodb_table: Option<String>,
    /// The model, as Bedrock names it; none for the default.
    pub bedrock_model_id: Option<String>,
    /// Private endpoints, and those of tests.
    pub s3_endpoint: Option<String>,
    /// See `s3_endpoint`.
    pub dynamodb_endpoint: Option<String>,
    /// See `s3_endpoint`.
    pub bedrock_endpoint: Option<String>,
    /// A file with the certificates of the plant's proxy.
    pub ca_bundle: Option<PathBuf>,
    /// Uploads under way at once.
    pub uploads_in_flight: usize,
}

impl Default for AwsFile {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            s3_bucket: None,
            dynamodb_table: None,
            bedrock_model_id: None,
            s3_endpoint: None,
            dynamodb_endpoint: None,
            bedrock_endpoint: None,
            ca_bundle: None,
            uploads_in_flight: 4,
        }
    }
}

/// `[azure]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AzureFile {
    /// Address of the resource, such as `https://wiko.openai.azure.com`.
    pub endpoint: Option<String>,
    /// Name of the deployment.
    pub deployment: Option<String>,
    /// For the classic addresses, such as `2024-10-21`; none for the present ones.
    pub api_version: Option<String>,
    /// US dollars for a million tokens sent; what is not said counts as nothing.
    pub usd_per_million_input: f64,
    /// US dollars for a million tokens received.
    pub usd_per_million_output: f64,
}

/// `[credentials]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialsSection {
    /// Where they come from.
    pub source: CredentialsSource,
}

/// Where credentials come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsSource {
    /// The keyring of the operating system.
    #[default]
    Keyring,
    /// The environment: tests and service accounts only.
    Environment,
}
