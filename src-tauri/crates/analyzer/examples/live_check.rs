//! Asks the models themselves, on a real account, and holds them to what must be true whatever they say of a part.
//! It is what `make test-live` runs; docs/analysis.md says which variables it reads.
//!
//! ```text
//! cargo run --example live_check             what would be asked, and at what cost
//! cargo run --example live_check -- --spend  asks
//! ```
//!
//! Exit status 0 where everything held, 1 where something did not or nobody can be asked, 2 where it only told.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, error::Error, process::ExitCode, sync::Arc};
use wiko_analyzer::{
    azure::{AzureOpenAi, AzureSettings},
    claude::{
        Claude, ClaudeSettings,
        models::{self, DEFAULT_MODEL_ID},
    },
    vision::{TokenCounts, VisionAnalyzer, VisionModel},
};
use wiko_aws::{Aws, AwsSettings};
use wiko_core::{
    analysis::{Analysis, Usage},
    defect::DefectType,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered, Language, Secrets},
    queue::Obstacle,
    sku::ProductSku,
    spending::{Call, Meter, Purpose},
    stage::Stage,
    verdict::judge,
};
use wiko_secrets::EnvironmentSecrets;
use wiko_testkit::builders;

const STAGE: Stage = Stage::BladeGlazing;
const LANGUAGE: Language = Language::En;

/// Withdrawn by its maker.
const WITHDRAWN: &str = "us.anthropic.claude-opus-4-20250514-v1:0";

/// Offered by nobody; asking costs nothing.
const OFFERED_BY_NOBODY: &str = "us.anthropic.nobody-1";

/// Two parts: a look each and one cause, or for each a look, a closer one, a further try at both, and a cause.
const USUAL_CALLS: u64 = 3;
const MOST_CALLS: u64 = 10;

/// What is taken for a price where the contract's is not known, in US dollars for a million tokens.
const AZURE_PRICE: (f64, f64) = (2.5, 10.0);

#[tokio::main]
async fn main() -> ExitCode {
    let spend = env::args()
        .nth(1)
        .is_some_and(|argument| argument == "--spend");
    let account = match Account::of_environment() {
        Ok(account) => account,
        Err(error) => {
            eprintln!("test-live: {error}");
            return ExitCode::FAILURE;
        }
    };
    account.announce();
    if !spend {
        return ExitCode::from(2);
    }
    let mut report = Report::default();
    for model_id in &account.bedrock_model_ids {
        account.check_claude(model_id, &mut report).await;
    }
    if let Some(settings) = &account.azure {
        account.check_azure(settings, &mut report).await;
    }
    report.conclude()
}

/// Whom to ask, out of the environment.
struct Account {
    secrets: Arc<dyn Secrets>,
    region: String,
    bedrock_endpoint: Option<String>,
    bedrock_model_ids: Vec<String>,
    azure: Option<AzureSettings>,
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

impl Account {
    fn of_environment() -> Result<Self, String> {
        let wanted = |name: &str| variable(name).ok_or(format!("{name} is not set"));
        let bedrock = variable("AWS_ACCESS_KEY_ID").is_some();
        if bedrock {
            wanted("AWS_SECRET_ACCESS_KEY")?;
        }
        let azure = match variable("WIKO_AZURE_ENDPOINT") {
            None => None,
            Some(endpoint) => {
                wanted("AZURE_OPENAI_API_KEY")?;
                Some(AzureSettings {
                    endpoint,
                    deployment: wanted("WIKO_AZURE_DEPLOYMENT")?,
                    api_version: variable("WIKO_AZURE_API_VERSION"),
                    usd_per_million_input: AZURE_PRICE.0,
                    usd_per_million_output: AZURE_PRICE.1,
                    ca_bundle: None,
                    attempt_timeout_ms: ClaudeSettings::default().attempt_timeout_ms,
                })
            }
        };
        if !bedrock && azure.is_none() {
            return Err("neither AWS_ACCESS_KEY_ID nor WIKO_AZURE_ENDPOINT is set".into());
        }
        let ids = variable("WIKO_LIVE_BEDROCK_MODEL_IDS").unwrap_or(DEFAULT_MODEL_ID.into());
        let ids = ids.split(',').map(|id| id.trim().to_owned());
        let region = variable("WIKO_AWS_REGION").or(variable("AWS_REGION"));
        Ok(Self {
            secrets: Arc::new(EnvironmentSecrets::from_process()),
            region: region.unwrap_or("us-east-1".into()),
            bedrock_endpoint: variable("WIKO_BEDROCK_ENDPOINT"),
            bedrock_model_ids: if bedrock { ids.collect() } else { vec![] },
            azure,
        })
    }

    /// What asking may cost; said before anything is asked.
    fn announce(&self) {
        for id in &self.bedrock_model_ids {
            let (usual, most) = match models::lookup(id) {
                Ok(model) => costs(|counts| model.capabilities.price.usage(counts, 0)),
                // It is refused before anything is sent.
                Err(_) => (0.0, 0.0),
            };
            println!(
                "{id} in {}: about {USUAL_CALLS} calls and ${usual:.2}, at most {MOST_CALLS} calls and ${most:.2}",
                self.region
            );
        }
        if let Some(azure) = &self.azure {
            println!(
                "{} at Azure: about {USUAL_CALLS} calls, at most {MOST_CALLS}; costs below are at ${} and ${} a \
                 million tokens",
                azure.deployment, AZURE_PRICE.0, AZURE_PRICE.1
            );
        }
    }

    fn claude(&self, model_id: &str) -> Result<Claude, Box<dyn Error>> {
        let aws = Aws::new(AwsSettings::new(self.region.clone()), self.secrets.clone())?;
        let settings = ClaudeSettings {
            model_id: model_id.to_owned(),
            endpoint_url: self.bedrock_endpoint.clone(),
            ..ClaudeSettings::default()
        };
        Ok(Claude::on_bedrock(&aws, settings)?)
    }

    async fn check_claude(&self, model_id: &str, report: &mut Report) {
        println!("\n{model_id}");
        let claude = match self.claude(model_id) {
            Ok(claude) => claude,
            Err(error) => return report.note("it can be asked", Err(error.to_string())),
        };
        let advised = match self.claude(WITHDRAWN) {
            Err(refused) if refused.to_string().contains(DEFAULT_MODEL_ID) => {
                Ok(refused.to_string())
            }
            Err(refused) => Err(refused.to_string()),
            Ok(_) => Err(format!("{WITHDRAWN} was taken")),
        };
        report.note("a withdrawn model is refused with advice", advised);
        let nobody = match self.claude(OFFERED_BY_NOBODY) {
            Ok(nobody) => nobody.analyze(&request(None).0).await,
            Err(error) => return report.note("another id can be asked", Err(error.to_string())),
        };
        report.note(
            "a model that nobody offers is told with what to do",
            hindered_as(Obstacle::NeedsPerson, "nobody-1", nobody),
        );
        check_parts(&claude, report).await;
    }

    async fn check_azure(&self, settings: &AzureSettings, report: &mut Report) {
        println!("\n{} at Azure", settings.deployment);
        let at = |secrets| AzureOpenAi::at(settings.clone(), secrets);
        let wrong = |name: &str| (name == "AZURE_OPENAI_API_KEY").then(|| "wrong".to_owned());
        let wrong = Arc::new(EnvironmentSecrets::from_variables(wrong));
        let (azure, stranger) = match (at(self.secrets.clone()), at(wrong)) {
            (Ok(azure), Ok(stranger)) => (azure, stranger),
            (Err(error), _) | (_, Err(error)) => {
                return report.note("it can be asked", Err(error.to_string()));
            }
        };
        let refused = stranger.analyze(&request(None).0).await;
        report.note(
            "a wrong key is told as one",
            hindered_as(Obstacle::Credentials, "azure_api_key", refused),
        );
        check_parts(&azure, report).await;
    }
}

/// What the usual and the most calls cost, in dollars: 4,000 tokens of text with a picture in full HD and 800 of
/// answer, or four details beside it and an answer up to its limit.
fn costs(usage: impl Fn(TokenCounts) -> Usage) -> (f64, f64) {
    let of = |calls: u64, uncached_input, output| {
        let counts = TokenCounts {
            uncached_input,
            output,
            ..TokenCounts::default()
        };
        (usage(counts).cost_micro_usd * calls) as f64 / 1e6
    };
    (of(USUAL_CALLS, 7_000, 800), of(MOST_CALLS, 20_000, 8_192))
}

/// A knife, clean or with a rust spot, and where the spot is.
fn request(rust: Option<DefectType>) -> (AnalysisRequest, String) {
    let capture = builders::capture(1);
    let sku: &ProductSku = &capture.product_sku;
    let (pixels, planted) = wiko_camera::render_part(sku, STAGE, 7, rust);
    let planted = planted.iter().map(|spot| format!("{:?}", spot.box_px));
    let planted = planted.collect();
    // The picture is made here, and what is made here can be encoded.
    #[allow(clippy::unwrap_used)]
    let image = wiko_imaging::encode_jpeg(&pixels, 90)
        .and_then(wiko_imaging::inspect)
        .unwrap();
    let request = AnalysisRequest {
        capture,
        image,
        language: LANGUAGE,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    };
    (request, planted)
}

/// A clean part and one with rust: both answers can be used, and the second one finds the prompt in the cache.
async fn check_parts<M: VisionModel>(analyzer: &VisionAnalyzer<M>, report: &mut Report) {
    let mut looks = vec![];
    for (name, rust) in [
        ("a clean knife", None),
        ("a knife with a rust spot", Some(DefectType::RustSpot)),
    ] {
        let (request, planted) = request(rust);
        let answered = analyzer.analyze(&request).await;
        let calls = request.meter.calls();
        report.spend(&calls);
        looks.extend(
            calls
                .iter()
                .find(|call| call.purpose == Purpose::Look)
                .cloned(),
        );
        let keeps = match &answered {
            Ok(analysis) => keeps_its_word(analyzer, &request, analysis),
            Err(error) => Err(error.to_string()),
        };
        report.note(&format!("{name} gets an answer that can be used"), keeps);
        if !planted.is_empty() {
            println!("          (the spot is at {planted})");
        }
        if let Err(AnalysisError::Hindered(_)) = answered {
            return;
        }
    }
    match (analyzer.cached_prompt_tokens(STAGE, LANGUAGE), looks.get(1)) {
        (Some(tokens), Some(second)) => {
            let read = second.usage.cache_read_tokens;
            let told = format!("{read} tokens read, about {tokens} were kept");
            let held = if read > 0 { Ok(told) } else { Err(told) };
            report.note("the second part finds the prompt in the cache", held);
        }
        _ => println!(
            "  -       no prompt is asked to be kept: it is too short for this model, or the service decides"
        ),
    }
}

/// What must be true of an answer, whatever it says.
fn keeps_its_word<M: VisionModel>(
    analyzer: &VisionAnalyzer<M>,
    request: &AnalysisRequest,
    analysis: &Analysis,
) -> Result<String, String> {
    let facts = request.image.facts();
    let outside = analysis
        .findings
        .iter()
        .find(|found| !found.box_px.lies_in(facts.width_px, facts.height_px));
    if let Some(found) = outside {
        return Err(format!("a box leaves the picture: {:?}", found.box_px));
    }
    let usage = analysis.usage;
    let truths = [
        ("it is not complete", analysis.complete),
        (
            "it is of another picture",
            analysis.image_sha256 == facts.sha256,
        ),
        (
            "it names another model",
            analysis.appraiser.model == analyzer.model_id(),
        ),
        ("no tokens were sent", usage.input_tokens > 0),
        ("no tokens were received", usage.output_tokens > 0),
        ("it cost nothing", usage.cost_micro_usd > 0),
    ];
    if let Some((wrong, _)) = truths.iter().find(|(_, holds)| !holds) {
        return Err((*wrong).to_owned());
    }
    let verdict = judge(&facts, analysis, None).code();
    let findings = analysis
        .findings
        .iter()
        .map(|found| format!("{} at {:?}", found.defect_type, found.box_px));
    let findings: Vec<String> = findings.collect();
    let calls = request.meter.calls().len();
    let cost = usage.cost_micro_usd as f64 / 1e6;
    Ok(format!(
        "{verdict} [{}], {calls} calls, {} ms, ${cost:.3}",
        findings.join(", "),
        usage.latency_ms
    ))
}

/// Whether nobody answered, for that reason and in words that hold `says`.
fn hindered_as(
    obstacle: Obstacle,
    says: &str,
    answered: Result<Analysis, AnalysisError>,
) -> Result<String, String> {
    match answered {
        Err(AnalysisError::Hindered(Hindered {
            obstacle: met,
            reason,
            ..
        })) if met == obstacle && reason.contains(says) => Ok(reason),
        Err(error) => Err(error.to_string()),
        Ok(_) => Err("it was answered".into()),
    }
}

/// What held, what did not, and what it cost.
#[derive(Default)]
struct Report {
    held: u32,
    failed: u32,
    calls: usize,
    cost_micro_usd: u64,
}

impl Report {
    fn note(&mut self, truth: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(seen) => {
                self.held += 1;
                println!("  ok      {truth}: {seen}");
            }
            Err(seen) => {
                self.failed += 1;
                println!("  FAILED  {truth}: {seen}");
            }
        }
    }

    fn spend(&mut self, calls: &[Call]) {
        self.calls += calls.len();
        self.cost_micro_usd += calls
            .iter()
            .map(|call| call.usage.cost_micro_usd)
            .sum::<u64>();
    }

    fn conclude(&self) -> ExitCode {
        println!(
            "\ntest-live: {} held, {} failed; {} calls were answered, ${:.2}",
            self.held,
            self.failed,
            self.calls,
            self.cost_micro_usd as f64 / 1e6
        );
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
