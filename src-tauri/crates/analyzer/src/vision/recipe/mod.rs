//! Recipes: what a part must be like at a stage, in inspectors' words and by pictures of good and bad parts.
//!
//! Invariants:
//! - The most specific released recipe holds for a part: that of its product at the stage, else the station's own of
//!   the stage, else the built-in one.
//! - A recipe is released only after a frozen set of pictures was judged by it as asked, and is never changed then.
//! - Where the recipe that holds is not as it was released, no other takes its place: the part waits for a person.

pub mod challenge;
mod folder;
mod publish;
mod released;

pub use folder::{FolderRefused, RECIPE_FILE, RecipeSource};
pub use publish::{Publisher, ReleaseRefused, Standing};
pub(super) use released::Held;
pub use released::{Listed, Release, ReleaseBroken, ReleasedRecipes};

use serde::Deserialize;
use wiko_core::{
    defect::{DefectType, Severity},
    ports::Language,
    sku::ProductSku,
    stage::Stage,
};

/// Each costs its tokens with every part.
const MOST_REFERENCES: usize = 4;

/// What a part must be like at a stage, what is normal there, and from where on a defect is how bad.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The stage that it is for.
    pub stage: Stage,
    /// The one product that it is for; any where none is named.
    pub product_sku: Option<ProductSku>,
    /// Counts up with every change of meaning.
    pub version: u32,
    /// What is seen on good parts and is no defect.
    #[serde(default)]
    pub normal: Vec<Text>,
    /// What must be the case; a model answers each.
    pub criteria: Vec<CriterionText>,
    /// From where on a defect is how bad.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Pictures of parts as they should be, and as they should not.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// A picture that a model is shown beside each part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its file, beside the recipe.
    pub file: String,
    /// What it shows.
    pub kind: ReferenceKind,
    /// English.
    pub en: String,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// What a reference picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// A good part.
    Ok,
    /// A bad one.
    Ng,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

impl Text {
    /// In a language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::ZhCn => &self.zh_cn,
        }
    }
}

/// What must be the case, under its code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriterionText {
    /// Two capitals and a number, such as `BG1`; never used again for something else.
    pub code: String,
    /// English.
    pub en: String,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// From where on a defect is how bad.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Of what.
    #[serde(rename = "type")]
    pub defect_type: DefectType,
    /// How bad it is then.
    pub severity: Severity,
    /// From this extent on; any extent where none is said.
    pub over_mm: Option<f64>,
    /// English.
    pub en: String,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeBroken {
    /// It is not TOML of the form.
    #[error("{0}")]
    Malformed(#[from] toml::de::Error),
    /// What it says cannot be.
    #[error("{0}")]
    Wrong(String),
}

impl Recipe {
    /// Reads and checks a recipe.
    pub fn parse(toml: &str) -> Result<Self, RecipeBroken> {
        let recipe: Self = toml::from_str(toml)?;
        recipe.check().map_err(RecipeBroken::Wrong)?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("version counts from 1".into());
        }
        if self.criteria.is_empty() {
            return Err("it has no criterion: nothing could be found good by it".into());
        }
        let mut codes = std::collections::HashSet::new();
        for criterion in &self.criteria {
            let code = &criterion.code;
            let (letters, digits) = code.split_at(code.len().min(2));
            let of_form = letters.len() == 2
                && letters.chars().all(|c| c.is_ascii_uppercase())
                && !digits.is_empty()
                && digits.chars().all(|c| c.is_ascii_digit());
            if !of_form {
                return Err(format!(
                    "the code \"{code}\" must be two capitals and a number, such as BG1"
                ));
            }
            if !codes.insert(code) {
                return Err(format!("the code {code} stands twice"));
            }
        }
        for limit in &self.limits {
            let least = limit.defect_type.least_severity();
            if limit.severity < least {
                return Err(format!(
                    "{} is never below {least}: a limit says {}",
                    limit.defect_type, limit.severity
                ));
            }
            if limit.over_mm.is_some_and(|mm| !mm.is_finite() || mm <= 0.0) {
                return Err(format!("over_mm of {} must be above 0", limit.defect_type));
            }
        }
        let texts = self.normal.iter().flat_map(|text| [&text.en, &text.zh_cn]);
        let texts = texts.chain(
            self.criteria
                .iter()
                .flat_map(|text| [&text.en, &text.zh_cn]),
        );
        let texts = texts.chain(self.limits.iter().flat_map(|text| [&text.en, &text.zh_cn]));
        let references = &self.references;
        let mut texts = texts.chain(references.iter().flat_map(|text| [&text.en, &text.zh_cn]));
        check_files(references)?;
        match texts.any(|text| text.trim().is_empty()) {
            true => Err("a text is empty in one of the languages".into()),
            false => Ok(()),
        }
    }
}

/// The files lie in one folder with the recipe, also once it is released and in a backup.
fn check_files(references: &[Reference]) -> Result<(), String> {
    if references.len() > MOST_REFERENCES {
        return Err(format!(
            "it has {} reference pictures: {MOST_REFERENCES} at the most, for each is paid with every part",
            references.len()
        ));
    }
    let mut files = std::collections::HashSet::new();
    for Reference { file, .. } in references {
        let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if file.is_empty() || file.starts_with('.') || !file.chars().all(fits) {
            return Err(format!(
                "the reference \"{file}\" must be the name of a file beside the recipe: letters, digits and - _ . only"
            ));
        }
        if [RECIPE_FILE, released::RELEASE_FILE].contains(&file.as_str()) {
            return Err(format!("the reference {file} is no picture"));
        }
        if !files.insert(file) {
            return Err(format!("the reference {file} stands twice"));
        }
    }
    Ok(())
}

/// The built-in recipe of a stage, with its text.
pub fn built_in(stage: Stage) -> Option<RecipeSource> {
    BUILT_IN.iter().find_map(|(_, toml)| {
        let recipe = Recipe::parse(toml).ok()?;
        (recipe.stage == stage).then(|| RecipeSource {
            recipe,
            toml: (*toml).to_owned(),
            references: vec![],
        })
    })
}

macro_rules! recipe_file {
    ($name:literal) => {
        (
            concat!($name, ".toml"),
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../prompts/recipes/",
                $name,
                ".toml"
            )),
        )
    };
}

/// The recipes that the station comes with: name of the file, content.
pub(super) const BUILT_IN: [(&str, &str); 14] = [
    recipe_file!("blade_stamp"),
    recipe_file!("bolster_welding"),
    recipe_file!("back_edge_polishing"),
    recipe_file!("taper_grinding"),
    recipe_file!("heat_treatment"),
    recipe_file!("vacuum_quench"),
    recipe_file!("handle_injection"),
    recipe_file!("rivet_assembly"),
    recipe_file!("handle_polishing"),
    recipe_file!("blade_glazing"),
    recipe_file!("cutting_edge_honing"),
    recipe_file!("logo_print"),
    recipe_file!("inspection"),
    recipe_file!("packaging"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::collections::HashSet;

    #[test]
    fn every_stage_comes_with_one_recipe_and_no_code_stands_in_two() {
        let recipes: Vec<Recipe> = BUILT_IN
            .iter()
            .map(|(name, toml)| {
                Recipe::parse(toml).unwrap_or_else(|error| panic!("{name}: {error}"))
            })
            .collect();
        let stages: HashSet<Stage> = recipes.iter().map(|recipe| recipe.stage).collect();
        assert_eq!(stages.len(), Stage::ALL.len());
        let mut codes = HashSet::new();
        for recipe in &recipes {
            assert!(recipe.criteria.len() >= 3, "{}", recipe.stage);
            assert!(
                !recipe.normal.is_empty() && !recipe.limits.is_empty(),
                "{}",
                recipe.stage
            );
            for criterion in &recipe.criteria {
                assert!(
                    codes.insert(criterion.code.clone()),
                    "{} twice",
                    criterion.code
                );
            }
        }
    }

    const GOOD: &str = r#"
        stage = "blade_glazing"
        version = 2
        [[criteria]]
        code = "BG1"
        en = "No scratch."
        zh-CN = "无划痕。"
        [[limits]]
        type = "blade_scratch"
        severity = "major"
        over_mm = 5
        en = "length"
        zh-CN = "长度"
    "#;

    fn reference(file: &str, kind: &str) -> String {
        format!(
            "\n[[references]]\nfile = \"{file}\"\nkind = \"{kind}\"\nen = \"Glazed evenly.\"\nzh-CN = \"光泽均匀。\"\n"
        )
    }

    #[rstest]
    #[case::no_criterion(GOOD.replace("[[criteria]]", "[[normal]]").replace("code = \"BG1\"", ""), "criteri")]
    #[case::version_zero(GOOD.replace("version = 2", "version = 0"), "counts from 1")]
    #[case::another_stage(GOOD.replace("blade_glazing", "painting"), "painting")]
    #[case::an_unknown_key(GOOD.replace("version = 2", "version = 2\nlevel = 3"), "level")]
    #[case::a_code_of_another_form(GOOD.replace("BG1", "B1"), "two capitals")]
    #[case::an_empty_text(GOOD.replace("无划痕。", " "), "empty")]
    #[case::rust_that_ships(GOOD.replace("blade_scratch", "rust_spot"), "never below critical")]
    #[case::a_sku_of_another_form(GOOD.replace("version = 2", "version = 2\nproduct_sku = \"wk/kn\""), "product SKU")]
    #[case::a_reference_elsewhere(GOOD.to_owned() + &reference("../ok.jpg", "ok"), "beside the recipe")]
    #[case::a_reference_of_another_kind(GOOD.to_owned() + &reference("ok.jpg", "good"), "good")]
    #[case::the_same_reference_twice(GOOD.to_owned() + &reference("ok.jpg", "ok").repeat(2), "twice")]
    #[case::five_references(GOOD.to_owned() + &reference("ok.jpg", "ok").repeat(5), "4 at the most")]
    #[case::a_reference_that_is_the_recipe(GOOD.to_owned() + &reference("recipe.toml", "ok"), "no picture")]
    #[case::a_limit_below_zero(GOOD.replace("over_mm = 5", "over_mm = -5"), "above 0")]
    fn a_recipe_that_cannot_be_is_refused_with_what_is_wrong(
        #[case] toml: String,
        #[case] says: &str,
    ) {
        let refused = Recipe::parse(&toml).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }

    #[test]
    fn a_recipe_in_form_is_read() {
        let recipe = Recipe::parse(GOOD).unwrap();
        assert_eq!((recipe.version, recipe.criteria.len()), (2, 1));
        assert_eq!(recipe.limits[0].over_mm, Some(5.0));
    }
}
