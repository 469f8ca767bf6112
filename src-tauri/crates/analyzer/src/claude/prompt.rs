//! The prompts: templates of `prompts/`, built in and rendered per language and stage.
//!
//! The system prompt and the tool are the same for every picture of one stage, so that the service can
//! keep them in its cache and two records can be compared by one hash. What belongs to one picture
//! stands in the short text beside it.

use super::{models::JsonGuarantee, resize::PreparedImage};
use crate::contract::{Criterion, reply_schema};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use wiko_core::{
    defect::{DefectType, Severity},
    image::Sha256,
    ports::Language,
    sku::ProductSku,
    stage::Stage,
};

/// Name of the tool that a reply calls.
pub const TOOL_NAME: &str = "record_inspection";

macro_rules! prompt_file {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../prompts/v1/",
            $name
        ))
    };
}

const CRITERIA: &str = prompt_file!("criteria.toml");

fn system_template(language: Language) -> &'static str {
    match language {
        Language::ZhCn => prompt_file!("system.zh-CN.jinja"),
        Language::En => prompt_file!("system.en.jinja"),
    }
}

fn look_template(language: Language) -> &'static str {
    match language {
        Language::ZhCn => prompt_file!("look.zh-CN.jinja"),
        Language::En => prompt_file!("look.en.jinja"),
    }
}

/// The files of `prompts/` do not fit together. Built in, so a test finds it first.
#[derive(Debug, thiserror::Error)]
pub enum PromptBroken {
    /// The criteria cannot be read.
    #[error("prompts/v1/criteria.toml: {0}")]
    Criteria(#[from] toml::de::Error),
    /// A template cannot be rendered.
    #[error("prompts/v1: {0}")]
    Template(#[from] minijinja::Error),
    /// A stage has no criterion in a language.
    #[error("prompts/v1/criteria.toml: {stage} has no criterion in {language}")]
    NoCriteria {
        /// The stage.
        stage: Stage,
        /// The language.
        language: Language,
    },
}

/// What is the same for every picture of one stage in one language.
#[derive(Debug, Clone)]
pub struct StagePrompt {
    /// The system prompt.
    pub system: String,
    /// What a part must be like at the stage.
    pub criteria: Vec<Criterion>,
    /// Hash of the system prompt, the schema and the template of the text beside the picture.
    pub sha256: Sha256,
}

/// Every prompt of the station, rendered once.
#[derive(Debug)]
pub struct Prompts {
    stages: HashMap<(Stage, Language), StagePrompt>,
    schema: Value,
}

/// A criterion as the file has it: a code, and a text per language.
type CriterionTexts = BTreeMap<String, String>;

impl Prompts {
    /// Renders every prompt, for models that answer in the given way.
    pub fn render(json: JsonGuarantee) -> Result<Self, PromptBroken> {
        let criteria: HashMap<Stage, Vec<CriterionTexts>> = toml::from_str(CRITERIA)?;
        let schema = reply_schema();
        let mut stages = HashMap::new();
        for &stage in Stage::ALL {
            for &language in Language::ALL {
                let texts = criteria.get(&stage).map(Vec::as_slice).unwrap_or_default();
                let prompt = render_stage(stage, language, texts, json, &schema)?;
                stages.insert((stage, language), prompt);
            }
        }
        Ok(Self { stages, schema })
    }

    /// The prompt of a stage.
    pub fn stage(&self, stage: Stage, language: Language) -> Result<&StagePrompt, PromptBroken> {
        self.stages
            .get(&(stage, language))
            .ok_or(PromptBroken::NoCriteria { stage, language })
    }

    /// The schema of a reply.
    pub fn schema(&self) -> &Value {
        &self.schema
    }
}

/// The text beside one picture.
pub fn render_look(
    language: Language,
    stage: Stage,
    sku: &ProductSku,
    picture: &PreparedImage,
    token: &str,
) -> Result<String, PromptBroken> {
    let values = context! {
        width_px => picture.width_px,
        height_px => picture.height_px,
        token,
        product_sku => sku.as_str(),
        stage => stage.code(),
    };
    Ok(environment().render_str(look_template(language), values)?)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

fn render_stage(
    stage: Stage,
    language: Language,
    texts: &[CriterionTexts],
    json: JsonGuarantee,
    schema: &Value,
) -> Result<StagePrompt, PromptBroken> {
    let no_criteria = || PromptBroken::NoCriteria { stage, language };
    let criteria = texts
        .iter()
        .map(|texts| {
            let code = texts.get("code")?.clone();
            let text = texts.get(language.code())?.clone();
            Some(Criterion { code, text })
        })
        .collect::<Option<Vec<_>>>()
        .filter(|criteria| !criteria.is_empty())
        .ok_or_else(no_criteria)?;
    let schema = schema.to_string();
    let values = context! {
        stage => context! { number => stage.number(), code => stage.code() },
        criteria => listed(&criteria),
        least_severities => least_severities(),
        usual_stages => usual_stages(),
        as_text => json == JsonGuarantee::PromptOnly,
        tool => TOOL_NAME,
        schema => schema.as_str(),
    };
    let system = environment().render_str(system_template(language), values)?;
    let hashed = [system.as_str(), &schema, look_template(language)].join("\0");
    Ok(StagePrompt {
        sha256: Sha256::of(hashed.as_bytes()),
        system,
        criteria,
    })
}

fn listed(criteria: &[Criterion]) -> Vec<minijinja::Value> {
    criteria
        .iter()
        .map(|criterion| context! { code => criterion.code.as_str(), text => criterion.text.as_str() })
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
    use std::collections::HashSet;

    fn prompts() -> Prompts {
        Prompts::render(JsonGuarantee::ForcedTool).unwrap()
    }

    #[test]
    fn every_stage_has_criteria_in_every_language_with_codes_of_its_own() {
        let prompts = prompts();
        let mut codes = HashSet::new();
        for &stage in Stage::ALL {
            let english = &prompts.stage(stage, Language::En).unwrap().criteria;
            assert!(english.len() >= 3, "{stage}");
            for criterion in english {
                assert!(
                    codes.insert(criterion.code.clone()),
                    "{} twice",
                    criterion.code
                );
            }
            let chinese = &prompts.stage(stage, Language::ZhCn).unwrap().criteria;
            let codes_of = |criteria: &[Criterion]| -> Vec<String> {
                criteria
                    .iter()
                    .map(|criterion| criterion.code.clone())
                    .collect()
            };
            assert_eq!(codes_of(english), codes_of(chinese));
        }
    }

    #[test]
    fn a_prompt_names_its_stage_its_criteria_and_the_rules_of_the_domain() {
        for &language in Language::ALL {
            let prompts = prompts();
            let prompt = prompts.stage(Stage::VacuumQuench, language).unwrap();
            for needle in [
                "vacuum_quench",
                "- VQ1: ",
                "6",
                "rust_spot",
                TOOL_NAME,
                "image_token",
            ] {
                assert!(
                    prompt.system.contains(needle),
                    "{needle} in {}",
                    prompt.system
                );
            }
            assert!(!prompt.system.contains("BG1"), "{}", prompt.system);
            assert!(!prompt.system.contains("{{"), "{}", prompt.system);
        }
    }

    #[test]
    fn a_model_without_forced_tools_finds_the_schema_in_the_prompt() {
        let prompts = Prompts::render(JsonGuarantee::PromptOnly).unwrap();
        let prompt = prompts.stage(Stage::BladeGlazing, Language::En).unwrap();
        assert!(prompt.system.contains("\"additionalProperties\":false"));
        assert!(!prompt.system.contains(TOOL_NAME));
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
