//! The one place that builds every part of a station and puts it behind its port.

use crate::{
    circuits::CircuitFile,
    clock::{SystemClock, SystemEntropy},
    settings::{CredentialsSource, Environment, Settings},
    trail::{self, Signing},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use wiko_analyzer::{
    azure::{AzureOpenAi, AzureSettings},
    claude::{Claude, ClaudeSettings},
    screen::{Screen, ScreenModels},
    vision::{
        VisionAnalyzer, VisionModel,
        prompt::PromptBroken,
        prompts::Prompts,
        recipe::{RecipeSource, ReleasedRecipes},
    },
};
use wiko_aws::{Aws, AwsSettings, BadCaBundle};
use wiko_cloud::{CloudSettings, CloudUploader};
use wiko_core::{
    analysis::Provider,
    camera::CameraId,
    chain::Chain,
    ports::{
        Analyzer, Clock, Entropy, Records, SecretName, Secrets, SecretsError, StoreError, Uploader,
    },
};
use wiko_pipeline::{Calibration, Parts, Station, StationSettings};
use wiko_secrets::{EnvironmentSecrets, KeyringSecrets, MemorySecrets};
use wiko_store::{BallastedRecords, RecordsReader, SqliteRecords, StoreOptions};

/// Calls of one model for one part at the most: a look and a closer one, each with its repair, and the cause; each may
/// be made twice, where credentials are set meanwhile.
const CALLS_OF_A_MODEL: u32 = 10;

/// Over the longest upload: reading the picture, and noting what came of it.
const LEASE_MARGIN: Duration = Duration::from_secs(60);

/// Profile under which secrets lie in the keyring, so that a demo never touches a station's.
const KEYRING_PROFILE: &str = "default";

/// Where released recipes lie in the data directory.
pub const RECIPES_DIR: &str = "recipes";

/// A whole station, wired.
pub struct Installation {
    /// What it was told.
    pub settings: Arc<Settings>,
    /// The engine.
    pub station: Station,
    /// For `status` beside this process.
    _circuits: CircuitFile,
    /// Records, also for what the port does not offer.
    pub records: Arc<SqliteRecords>,
    /// Credentials.
    pub secrets: Arc<dyn Secrets>,
    /// What the local screen has learnt.
    pub models: Arc<ScreenModels>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The key of the audit trail.
    pub signing: Signing,
}

/// The station cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// Its records cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificates cannot be read.
    #[error(transparent)]
    CaBundle(#[from] BadCaBundle),
    /// Claude cannot be asked with these settings.
    #[error("{0}")]
    Claude(String),
    /// Azure OpenAI cannot be asked with these settings.
    #[error("{0}")]
    Azure(String),
    /// The chain asks Azure OpenAI, and nothing says where it is.
    #[error(
        "analysis.chain asks azure: set azure.{0} in station.toml, or take it out of the chain"
    )]
    AzureNotSet(&'static str),
    /// A recipe cannot be made into a prompt.
    #[error(transparent)]
    Recipe(#[from] PromptBroken),
    /// Only one of bucket and table is set.
    #[error("aws: set both s3_bucket and dynamodb_table, or neither; {0} is missing")]
    HalfACloud(&'static str),
}

impl Installation {
    /// Opens the records and builds the station; nothing runs yet.
    pub async fn open(settings: Settings, secrets: Arc<dyn Secrets>) -> Result<Self, WiringError> {
        let opened = SqliteRecords::open(&settings.data_dir, store_options(&settings)).await?;
        for path in &opened.quarantined {
            tracing::warn!(path = %path.display(), "a picture without a record was put in quarantine");
        }
        let records = Arc::new(opened.records);
        let models = Arc::new(ScreenModels::open(models_dir(&settings)));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        if !records.keep_ballast(settings.storage.ballast_bytes).await? {
            tracing::warn!("there is no room for the ballast");
        }
        trail::note_start(&records, &settings, &*clock, &opened.quarantined).await?;
        trail::keep_taking_in(&records, settings.data_dir.clone());
        let signing = trail::sign(
            records.clone(),
            signing_secrets(&settings, &secrets),
            clock.clone(),
        );
        let aws = aws(&settings, secrets.clone())?;
        let cloud = uploader(&settings, &aws)?;
        let longest_upload = cloud.as_ref().map(CloudUploader::longest_upload);
        let upload_lease = longest_upload.unwrap_or_default() + LEASE_MARGIN;
        let screen: Arc<dyn Analyzer> = Arc::new(Screen::new(models.clone()));
        let parts = Parts {
            records: Arc::new(BallastedRecords::new(records.clone())) as Arc<dyn Records>,
            chain: chain(&settings, &aws, &secrets, &screen)?,
            screen: Some(screen),
            uploader: cloud.map(|cloud| Arc::new(cloud) as Arc<dyn Uploader>),
            clock: clock.clone(),
            entropy: entropy.clone(),
            settings: StationSettings {
                facility: settings.facility,
                station: settings.station.clone(),
                shifts: settings.shifts.clone(),
                language: settings.language,
                analyses_in_flight: settings.analyses_in_flight,
                uploads_in_flight: settings.uploads_in_flight,
                analysis_lease: analysis_lease(&settings.chain),
                upload_lease,
                budget: settings.budget,
                review_every: settings.review_every,
                calibration: settings.camera.mm_per_px.map(|mm_per_px| Calibration {
                    camera: CameraId(settings.camera.id.clone()),
                    mm_per_px,
                }),
            },
        };
        let station = Station::new(parts);
        if let Some(trouble) = trail::unseen_clock_trouble(records.reader()).await? {
            station.clock_is_still_troubled(trouble);
        }
        Ok(Self {
            _circuits: CircuitFile::keep(station.clone(), &settings.data_dir),
            settings: Arc::new(settings),
            station,
            records,
            secrets,
            models,
            clock,
            entropy,
            signing,
        })
    }
}

/// The demo has no account and asks no keyring: its trail is chained and not signed.
fn signing_secrets(settings: &Settings, secrets: &Arc<dyn Secrets>) -> Arc<dyn Secrets> {
    if settings.demo {
        Arc::new(MemorySecrets::default())
    } else {
        secrets.clone()
    }
}

/// Longer than any analysis may take, whoever of the chain is asked and however often.
fn analysis_lease(chain: &[Provider]) -> Duration {
    let models = chain
        .iter()
        .filter(|provider| provider.service().is_some())
        .count();
    let calls = CALLS_OF_A_MODEL * u32::try_from(models).unwrap_or(u32::MAX);
    let timeout = Duration::from_millis(ClaudeSettings::default().attempt_timeout_ms);
    timeout.saturating_mul(calls) + LEASE_MARGIN
}

/// How the store is opened.
pub fn store_options(settings: &Settings) -> StoreOptions {
    StoreOptions {
        reserve_bytes: settings.storage.reserve_bytes,
        late_after: settings.late_after,
    }
}

/// Where the local screen keeps what it has learnt.
pub fn models_dir(settings: &Settings) -> PathBuf {
    settings.data_dir.join("models")
}

/// The recipes that were released on this station.
pub fn released_recipes(settings: &Settings) -> ReleasedRecipes {
    ReleasedRecipes::open(settings.data_dir.join(RECIPES_DIR))
}

/// The records, to be read beside a station that may be running; none where nothing was captured yet.
pub async fn open_reader(settings: &Settings) -> Result<Option<RecordsReader>, StoreError> {
    RecordsReader::open(&settings.data_dir).await
}

/// Credentials from where the settings say.
pub fn secrets(settings: &Settings, environment: &Environment) -> Arc<dyn Secrets> {
    match settings.credentials {
        CredentialsSource::Keyring => Arc::new(KeyringSecrets::new(KEYRING_PROFILE)),
        CredentialsSource::Environment => {
            let variable = |name: &str| environment.get(name).map(str::to_owned);
            Arc::new(EnvironmentSecrets::from_variables(variable))
        }
    }
}

/// Credentials for a window: where there is no keyring at all, they are kept in memory until the window is
/// closed, and the window says so.
pub async fn window_secrets(settings: &Settings, environment: &Environment) -> Arc<dyn Secrets> {
    let secrets = secrets(settings, environment);
    match secrets.get(SecretName::AwsAccessKey).await {
        Err(SecretsError::NoService) => {
            tracing::warn!("there is no keyring: credentials are kept in memory");
            Arc::new(MemorySecrets::default())
        }
        _ => secrets,
    }
}

/// What every AWS client shares.
pub fn aws(settings: &Settings, secrets: Arc<dyn Secrets>) -> Result<Aws, BadCaBundle> {
    let mut shared = AwsSettings::new(settings.aws.region.clone());
    shared.ca_bundle.clone_from(&settings.aws.ca_bundle);
    Aws::new(shared, secrets)
}

fn chain(
    settings: &Settings,
    aws: &Aws,
    secrets: &Arc<dyn Secrets>,
    screen: &Arc<dyn Analyzer>,
) -> Result<Chain, WiringError> {
    let analyzers: Result<_, _> = settings
        .chain
        .iter()
        .map(|provider| analyzer(settings, *provider, aws, secrets, screen))
        .collect();
    Ok(Chain::new(analyzers?))
}

/// One analyzer, as the settings name it.
pub fn analyzer(
    settings: &Settings,
    provider: Provider,
    aws: &Aws,
    secrets: &Arc<dyn Secrets>,
    screen: &Arc<dyn Analyzer>,
) -> Result<Arc<dyn Analyzer>, WiringError> {
    Ok(match provider {
        Provider::Screen => screen.clone(),
        Provider::Claude => {
            Arc::new(claude(settings, aws)?.with_released(released_recipes(settings)))
        }
        Provider::Azure => {
            Arc::new(azure(settings, secrets.clone())?.with_released(released_recipes(settings)))
        }
    })
}

/// A model that a recipe is checked and released with.
pub struct RecipeModel {
    /// Asks it.
    pub analyzer: Arc<dyn Analyzer>,
    /// What it is asked with.
    pub prompts: Arc<Prompts>,
    /// Its id, as its provider names it.
    pub model_id: String,
    /// Tokens below which its service caches nothing, where it has a cache.
    pub cache_floor_tokens: Option<u64>,
}

/// The first model of the chain, which judges by `candidate` where one is given and else by what is released; Claude
/// where the chain asks none. Decodes pictures: not for an async thread.
pub fn recipe_model(
    settings: &Settings,
    secrets: &Arc<dyn Secrets>,
    candidate: Option<RecipeSource>,
) -> Result<RecipeModel, WiringError> {
    let recipes = released_recipes(settings);
    let mut models = settings
        .chain
        .iter()
        .filter(|provider| provider.service().is_some());
    Ok(match models.next() {
        Some(Provider::Azure) => {
            recipe_model_of(azure(settings, secrets.clone())?, recipes, candidate)?
        }
        _ => {
            let aws = aws(settings, secrets.clone())?;
            recipe_model_of(claude(settings, &aws)?, recipes, candidate)?
        }
    })
}

fn recipe_model_of<M: VisionModel + 'static>(
    model: VisionAnalyzer<M>,
    recipes: ReleasedRecipes,
    candidate: Option<RecipeSource>,
) -> Result<RecipeModel, PromptBroken> {
    let model = match candidate {
        Some(source) => model.with_candidate(source)?,
        None => model.with_released(recipes),
    };
    Ok(RecipeModel {
        prompts: model.prompts().clone(),
        model_id: model.model_id().to_owned(),
        cache_floor_tokens: model.cache_floor_tokens(),
        analyzer: Arc::new(model),
    })
}

fn claude(settings: &Settings, aws: &Aws) -> Result<Claude, WiringError> {
    let mut claude = ClaudeSettings::default();
    claude
        .endpoint_url
        .clone_from(&settings.aws.bedrock_endpoint);
    if let Some(model_id) = &settings.aws.bedrock_model_id {
        claude.model_id.clone_from(model_id);
    }
    Claude::on_bedrock(aws, claude).map_err(|error| WiringError::Claude(error.to_string()))
}

/// Azure OpenAI, as the settings name it.
pub fn azure(settings: &Settings, secrets: Arc<dyn Secrets>) -> Result<AzureOpenAi, WiringError> {
    let set = |key, value: &Option<String>| value.clone().ok_or(WiringError::AzureNotSet(key));
    let (file, aws) = (&settings.azure, &settings.aws);
    let unreadable = |path: &PathBuf, error: std::io::Error| {
        WiringError::Azure(format!("aws.ca_bundle {}: {error}", path.display()))
    };
    let ca_bundle = aws.ca_bundle.as_ref();
    let ca_bundle =
        ca_bundle.map(|path| std::fs::read(path).map_err(|error| unreadable(path, error)));
    let azure = AzureSettings {
        endpoint: set("endpoint", &file.endpoint)?,
        deployment: set("deployment", &file.deployment)?,
        api_version: file.api_version.clone(),
        usd_per_million_input: file.usd_per_million_input,
        usd_per_million_output: file.usd_per_million_output,
        ca_bundle: ca_bundle.transpose()?,
        attempt_timeout_ms: ClaudeSettings::default().attempt_timeout_ms,
    };
    AzureOpenAi::at(azure, secrets).map_err(|error| WiringError::Azure(error.to_string()))
}

/// The cloud, where the settings name one.
pub fn uploader(settings: &Settings, aws: &Aws) -> Result<Option<CloudUploader>, WiringError> {
    let (bucket, table) = match (&settings.aws.s3_bucket, &settings.aws.dynamodb_table) {
        (Some(bucket), Some(table)) => (bucket, table),
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(WiringError::HalfACloud("s3_bucket")),
        (Some(_), None) => return Err(WiringError::HalfACloud("dynamodb_table")),
    };
    let mut cloud = CloudSettings::new(bucket, table, settings.facility);
    cloud.s3.endpoint_url.clone_from(&settings.aws.s3_endpoint);
    cloud
        .dynamodb
        .endpoint_url
        .clone_from(&settings.aws.dynamodb_endpoint);
    Ok(Some(CloudUploader::new(aws, cloud)))
}
