//! Recipes: what a part must be like at a stage, in inspectors' words.

use serde::Deserialize;
use wiko_core::{
    defect::{DefectType, Severity},
    ports::Language,
    stage::Stage,
};

/// What a part must be like at a stage, what is normal there, and from where on a defect is how bad.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The stage that it is for.
    pub stage: Stage,
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
        let mut texts = texts.chain(self.limits.iter().flat_map(|text| [&text.en, &text.zh_cn]));
        match texts.any(|text| text.trim().is_empty()) {
            true => Err("a text is empty in one of the languages".into()),
            false => Ok(()),
        }
    }
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

    #[rstest]
    #[case::no_criterion(GOOD.replace("[[criteria]]", "[[normal]]").replace("code = \"BG1\"", ""), "criteri")]
    #[case::version_zero(GOOD.replace("version = 2", "version = 0"), "counts from 1")]
    #[case::another_stage(GOOD.replace("blade_glazing", "painting"), "painting")]
    #[case::an_unknown_key(GOOD.replace("version = 2", "version = 2\nlevel = 3"), "level")]
    #[case::a_code_of_another_form(GOOD.replace("BG1", "B1"), "two capitals")]
    #[case::an_empty_text(GOOD.replace("无划痕。", " "), "empty")]
    #[case::rust_that_ships(GOOD.replace("blade_scratch", "rust_spot"), "never below critical")]
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
