//! Which prompt holds for a part: of a released recipe, of one that is to be released, or of a built-in one.
//!
//! Invariants:
//! - The built-in prompts are rendered once, at the start; those of a released recipe when it is first asked for, and
//!   anew as soon as its folder changes.
//! - Where a released recipe holds and is not as it was released there is no prompt: no other takes its place.

use super::{
    conversation::AnswerForm,
    frame::ImageTier,
    prompt::{PromptBroken, StagePrompt, render_stage},
    recipe::Held,
    recipe::{BUILT_IN, Recipe, RecipeSource, ReleaseBroken, ReleasedRecipes},
    reference,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use wiko_core::{ports::Language, sku::ProductSku, stage::Stage};

/// A prompt of each language.
type Languages = HashMap<Language, Arc<StagePrompt>>;

/// Every prompt of the station.
#[derive(Debug)]
pub struct Prompts {
    form: AnswerForm,
    tier: ImageTier,
    built_in: HashMap<Stage, Languages>,
    beside: Beside,
}

/// Recipes that hold before the built-in ones.
#[derive(Debug)]
enum Beside {
    None,
    Released {
        recipes: ReleasedRecipes,
        kept: Mutex<HashMap<String, Kept>>,
    },
    Candidate(Box<RecipeSource>, Languages),
}

/// A release that was read.
#[derive(Debug)]
struct Kept {
    held: Held,
    prompts: Languages,
}

/// There is no prompt for a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPrompt {
    /// The released recipe that holds for it is not as it was released.
    #[error(transparent)]
    Withheld(#[from] ReleaseBroken),
    /// A prompt cannot be rendered.
    #[error("{0}")]
    Broken(String),
}

impl From<PromptBroken> for NoPrompt {
    fn from(broken: PromptBroken) -> Self {
        Self::Broken(broken.to_string())
    }
}

impl Prompts {
    /// Renders the built-in prompts, for models that answer in the given way and look at pictures of that size.
    pub fn render(form: AnswerForm, tier: ImageTier) -> Result<Self, PromptBroken> {
        let mut built_in = HashMap::new();
        for (name, toml) in BUILT_IN {
            let recipe =
                Recipe::parse(toml).map_err(|error| PromptBroken::Recipe { name, error })?;
            let source = RecipeSource {
                recipe,
                toml: toml.to_owned(),
                references: vec![],
            };
            built_in.insert(source.recipe.stage, rendered(&source, form, tier)?);
        }
        Ok(Self {
            form,
            tier,
            built_in,
            beside: Beside::None,
        })
    }

    /// With the released recipes of a station, which hold before the built-in ones.
    #[must_use]
    pub fn with_released(&self, recipes: ReleasedRecipes) -> Self {
        let kept = Mutex::default();
        self.with(Beside::Released { recipes, kept })
    }

    /// With one recipe that is to be released, which holds for what it is for. Decodes pictures: not for an async
    /// thread.
    pub fn with_candidate(&self, source: RecipeSource) -> Result<Self, PromptBroken> {
        let prompts = rendered(&source, self.form, self.tier)?;
        Ok(self.with(Beside::Candidate(Box::new(source), prompts)))
    }

    fn with(&self, beside: Beside) -> Self {
        Self {
            form: self.form,
            tier: self.tier,
            built_in: self.built_in.clone(),
            beside,
        }
    }

    /// The prompt that holds for a product at a stage, or for products without one of their own. Looks at the folder of releases, and may decode pictures: not
    /// for an async thread.
    pub fn stage(
        &self,
        sku: Option<&ProductSku>,
        stage: Stage,
        language: Language,
    ) -> Result<Arc<StagePrompt>, NoPrompt> {
        let released = match &self.beside {
            Beside::None => None,
            Beside::Candidate(source, prompts) => {
                let recipe = &source.recipe;
                let of_product = recipe.product_sku.is_none() || recipe.product_sku.as_ref() == sku;
                let holds = recipe.stage == stage && of_product;
                holds.then(|| prompts.get(&language).cloned())
            }
            Beside::Released { recipes, kept } => match recipes.holding(sku, stage)? {
                Some(held) => Some(self.released(recipes, kept, held, language)?),
                None => None,
            },
        };
        let built_in = || self.built_in.get(&stage)?.get(&language).cloned();
        let prompt = released.unwrap_or_else(built_in);
        prompt.ok_or_else(|| PromptBroken::NoRecipe { stage }.into())
    }

    /// The prompt of a release, read anew where its folder changed.
    fn released(
        &self,
        recipes: &ReleasedRecipes,
        kept: &Mutex<HashMap<String, Kept>>,
        held: Held,
        language: Language,
    ) -> Result<Option<Arc<StagePrompt>>, NoPrompt> {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&held.name).filter(|known| known.held == held) {
            return Ok(known.prompts.get(&language).cloned());
        }
        // One that cannot be used is read anew with each part: it may be put back.
        let (_, source) = recipes.load(&held)?;
        let prompts = rendered(&source, self.form, self.tier)?;
        tracing::info!(recipe = %source.tag(), "a released recipe holds");
        let found = prompts.get(&language).cloned();
        kept.insert(held.name.clone(), Kept { held, prompts });
        Ok(found)
    }
}

fn rendered(
    source: &RecipeSource,
    form: AnswerForm,
    tier: ImageTier,
) -> Result<Languages, PromptBroken> {
    let pictures = reference::prepare(&source.references, tier)?;
    let mut prompts = HashMap::new();
    for &language in Language::ALL {
        let prompt = render_stage(source, &pictures, language, form)?;
        prompts.insert(language, Arc::new(prompt));
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{
        frame::Picture,
        prompt::{CAUSE_TOOL, INSPECTION_TOOL, render_part},
    };
    use wiko_core::{
        image::{EncodedImage, ImageFormat},
        ports::AnalysisRequest,
    };
    use wiko_testkit::builders;

    fn prompts() -> Prompts {
        Prompts::render(AnswerForm::Tool, ImageTier::High).unwrap()
    }

    fn sku() -> ProductSku {
        ProductSku::new("WK-KN-200").unwrap()
    }

    #[test]
    fn a_prompt_names_its_stage_its_criteria_its_limits_and_the_rules_of_the_domain() {
        for &language in Language::ALL {
            let prompts = prompts();
            let prompt = prompts
                .stage(Some(&sku()), Stage::VacuumQuench, language)
                .unwrap();
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
                let criteria = &prompts
                    .stage(Some(&sku()), stage, language)
                    .unwrap()
                    .criteria;
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
        let prompts = Prompts::render(AnswerForm::Prompt, ImageTier::High).unwrap();
        let prompt = prompts
            .stage(Some(&sku()), Stage::BladeGlazing, Language::En)
            .unwrap();
        for task in [&prompt.inspect, &prompt.cause] {
            assert!(task.system.contains("\"additionalProperties\":false"));
            assert!(!task.system.contains("record_"));
        }
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_told_in_the_language_of_the_prompt() {
        let prompts = prompts();
        let repair = |language| {
            let prompt = prompts
                .stage(Some(&sku()), Stage::BladeGlazing, language)
                .unwrap();
            prompt.inspect.repair("unknown field `x`")
        };
        assert!(repair(Language::En).starts_with("Your answer cannot be used: unknown field `x`"));
        assert!(repair(Language::ZhCn).contains("unknown field `x`"));
        assert_ne!(repair(Language::En), repair(Language::ZhCn));
    }

    #[test]
    fn prompts_that_differ_have_hashes_that_differ_and_the_same_prompt_has_the_same() {
        let hash = |stage, language| {
            prompts()
                .stage(Some(&sku()), stage, language)
                .unwrap()
                .sha256
        };
        let glazing = hash(Stage::BladeGlazing, Language::En);
        assert_eq!(glazing, hash(Stage::BladeGlazing, Language::En));
        assert_ne!(glazing, hash(Stage::BladeGlazing, Language::ZhCn));
        assert_ne!(glazing, hash(Stage::BladeStamp, Language::En));
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
            let picture = EncodedImage::of(*b"part", ImageFormat::Jpeg, 640, 480);
            let request = AnalysisRequest {
                mm_per_px,
                ..builders::request(picture)
            };
            render_part(&request, &[whole], None, "token", true).unwrap()
        };
        // Half as many pixels an edge as the original, of which each is a quarter of a millimetre.
        let scaled = part(Some(0.25));
        assert!(
            scaled.contains("320×240 像素，1 毫米为 2.0 像素。"),
            "{scaled}"
        );
        assert!(part(None).contains("320×240 像素。"));
    }
}
