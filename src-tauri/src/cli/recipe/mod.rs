mod release;

use super::{Failure, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring::{self, RecipeModel},
};
use release::{asks_a_model, judge, release};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use wiko_analyzer::vision::recipe::{RecipeSource, Release, built_in, challenge::ChallengeSet};
use wiko_core::{
    image::Sha256,
    ports::{Language, Secrets},
    stage::Stage,
    text::plain,
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum RecipeCommand {
    /// List which recipe holds where, and what is wrong with it
    List,
    /// Print the prompt of the recipe that holds
    Show {
        /// A stage, such as blade_glazing, or a product at a stage, such as WK-KN-200.blade_glazing
        #[arg(value_name = "NAME")]
        name: String,
        /// zh-CN or en; without it the station's own
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<Language>,
    },
    /// Check a recipe, and say how large its prompt is; releases nothing
    Check {
        /// Its folder, or the recipe itself
        #[arg(value_name = "DIR|FILE")]
        recipe: PathBuf,
        /// Have the pictures of this folder judged by it
        #[arg(long, value_name = "SET")]
        challenge: Option<PathBuf>,
        #[command(flatten)]
        trials: Trials,
    },
    /// Have the pictures of a challenge set judged by a recipe, and release it where they were judged as they should
    Release {
        /// Its folder
        #[arg(value_name = "DIR")]
        recipe: PathBuf,
        /// Folder of the challenge set
        #[arg(long, value_name = "SET")]
        challenge: PathBuf,
        /// Who releases it
        #[arg(long, value_name = "NAME")]
        by: String,
        #[command(flatten)]
        trials: Trials,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Trials {
    /// Judge each picture so many times; the worst of them counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    trials: u32,
}

/// What is longer is no name.
const MOST_NAME_CHARS: usize = 64;

pub(crate) async fn run(
    command: RecipeCommand,
    settings: &Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let secrets = wiring::secrets(settings, environment);
    match command {
        RecipeCommand::List => list(settings, output),
        RecipeCommand::Show { name, language } => {
            let language = language.unwrap_or(settings.language);
            show(settings, secrets, &name, language, output).await
        }
        RecipeCommand::Check {
            recipe,
            challenge,
            trials,
        } => {
            let Trials { trials } = trials;
            check(
                settings,
                secrets,
                &recipe,
                challenge.as_deref(),
                trials,
                output,
            )
            .await
        }
        RecipeCommand::Release {
            recipe,
            challenge,
            by,
            trials,
        } => {
            let by = plain(&by);
            if by.is_empty() || by.chars().count() > MOST_NAME_CHARS {
                return Err("--by: say who releases it, in up to 64 letters".into());
            }
            let (source, set) = (read_recipe(&recipe).await?, read_set(&challenge).await?);
            let Trials { trials } = trials;
            release(settings, secrets, source, set, by, trials, output).await
        }
    }
}

/// Reading decodes pictures.
async fn read_recipe(path: &Path) -> Result<RecipeSource, Failure> {
    let path = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || RecipeSource::read(&path)).await??)
}

async fn read_set(dir: &Path) -> Result<ChallengeSet, Failure> {
    let dir = dir.to_owned();
    Ok(tokio::task::spawn_blocking(move || ChallengeSet::read(&dir)).await??)
}

/// The model, which judges by the candidate where one is given.
async fn model(
    settings: &Settings,
    secrets: Arc<dyn Secrets>,
    candidate: Option<RecipeSource>,
) -> Result<RecipeModel, Failure> {
    let settings = settings.clone();
    let made = move || wiring::recipe_model(&settings, &secrets, candidate);
    Ok(tokio::task::spawn_blocking(made).await??)
}

fn list(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let mut status = ExitCode::SUCCESS;
    let released = wiring::released_recipes(settings).list()?;
    // By name; of each the newest, which comes last.
    let mut held: BTreeMap<String, _> = released
        .into_iter()
        .map(|listed| (listed.name.clone(), listed))
        .collect();
    for &stage in Stage::ALL {
        let of_stage = format!(".{stage}");
        let names = held.keys().filter(|name| name.ends_with(&of_stage));
        let names: Vec<_> = names.cloned().chain([stage.code().to_owned()]).collect();
        for name in names {
            let (value, text) = match held.remove(&name) {
                None => built_in_line(stage),
                Some(listed) => match listed.release {
                    Ok(release) => released_line(&release),
                    Err(broken) => {
                        status = ExitCode::from(1);
                        let value = json!({
                            "event": "recipe", "name": name, "stage": stage, "version": listed.version,
                            "origin": "released", "trouble": broken.to_string(),
                        });
                        (
                            value,
                            format!("{name:<34} v{:<3} BROKEN: {broken}", listed.version),
                        )
                    }
                },
            };
            output.line(&value, text);
        }
    }
    Ok(status)
}

fn built_in_line(stage: Stage) -> (Value, String) {
    let Some(source) = built_in(stage) else {
        return (
            json!({"event": "recipe", "name": stage}),
            format!("{stage}: none"),
        );
    };
    let recipe = source.tag();
    let value = json!({
        "event": "recipe", "name": recipe.name(), "stage": stage, "product_sku": null,
        "version": recipe.version, "sha256": recipe.sha256, "origin": "built_in", "trouble": null,
    });
    let hash = short(recipe.sha256);
    (
        value,
        format!(
            "{:<34} v{:<3} {hash}  built in",
            recipe.name(),
            recipe.version
        ),
    )
}

fn released_line(release: &Release) -> (Value, String) {
    let recipe = &release.recipe;
    let value = json!({
        "event": "recipe", "name": recipe.name(), "stage": recipe.stage, "product_sku": recipe.product_sku,
        "version": recipe.version, "sha256": recipe.sha256, "origin": "released",
        "released_at": release.released_at, "released_by": release.released_by, "model": release.model,
        "challenge": release.challenge.name, "trouble": null,
    });
    let text = format!(
        "{:<34} v{:<3} {}  released {} by {}, challenge set {}",
        recipe.name(),
        recipe.version,
        short(recipe.sha256),
        release.released_at,
        release.released_by,
        release.challenge.name,
    );
    (value, text)
}

fn short(hash: Sha256) -> String {
    hash.to_string().chars().take(12).collect()
}

async fn show(
    settings: &Settings,
    secrets: Arc<dyn Secrets>,
    name: &str,
    language: Language,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let (sku, stage) = match name.split_once('.') {
        Some((sku, stage)) => (
            Some(settings.skus.find(sku)?.clone()),
            stage.parse::<Stage>()?,
        ),
        None => (None, name.parse::<Stage>()?),
    };
    let model = model(settings, secrets, None).await?;
    let prompts = model.prompts;
    let found = move || prompts.stage(sku.as_ref(), stage, language);
    let prompt = tokio::task::spawn_blocking(found).await??;
    let references: Vec<_> = prompt
        .inspect
        .references
        .iter()
        .map(|shown| &shown.text)
        .collect();
    let mut text = prompt.inspect.system.clone();
    for reference in &references {
        text.push_str(&format!("\n\n[{reference}]"));
    }
    output.line(
        &json!({
            "event": "prompt", "name": prompt.recipe.name(), "version": prompt.recipe.version,
            "sha256": prompt.recipe.sha256, "language": language, "prompt_sha256": prompt.sha256,
            "system": prompt.inspect.system, "references": references,
        }),
        format_args!("# {}, prompt {}\n\n{text}", prompt.recipe, prompt.sha256),
    );
    Ok(ExitCode::SUCCESS)
}

async fn check(
    settings: &Settings,
    secrets: Arc<dyn Secrets>,
    recipe: &Path,
    challenge: Option<&Path>,
    trials: u32,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let source = read_recipe(recipe).await?;
    known_product(settings, &source)?;
    let set = match challenge {
        Some(dir) => {
            asks_a_model(settings)?;
            Some(read_set(dir).await?)
        }
        None => None,
    };
    let model = model(settings, secrets, Some(source.clone())).await?;
    for &language in Language::ALL {
        tell_size(&model, &source, language, output)?;
    }
    let Some(set) = set else {
        return Ok(ExitCode::SUCCESS);
    };
    let result = judge(settings, &model, &source, &set, trials, output).await?;
    match &result.blocks()[..] {
        [] => {
            output.text("it could be released by this challenge set");
            Ok(ExitCode::SUCCESS)
        }
        reasons => Err(format!("it could not be released: {}", reasons.join("; ")).into()),
    }
}

/// A recipe for a product that is not made here would never hold.
fn known_product(settings: &Settings, source: &RecipeSource) -> Result<(), Failure> {
    if let Some(sku) = &source.recipe.product_sku {
        settings.skus.find(sku.as_str())?;
    }
    Ok(())
}

/// Says how large the prompt of one language is, and whether the service keeps it in its cache.
fn tell_size(
    model: &RecipeModel,
    source: &RecipeSource,
    language: Language,
    output: &Output,
) -> Result<(), Failure> {
    let recipe = &source.recipe;
    let prompt = model
        .prompts
        .stage(recipe.product_sku.as_ref(), recipe.stage, language)?;
    let (system, references) = (
        prompt.inspect.least_tokens(),
        prompt.inspect.reference_tokens(),
    );
    output.line(
        &json!({
            "event": "checked", "name": prompt.recipe.name(), "version": recipe.version,
            "sha256": prompt.recipe.sha256, "language": language, "model": model.model_id,
            "prompt_sha256": prompt.sha256, "system_tokens": system, "reference_tokens": references,
            "cache_floor_tokens": model.cache_floor_tokens,
        }),
        format_args!(
            "{} in {language}: prompt {}, at least {system} tokens; reference pictures: {}, {references} more",
            prompt.recipe,
            short(prompt.sha256),
            prompt.inspect.references.len(),
        ),
    );
    if let Some(floor) = model
        .cache_floor_tokens
        .filter(|floor| system + references < *floor)
    {
        output.warning(
            &json!({"event": "not_cached", "language": language, "cache_floor_tokens": floor}),
            format_args!(
                "{language}: {} caches nothing below {floor} tokens, so prompt and reference pictures are paid in full \
                 with every part",
                model.model_id
            ),
        );
    }
    Ok(())
}
