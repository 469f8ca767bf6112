//! The prompts: templates of `prompts/`, built in and rendered per language and stage.
//!
//! The system prompt and the schema are the same for every part of one stage, so that the service can
//! keep them in its cache and two records can be compared by one hash. What belongs to one part
//! stands in the short text beside its pictures.

use super::{
    conversation::AnswerForm,
    frame::Picture,
    recipe::{Recipe, RecipeBroken, RecipeSource, ReferenceKind},
    reference::{CannotRefer, ShownPicture, ShownReference},
};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::Value;
use std::sync::Arc;
use wiko_contract::{Criterion, Form, cause_schema, reply_schema};
use wiko_core::{
    analysis::{Finding, RecipeTag},
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::Sha256,
    ports::{AnalysisRequest, Language},
    stage::Stage,
};

/// Name of the tool that gives an inspection's reply.
pub const INSPECTION_TOOL: &str = "record_inspection";

/// Name of the tool that gives a cause.
pub const CAUSE_TOOL: &str = "record_cause";

macro_rules! template_file {
    ($language:expr, $name:literal) => {
        match $language {
            Language::ZhCn => include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../prompts/templates/",
                $name,
                ".zh-CN.jinja"
            )),
            Language::En => include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../prompts/templates/",
                $name,
                ".en.jinja"
            )),
        }
    };
}

/// A prompt cannot be rendered. Of the files of `prompts/`, which are built in, a test finds it first.
#[derive(Debug, thiserror::Error)]
pub enum PromptBroken {
    /// A recipe cannot be used.
    #[error("prompts/recipes/{name}: {error}")]
    Recipe {
        /// The file.
        name: &'static str,
        /// Why.
        error: RecipeBroken,
    },
    /// A template cannot be rendered.
    #[error("prompts/templates: {0}")]
    Template(#[from] minijinja::Error),
    /// A reference picture cannot be shown.
    #[error(transparent)]
    Reference(#[from] CannotRefer),
    /// A stage has no recipe.
    #[error("prompts/recipes: there is none for {stage}")]
    NoRecipe {
        /// The stage.
        stage: Stage,
    },
}

/// What a model is to do, the same for every part of one stage in one language.
#[derive(Debug, Clone)]
pub struct Task {
    /// The system prompt.
    pub system: String,
    /// The schema of the answer.
    pub schema: Value,
    /// The form of the answer.
    pub form: Form,
    /// What is shown before the part, in this order.
    pub references: Arc<[ShownReference]>,
    language: Language,
}

impl Task {
    /// What is said of an answer out of form.
    pub fn repair(&self, detail: &str) -> String {
        let template = template_file!(self.language, "repair");
        // The template has this one value; a test renders it.
        environment()
            .render_str(template, context! { detail })
            .unwrap_or_else(|_| detail.to_owned())
    }

    /// So many tokens are the same for every part, at four characters a token. Chinese has fewer of them, so there
    /// are rather more tokens than that.
    pub fn least_tokens(&self) -> u64 {
        let schema = match self.form {
            Form::Tool(_) => self.schema.to_string().chars().count(),
            Form::Text => 0,
        };
        (self.system.chars().count() + schema) as u64 / 4
    }

    /// So many of them a service is asked to keep in its cache; none where that would keep nothing, below its floor.
    pub fn cached_tokens(&self, floor: Option<u64>) -> Option<u64> {
        let tokens = self.least_tokens() + self.reference_tokens();
        floor.filter(|floor| tokens >= *floor).map(|_| tokens)
    }

    /// So many more its reference pictures are, likewise.
    pub fn reference_tokens(&self) -> u64 {
        self.references.iter().map(ShownReference::tokens).sum()
    }
}

/// What is the same for every part of one stage in one language.
#[derive(Debug, Clone)]
pub struct StagePrompt {
    /// The inspection.
    pub inspect: Task,
    /// The question for the cause.
    pub cause: Task,
    /// What a part must be like at the stage.
    pub criteria: Vec<Criterion>,
    /// Hash of the inspection: system prompt, schema, the templates of what stands beside the pictures, and the
    /// reference pictures with their texts.
    pub sha256: Sha256,
    /// The recipe that it is made of.
    pub recipe: RecipeTag,
}

/// The text beside the pictures of one part, of which `region` is where it lies in the frame, where one of them shows
/// that.
pub fn render_part(
    request: &AnalysisRequest,
    pictures: &[Picture],
    region: Option<BoxPx>,
    token: &str,
    asks_checklist: bool,
) -> Result<String, PromptBroken> {
    let values = context! {
        token,
        product_sku => request.capture.product_sku.as_str(),
        stage => request.capture.stage.code(),
        pictures => listed_pictures(pictures, region, request),
        asks_checklist,
    };
    let template = template_file!(request.language, "inspect.part");
    Ok(environment().render_str(template, values)?)
}

/// The text beside the picture of a part whose defects are to be explained.
pub fn render_cause_of(
    request: &AnalysisRequest,
    findings: &[Finding],
    pictures: &[Picture],
    token: &str,
) -> Result<String, PromptBroken> {
    let capture = &request.capture;
    let listed: Vec<_> = findings
        .iter()
        .map(|finding| {
            context! {
                defect_type => finding.defect_type.code(),
                severity => finding.severity.code(),
                region => finding.region.code(),
                confidence => format!("{:.2}", finding.confidence),
                description => finding.description.as_str(),
            }
        })
        .collect();
    let values = context! {
        token,
        product_sku => capture.product_sku.as_str(),
        stage => capture.stage.code(),
        station => capture.station.as_str(),
        shift => capture.shift.as_str(),
        lot => capture.lot.as_deref(),
        serial => capture.serial.as_deref(),
        pictures => listed_pictures(pictures, None, request),
        findings => listed,
    };
    let template = template_file!(request.language, "cause.part");
    Ok(environment().render_str(template, values)?)
}

fn listed_pictures(
    pictures: &[Picture],
    region: Option<BoxPx>,
    request: &AnalysisRequest,
) -> Vec<minijinja::Value> {
    let original = request.image.facts();
    let whole_px = f64::from(original.width_px) * f64::from(original.height_px);
    pictures
        .iter()
        .enumerate()
        .map(|(number, picture)| {
            // By areas: whether the original lies on its side does not matter.
            let seen_px = picture.crop().map_or(whole_px, |crop| crop.area() as f64);
            let sent_px = f64::from(picture.width_px) * f64::from(picture.height_px);
            let px_per_mm = request
                .mm_per_px
                .map(|mm| format!("{:.1}", (sent_px / seen_px).sqrt() / mm));
            context! {
                px_per_mm,
                number,
                shows => match picture.crop() {
                    None => "whole",
                    crop if crop == region => "region",
                    Some(_) => "detail",
                },
                width_px => picture.width_px,
                height_px => picture.height_px,
            }
        })
        .collect()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

/// Renders what is the same for every part that a recipe holds for, with its reference pictures as they were made
/// ready by [`super::reference::prepare`].
pub fn render_stage(
    source: &RecipeSource,
    pictures: &[ShownPicture],
    language: Language,
    form: AnswerForm,
) -> Result<StagePrompt, PromptBroken> {
    let recipe = &source.recipe;
    let stage = recipe.stage;
    let references = shown_references(recipe, pictures, language)?;
    let criteria: Vec<Criterion> = recipe
        .criteria
        .iter()
        .map(|criterion| Criterion {
            code: criterion.code.clone(),
            text: said(&criterion.en, &criterion.zh_cn, language).to_owned(),
        })
        .collect();
    let normal: Vec<String> = recipe
        .normal
        .iter()
        .map(|text| text.in_language(language).to_owned())
        .collect();
    let task = |template: &'static str, schema: Value, tool| -> Result<Task, PromptBroken> {
        let text = schema.to_string();
        let values = context! {
            stage => context! { number => stage.number(), code => stage.code() },
            stages => numbered_stages(),
            normal => normal.clone(),
            criteria => listed(&criteria),
            limits => listed_limits(recipe, language),
            least_severities => least_severities(),
            usual_stages => usual_stages(),
            references => references.len(),
            as_text => form != AnswerForm::Tool,
            tool,
            schema => text.as_str(),
        };
        Ok(Task {
            system: environment().render_str(template, values)?,
            schema,
            form: match form {
                AnswerForm::Tool => Form::Tool(tool),
                AnswerForm::Schema | AnswerForm::Prompt => Form::Text,
            },
            references: Arc::default(),
            language,
        })
    };
    let mut inspect = task(
        template_file!(language, "inspect.system"),
        reply_schema(),
        INSPECTION_TOOL,
    )?;
    let cause = task(
        template_file!(language, "cause.system"),
        cause_schema(),
        CAUSE_TOOL,
    )?;
    let schema = inspect.schema.to_string();
    let look = template_file!(language, "inspect.part");
    let mut hashed = [inspect.system.as_str(), &schema, look].join("\0");
    for (reference, picture) in references.iter().zip(&source.references) {
        hashed.push_str(&format!("\0{}\0{}", reference.text, picture.facts().sha256));
    }
    inspect.references = references.into();
    Ok(StagePrompt {
        sha256: Sha256::of(hashed.as_bytes()),
        inspect,
        cause,
        criteria,
        recipe: source.tag(),
    })
}

/// The reference pictures, each with what is said of it.
fn shown_references(
    recipe: &Recipe,
    pictures: &[ShownPicture],
    language: Language,
) -> Result<Vec<ShownReference>, PromptBroken> {
    let count = recipe.references.len();
    let shown = recipe.references.iter().zip(pictures).enumerate();
    shown
        .map(|(at, (reference, picture))| {
            let values = context! {
                number => at + 1,
                count,
                ng => reference.kind == ReferenceKind::Ng,
                text => said(&reference.en, &reference.zh_cn, language),
            };
            let template = template_file!(language, "inspect.reference");
            Ok(ShownReference {
                text: environment().render_str(template, values)?,
                picture: picture.clone(),
            })
        })
        .collect()
}

fn said<'a>(en: &'a str, zh_cn: &'a str, language: Language) -> &'a str {
    match language {
        Language::En => en,
        Language::ZhCn => zh_cn,
    }
}

fn listed(criteria: &[Criterion]) -> Vec<minijinja::Value> {
    criteria
        .iter()
        .map(|criterion| context! { code => criterion.code.as_str(), text => criterion.text.as_str() })
        .collect()
}

fn listed_limits(recipe: &Recipe, language: Language) -> Vec<minijinja::Value> {
    recipe
        .limits
        .iter()
        .map(|limit| {
            context! {
                defect_type => limit.defect_type.code(),
                severity => limit.severity.code(),
                over_mm => limit.over_mm,
                text => said(&limit.en, &limit.zh_cn, language),
            }
        })
        .collect()
}

/// The stages of making, in their order.
fn numbered_stages() -> Vec<minijinja::Value> {
    Stage::ALL
        .iter()
        .filter_map(|stage| Some(context! { number => stage.number()?, code => stage.code() }))
        .collect()
}

/// The types whose severity has a floor.
fn least_severities() -> Vec<minijinja::Value> {
    DefectType::ALL
        .iter()
        .map(|kind| (kind, kind.least_severity()))
        .filter(|(_, least)| *least > Severity::Cosmetic)
        .map(|(kind, least)| context! { defect_type => kind.code(), severity => least.code() })
        .collect()
}

/// The types with the stages that usually cause them.
fn usual_stages() -> Vec<minijinja::Value> {
    DefectType::ALL
        .iter()
        .filter(|kind| !kind.usual_stages().is_empty())
        .map(|kind| {
            let stages: Vec<_> = kind
                .usual_stages()
                .iter()
                .map(|stage| stage.code())
                .collect();
            context! { defect_type => kind.code(), stages => stages.join(", ") }
        })
        .collect()
}
