//! The prompts: templates of `prompts/`, built in and rendered per language and stage.
//!
//! The system prompt and the schema are the same for every part of one stage, so that the service can
//! keep them in its cache and two records can be compared by one hash. What belongs to one part
//! stands in the short text beside its pictures.

use super::{
    conversation::AnswerForm,
    frame::Picture,
    recipe::{BUILT_IN, Recipe, RecipeBroken},
};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::Value;
use std::collections::HashMap;
use wiko_contract::{Criterion, Form, cause_schema, reply_schema};
use wiko_core::{
    analysis::Finding,
    defect::{DefectType, Severity},
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

/// The files of `prompts/` do not fit together. Built in, so a test finds it first.
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
    /// Hash of the inspection: system prompt, schema and the templates of what stands beside the pictures.
    pub sha256: Sha256,
}

/// Every prompt of the station, rendered once.
#[derive(Debug)]
pub struct Prompts {
    stages: HashMap<(Stage, Language), StagePrompt>,
}

impl Prompts {
    /// Renders every prompt, for models that answer in the given way.
    pub fn render(form: AnswerForm) -> Result<Self, PromptBroken> {
        let mut stages = HashMap::new();
        for (name, toml) in BUILT_IN {
            let recipe =
                Recipe::parse(toml).map_err(|error| PromptBroken::Recipe { name, error })?;
            for &language in Language::ALL {
                let prompt = render_stage(&recipe, language, form)?;
                stages.insert((recipe.stage, language), prompt);
            }
        }
        Ok(Self { stages })
    }

    /// The prompt of a stage.
    pub fn stage(&self, stage: Stage, language: Language) -> Result<&StagePrompt, PromptBroken> {
        self.stages
            .get(&(stage, language))
            .ok_or(PromptBroken::NoRecipe { stage })
    }
}

/// The text beside the pictures of one part.
pub fn render_part(
    request: &AnalysisRequest,
    pictures: &[Picture],
    token: &str,
    asks_checklist: bool,
) -> Result<String, PromptBroken> {
    let values = context! {
        token,
        product_sku => request.capture.product_sku.as_str(),
        stage => request.capture.stage.code(),
        pictures => listed_pictures(pictures, request),
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
        pictures => listed_pictures(pictures, request),
        findings => listed,
    };
    let template = template_file!(request.language, "cause.part");
    Ok(environment().render_str(template, values)?)
}

fn listed_pictures(pictures: &[Picture], request: &AnalysisRequest) -> Vec<minijinja::Value> {
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
                detail => picture.crop().is_some(),
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

fn render_stage(
    recipe: &Recipe,
    language: Language,
    form: AnswerForm,
) -> Result<StagePrompt, PromptBroken> {
    let stage = recipe.stage;
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
            language,
        })
    };
    let inspect = task(
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
    let hashed = [inspect.system.as_str(), &schema, look].join("\0");
    Ok(StagePrompt {
        sha256: Sha256::of(hashed.as_bytes()),
        inspect,
        cause,
        criteria,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::image::{EncodedImage, ImageFormat};
    use wiko_testkit::builders;

    fn prompts() -> Prompts {
        Prompts::render(AnswerForm::Tool).unwrap()
    }

    #[test]
    fn a_prompt_names_its_stage_its_criteria_its_limits_and_the_rules_of_the_domain() {
        for &language in Language::ALL {
            let prompts = prompts();
            let prompt = prompts.stage(Stage::VacuumQuench, language).unwrap();
            for needle in [
                "vacuum_quench",
                "- VQ1: ",
                "6",
                "rust_spot",
                "2.0",
                INSPECTION_TOOL,
                "image_token",
            ] {
                let system = &prompt.inspect.system;
                assert!(system.contains(needle), "{needle} in {system}");
            }
            let system = &prompt.inspect.system;
            assert!(!system.contains("BG1"), "{system}");
            assert!(!system.contains("{{"), "{system}");
            let cause = &prompt.cause.system;
            assert!(cause.contains(CAUSE_TOOL), "{cause}");
            assert!(cause.contains("12. logo_print"), "{cause}");
        }
    }

    #[test]
    fn the_criteria_are_the_same_in_every_language() {
        let prompts = prompts();
        for &stage in Stage::ALL {
            let codes = |language| -> Vec<String> {
                let criteria = &prompts.stage(stage, language).unwrap().criteria;
                criteria
                    .iter()
                    .map(|criterion| criterion.code.clone())
                    .collect()
            };
            assert_eq!(codes(Language::En), codes(Language::ZhCn));
        }
    }

    #[test]
    fn a_model_without_forced_tools_finds_the_schema_in_the_prompt() {
        let prompts = Prompts::render(AnswerForm::Prompt).unwrap();
        let prompt = prompts.stage(Stage::BladeGlazing, Language::En).unwrap();
        for task in [&prompt.inspect, &prompt.cause] {
            assert!(task.system.contains("\"additionalProperties\":false"));
            assert!(!task.system.contains("record_"));
        }
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_told_in_the_language_of_the_prompt() {
        let prompts = prompts();
        let repair = |language| {
            let prompt = prompts.stage(Stage::BladeGlazing, language).unwrap();
            prompt.inspect.repair("unknown field `x`")
        };
        assert!(repair(Language::En).starts_with("Your answer cannot be used: unknown field `x`"));
        assert!(repair(Language::ZhCn).contains("unknown field `x`"));
        assert_ne!(repair(Language::En), repair(Language::ZhCn));
    }

    #[test]
    fn a_picture_of_a_calibrated_camera_is_shown_with_its_scale() {
        let part = |mm_per_px| {
            let whole = Picture {
                jpeg: [].into(),
                width_px: 320,
                height_px: 240,
                provenance: wiko_core::geometry::BoxProvenance::Native,
            };
            let request = AnalysisRequest {
                mm_per_px,
                ..builders::request(EncodedImage::of(*b"part", ImageFormat::Jpeg, 640, 480))
            };
            render_part(&request, &[whole], "token", true).unwrap()
        };
        // Half as many pixels an edge as the original, of which each is a quarter of a millimetre.
        assert!(
            part(Some(0.25)).contains("320×240 像素，1 毫米为 2.0 像素。"),
            "{}",
            part(Some(0.25))
        );
        assert!(part(None).contains("320×240 像素。"));
    }

    #[test]
    fn prompts_that_differ_have_hashes_that_differ_and_the_same_prompt_has_the_same() {
        let hash = |stage, language| prompts().stage(stage, language).unwrap().sha256;
        let glazing = hash(Stage::BladeGlazing, Language::En);
        assert_eq!(glazing, hash(Stage::BladeGlazing, Language::En));
        assert_ne!(glazing, hash(Stage::BladeGlazing, Language::ZhCn));
        assert_ne!(glazing, hash(Stage::BladeStamp, Language::En));
    }
}
