use super::{Failure, inspect::read, output::Output};
use crate::{clock::SystemClock, settings::Settings, wiring};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use wiko_analyzer::screen::{ScreenModels, evaluate::evaluate, learn};
use wiko_core::stage::Stage;

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
        ScreenCommand::Learn { sku, stage, images } => {
            learn_from(&models, settings, &sku, &stage, &images, output).await
        }
        ScreenCommand::List => {
            for (sku, stage) in models.learnt()? {
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

/// A picture that cannot be used is refused and named; the screen learns from the others.
async fn learn_from(
    models: &ScreenModels,
    settings: &Settings,
    sku: &str,
    stage: &str,
    images: &[PathBuf],
    output: &Output,
) -> Result<ExitCode, Failure> {
    let sku = settings.skus.find(sku)?.clone();
    let stage: Stage = stage.parse()?;
    let mut pictures = Vec::new();
    for path in images {
        let picture = match read(path, 0, &SystemClock).await {
            Ok(frame) => {
                wiko_imaging::decode_luma(&frame.image).map_err(|refusal| refusal.to_string())
            }
            Err(reason) => Err(reason),
        };
        match picture {
            Ok(picture) => pictures.push(picture),
            Err(reason) => output.refused(&path.display().to_string(), &reason),
        }
    }
    let refused = images.len() - pictures.len();
    let learnt_from = pictures.len();
    let model = {
        let sku = sku.clone();
        tokio::task::spawn_blocking(move || learn(sku, stage, pictures)).await??
    };
    let path = models.save(&model)?;
    output.line(
        &json!({
            "event": "learnt",
            "product_sku": sku,
            "stage": stage,
            "pictures": learnt_from,
            "model": path.display().to_string(),
            "sha256": model.sha256(),
        }),
        format_args!(
            "learnt {sku} at {stage} from {learnt_from} pictures: {}",
            path.display()
        ),
    );
    Ok(if refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
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
