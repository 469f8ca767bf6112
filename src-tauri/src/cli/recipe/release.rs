//! Has a challenge set judged by a recipe, and releases it where nothing speaks against that.

use super::{known_product, model};
use crate::{
    cli::{Failure, deed, output::Output},
    clock::{SystemClock, SystemEntropy},
    settings::Settings,
    wiring::{self, RecipeModel},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use wiko_analyzer::vision::recipe::{
    Publisher, RecipeSource, Release, ReleaseRefused, Standing,
    challenge::{ChallengeResult, ChallengeSet, Expected, JudgedPicture, Trial},
};
use wiko_core::{
    audit::AuditCategory,
    camera::{CameraId, CameraTag},
    id::InspectionId,
    inspection::CaptureFacts,
    ports::{Clock, Entropy, Secrets},
    sku::ProductSku,
    spending::Meter,
    stage::Stage,
};

/// The screen judges by what it has learnt, and by no recipe.
pub(super) fn asks_a_model(settings: &Settings) -> Result<(), Failure> {
    match settings.chain.iter().any(|provider| provider.service().is_some()) {
        true => Ok(()),
        false => Err(
            "a challenge set is judged by the first model of analysis.chain, and it names none: put claude or azure \
             into it"
                .into(),
        ),
    }
}

/// Has the pictures judged, tells of each, and of what it cost whatever came of it.
pub(super) async fn judge(
    settings: &Settings,
    model: &RecipeModel,
    source: &RecipeSource,
    set: &ChallengeSet,
    trials: u32,
    output: &Output,
) -> Result<ChallengeResult, Failure> {
    let trial = Trial {
        capture: capture(settings, set.fits(source)?, source.recipe.stage),
        language: settings.language,
        mm_per_px: settings.camera.mm_per_px,
        trials,
        meter: Meter::default(),
    };
    let judged = set
        .judge(&*model.analyzer, &trial, |picture| tell(picture, output))
        .await;
    let spent = trial.meter.total_of(model.analyzer.provider());
    let calls = trial.meter.calls().len();
    output.line(
        &json!({
            "event": "spent", "calls": calls, "input_tokens": spent.input_tokens,
            "cache_read_tokens": spent.cache_read_tokens, "output_tokens": spent.output_tokens,
            "cost_micro_usd": spent.cost_micro_usd,
        }),
        format_args!(
            "spent: {calls} calls of {}, {} tokens sent ({} from the cache), {} received, {:.4} USD",
            model.model_id,
            spent.input_tokens,
            spent.cache_read_tokens,
            spent.output_tokens,
            spent.cost_micro_usd as f64 / 1e6,
        ),
    );
    let result = judged?;
    let (escapes, alarms) = (result.escapes(), result.false_alarms());
    let undetermined = result.undetermined();
    output.line(
        &json!({
            "event": "challenge", "name": result.name, "sha256": result.sha256, "pictures": result.pictures.len(),
            "trials": trials, "escapes": escapes, "false_alarms": alarms, "undetermined": undetermined,
        }),
        format_args!(
            "challenge set {}: {} pictures, {} bad ones passed, {} good ones failed ({} may), {} to a person ({} may)",
            result.name,
            result.pictures.len(),
            escapes.len(),
            alarms.len(),
            result.max_false_alarms,
            undetermined.len(),
            result.max_undetermined,
        ),
    );
    Ok(result)
}

fn tell(picture: &JudgedPicture, output: &Output) {
    let mark = match (
        picture.is_escape(),
        picture.is_false_alarm(),
        picture.is_undetermined(),
    ) {
        (true, ..) => "ESCAPE",
        (_, true, _) => "false alarm",
        (.., true) => "to a person",
        _ => "as it should",
    };
    let got: Vec<_> = picture.got.iter().map(|verdict| verdict.code()).collect();
    let missed: Vec<_> = picture.missed.iter().map(|kind| kind.code()).collect();
    let other = match missed.is_empty() || picture.expected == Expected::Pass {
        true => String::new(),
        false => format!("; {} not named", missed.join(", ")),
    };
    output.line(
        &json!({
            "event": "judged", "file": picture.file, "expected": picture.expected, "got": picture.got,
            "found": picture.found, "missed": picture.missed, "mark": mark, "said": picture.said,
        }),
        format_args!("{mark:<12} {}: {}{other}", picture.file, got.join(", ")),
    );
}

/// The part that the pictures are taken for. It is in no record.
fn capture(settings: &Settings, product_sku: ProductSku, stage: Stage) -> CaptureFacts {
    let reading = SystemClock.reading();
    CaptureFacts {
        id: InspectionId::new(reading.now, SystemEntropy.id_bytes()),
        captured_at: reading.now,
        facility: settings.facility,
        station: settings.station.clone(),
        stage,
        product_sku,
        lot: None,
        serial: None,
        shift: settings.shifts.shift_at(reading.now).code,
        operator: "cli".to_owned(),
        camera: CameraTag {
            id: CameraId("file".to_owned()),
            frame_sequence: 0,
            exposed_at: reading.now,
            conditions: None,
        },
        boot_id: reading.boot_id,
        monotonic_ms: reading.monotonic_ms,
    }
}

/// Releases a recipe, or says why not.
pub(super) async fn release(
    settings: &Settings,
    secrets: Arc<dyn Secrets>,
    source: RecipeSource,
    set: ChallengeSet,
    by: String,
    trials: u32,
    output: &Output,
) -> Result<ExitCode, Failure> {
    asks_a_model(settings)?;
    known_product(settings, &source)?;
    set.fits(&source)?;
    // Held until the end: of two releases at once the second pays for nothing.
    let publisher = Publisher::begin(&wiring::released_recipes(settings))?;
    let recipe = source.tag();
    if publisher.standing(&source, &set)? == Standing::Released {
        output.line(
            &json!({"event": "released", "name": recipe.name(), "version": recipe.version,
                "sha256": recipe.sha256, "already": true}),
            format_args!("{recipe} is released already, as it is here: nothing to do"),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let model = model(settings, secrets, Some(source.clone())).await?;
    let doing = format!(
        "release v{} by {by}, challenge set {}",
        recipe.version,
        set.name()
    );
    let subject = format!("recipes/{}", recipe.name());
    let begun = deed::begin(settings, output, AuditCategory::Setting, subject, doing);
    let released = async {
        publisher.freeze(&set)?;
        let challenge = judge(settings, &model, &source, &set, trials, output).await?;
        let blocks = challenge.blocks();
        if !blocks.is_empty() {
            return Err(ReleaseRefused::Blocked(blocks).into());
        }
        let release = proof(settings, &model, &source, &by, challenge)?;
        let folder = publisher.publish(&source, &release)?;
        Ok::<_, Failure>((folder, release))
    };
    let detail = |(_, release): &(PathBuf, Release)| {
        json!({
            "version": recipe.version, "sha256": recipe.sha256, "by": by, "model": release.model,
            "challenge": release.challenge.name, "challenge_sha256": release.challenge.sha256,
        })
        .to_string()
    };
    let (folder, _) = begun.ended(released.await, detail).await?;
    output.line(
        &json!({"event": "released", "name": recipe.name(), "version": recipe.version,
            "sha256": recipe.sha256, "folder": folder.display().to_string(), "already": false}),
        format_args!(
            "{recipe} is released and holds from the next part on: {}",
            folder.display()
        ),
    );
    Ok(ExitCode::SUCCESS)
}

/// What proves the release.
fn proof(
    settings: &Settings,
    model: &RecipeModel,
    source: &RecipeSource,
    by: &str,
    challenge: ChallengeResult,
) -> Result<Release, Failure> {
    let recipe = source.tag();
    let (sku, stage) = (recipe.product_sku.as_ref(), recipe.stage);
    let prompt = model.prompts.stage(sku, stage, settings.language)?;
    Ok(Release {
        files: source.hashes(),
        recipe,
        released_at: SystemClock.now().iso8601(),
        released_by: by.to_owned(),
        station_version: env!("CARGO_PKG_VERSION").to_owned(),
        provider: model.analyzer.provider(),
        model: model.model_id.clone(),
        language: settings.language,
        mm_per_px: settings.camera.mm_per_px,
        prompt_sha256: prompt.sha256,
        challenge,
    })
}
