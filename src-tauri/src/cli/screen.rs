use super::{Failure, deed, inspect::read, output::Output};
use crate::{clock::SystemClock, settings::Settings, wiring};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use wiko_analyzer::screen::{
    LearnError, LearnOptions, ScreenModel, ScreenModels, evaluate::evaluate, learn_with,
};
use wiko_core::{audit::AuditCategory, image::Sha256, stage::Stage};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ScreenCommand {
    /// Learn from pictures of good parts of one product at one stage
    Learn {
        /// Which product
        #[arg(long)]
        sku: String,
        /// At which stage
        #[arg(long)]
        stage: String,
        /// How to learn, where the defaults do not fit: a TOML file, see docs/screen.md
        #[arg(long, value_name = "FILE")]
        options: Option<PathBuf>,
        /// Pictures of good parts
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<PathBuf>,
    },
    /// List what was learnt
    List,
    /// Measure precision, recall and F1 on labelled pictures
    Evaluate {
        /// Folder of labelled sets
        pictures_dir: PathBuf,
        /// Write the table here, as Markdown
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
}

pub(crate) async fn run(
    command: ScreenCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let models = ScreenModels::open(wiring::models_dir(settings));
    match command {
        ScreenCommand::Learn {
            sku,
            stage,
            options,
            images,
        } => {
            let options = options.as_deref().map(read_options).transpose()?;
            let options = options.unwrap_or_default();
            learn_from(&models, settings, &sku, &stage, options, &images, output).await
        }
        ScreenCommand::List => {
            let learnt = models.learnt()?;
            if learnt.is_empty() {
                output.text(
                    "nothing was learnt yet: wiko-station screen learn --sku S --stage T IMAGES…",
                );
            }
            for (sku, stage) in learnt {
                output.line(
                    &json!({"event": "learnt", "product_sku": sku, "stage": stage}),
                    format_args!("{sku} at {stage}"),
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        ScreenCommand::Evaluate {
            pictures_dir,
            markdown,
        } => evaluated(pictures_dir, markdown.as_deref(), output).await,
    }
}

/// The options of a file; those that it does not name are the defaults.
fn read_options(file: &Path) -> Result<LearnOptions, Failure> {
    let named = |reason: String| format!("{}: {reason}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
    let options: LearnOptions =
        toml::from_str(&text).map_err(|error| named(error.to_string().trim_end().to_owned()))?;
    options.check().map_err(named)?;
    Ok(options)
}

/// Learns from all of the pictures or not at all: whoever gave them did not mean a part of them, and a model
/// that is in use is replaced only by one that was meant.
async fn learn_from(
    models: &ScreenModels,
    settings: &Settings,
    sku: &str,
    stage: &str,
    options: LearnOptions,
    images: &[PathBuf],
    output: &Output,
) -> Result<ExitCode, Failure> {
    let sku = settings.skus.find(sku)?.clone();
    let stage: Stage = stage.parse()?;
    let (mut names, mut pictures) = (Vec::new(), Vec::new());
    for path in images {
        let picture = match read(path, 0, &SystemClock).await {
            Ok(frame) => {
                wiko_imaging::decode_luma(&frame.image).map_err(|refusal| refusal.to_string())
            }
            Err(reason) => Err(reason),
        };
        let name = path.display().to_string();
        match picture {
            Ok(picture) => {
                names.push(name);
                pictures.push(picture);
            }
            Err(reason) => output.refused(&name, &reason),
        }
    }
    let refused = images.len() - names.len();
    if refused > 0 {
        return Err(format!(
            "nothing was learnt, and what was learnt before stays: {refused} of {} pictures cannot be used. Take \
             them again or leave them out",
            images.len()
        )
        .into());
    }
    let learnt = {
        let sku = sku.clone();
        tokio::task::spawn_blocking(move || learn_with(sku, stage, pictures, options)).await?
    };
    let model = learnt.map_err(|error| with_file(&error, &names))?;
    // One that cannot be read is replaced all the same.
    let before = models.get(&sku, stage).ok().flatten();
    let suspects = told_scores(&model, &names, output);
    let learnt_from = names.len();
    let detail = json!({
        "learnt_from": learnt_from,
        "suspects": suspects.len(),
        "sha256": model.sha256(),
        "replaced": before.map(|before: Arc<ScreenModel>| -> Sha256 { before.sha256() }),
    });
    let path = models.path(&sku, stage);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (category, subject) = (AuditCategory::Setting, format!("models/{name}"));
    let begun = deed::begin(settings, output, category, subject, "learn");
    let saved = models.save(&model);
    let path = begun.ended(saved, |_| detail.to_string()).await?;
    output.line(
        &json!({
            "event": "learnt",
            "product_sku": sku,
            "stage": stage,
            "pictures": learnt_from,
            "suspects": suspects,
            "model": path.display().to_string(),
            "sha256": model.sha256(),
        }),
        format_args!(
            "learnt {sku} at {stage} from {learnt_from} pictures: {}{}",
            path.display(),
            advice(&suspects)
        ),
    );
    Ok(ExitCode::SUCCESS)
}

/// The error with the file that it is about.
fn with_file(error: &LearnError, names: &[String]) -> Failure {
    let file = error.picture().and_then(|number| names.get(number - 1));
    match file {
        Some(file) => format!("{error} (it is {file})").into(),
        None => error.clone().into(),
    }
}

/// Prints how each picture scored against what the others taught; returns those that stand out.
fn told_scores(model: &ScreenModel, names: &[String], output: &Output) -> Vec<String> {
    let suspects = model.suspects();
    for (index, (name, score)) in names.iter().zip(model.scores()).enumerate() {
        let suspect = suspects.contains(&index);
        let mark = if suspect { "  <- stands out" } else { "" };
        output.line(
            &json!({"event": "scored", "image": name, "score": score, "suspect": suspect}),
            format_args!("{score:.2} {name}{mark}"),
        );
    }
    suspects
        .iter()
        .filter_map(|index| names.get(*index).cloned())
        .collect()
}

/// What to do about the pictures that stand out; nothing where none do.
fn advice(suspects: &[String]) -> String {
    if suspects.is_empty() {
        return String::new();
    }
    let (differ, part) = match suspects {
        [_] => (
            "it differs",
            "that part is not good, learn again without its picture",
        ),
        _ => (
            "they differ",
            "one of those parts is not good, learn again without its picture",
        ),
    };
    format!(
        "\nLook at {}: {differ} from the others far more than those do from each other. If {part}; as it is, the \
         screen takes such parts for good.",
        suspects.join(", ")
    )
}

async fn evaluated(
    pictures_dir: PathBuf,
    markdown: Option<&Path>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let report = tokio::task::spawn_blocking(move || evaluate(&pictures_dir)).await??;
    let table = report.markdown();
    if let Some(file) = markdown {
        std::fs::write(file, &table)?;
    }
    output.line(&json!({"event": "evaluated", "sets": report.sets}), table);
    Ok(ExitCode::SUCCESS)
}
