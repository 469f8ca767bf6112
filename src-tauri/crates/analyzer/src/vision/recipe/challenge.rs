//! The challenge set: pictures of parts of which it is known whether they are good, and the judging of them by a recipe
//! that is to be released.
//!
//! Invariants:
//! - They are judged as the station judges a part, by the analyzer and [`judge`]. The local screen does not help: it may
//!   not have learnt the product on the day.
//! - A picture that is judged more than once counts by its worst trial.
//! - Where the model does not answer there is no result, and so no release.

use super::{FolderRefused, Recipe, RecipeSource, folder};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, path::Path};
use wiko_core::{
    defect::DefectType,
    image::{EncodedImage, Sha256},
    inspection::CaptureFacts,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    sku::ProductSku,
    spending::Meter,
    stage::Stage,
    verdict::{VerdictCode, judge},
};

/// Name of the list in the folder of a set.
pub const CHALLENGE_FILE: &str = "challenge.toml";

/// What a part is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Good.
    Pass,
    /// Bad.
    Fail,
}

/// The list of a set, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeFile {
    name: String,
    stage: Stage,
    product_sku: Option<ProductSku>,
    #[serde(default)]
    max_false_alarms: usize,
    #[serde(default)]
    max_undetermined: usize,
    pictures: Vec<ChallengePicture>,
}

/// One picture of a set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengePicture {
    file: String,
    expected: Expected,
    #[serde(default)]
    defect_types: Vec<DefectType>,
}

/// A set with its pictures, as it was read.
#[derive(Debug, Clone)]
pub struct ChallengeSet {
    file: ChallengeFile,
    images: Vec<EncodedImage>,
    sha256: Sha256,
}

/// A set that cannot be used, or not with this recipe.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeRefused {
    /// A file of it cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderRefused),
    /// It is not TOML of the form.
    #[error("{CHALLENGE_FILE}: {0}")]
    Malformed(#[from] toml::de::Error),
    /// What it says cannot be.
    #[error("{CHALLENGE_FILE}: {0}")]
    Wrong(String),
}

/// How one picture was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedPicture {
    /// Its file.
    pub file: String,
    /// Its hash.
    pub sha256: Sha256,
    /// What it is known to be.
    pub expected: Expected,
    /// What it was judged to be, in each trial.
    pub got: Vec<VerdictCode>,
    /// Which defects were found, in all trials together.
    pub found: Vec<DefectType>,
    /// Those that it is known to have and that were found in no trial.
    #[serde(default)]
    pub missed: Vec<DefectType>,
    /// What the model said in the trial that counts.
    #[serde(default)]
    pub said: String,
}

/// How a set was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeResult {
    /// Name of the set.
    pub name: String,
    /// Hash of its list and its pictures.
    pub sha256: Sha256,
    /// Times that each picture was judged.
    pub trials: u32,
    /// Good parts that may fail.
    pub max_false_alarms: usize,
    /// Parts that may go to a person.
    pub max_undetermined: usize,
    /// Its pictures, in its order.
    pub pictures: Vec<JudgedPicture>,
}

/// A picture was not judged.
#[derive(Debug, thiserror::Error)]
#[error("{file} was not judged: {reason}")]
pub struct NotJudged {
    /// Its file.
    pub file: String,
    /// Why, with what to do.
    pub reason: String,
}

/// As whom and in which language the pictures are judged.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The part that a picture is taken for; its product and stage are those of the set.
    pub capture: CaptureFacts,
    /// The language that the model is asked in.
    pub language: Language,
    /// Millimetres that a pixel stands for, as the model is told of the station's own pictures.
    pub mm_per_px: Option<f64>,
    /// Times that each picture is judged.
    pub trials: u32,
    /// Notes what is spent.
    pub meter: Meter,
}

impl ChallengeSet {
    /// Reads a set's folder. Decodes the pictures: not for an async thread.
    pub fn read(dir: &Path) -> Result<Self, ChallengeRefused> {
        let toml = folder::toml_inside(dir, CHALLENGE_FILE)?;
        let file: ChallengeFile = toml::from_str(&toml)?;
        check(&file).map_err(ChallengeRefused::Wrong)?;
        let mut images: Vec<EncodedImage> = Vec::new();
        let mut known: HashMap<Sha256, &str> = HashMap::new();
        let mut hashed = toml.clone();
        for picture in &file.pictures {
            let bytes = folder::read_inside(dir, &picture.file, wiko_imaging::MAX_BYTES)?;
            let image = folder::picture(&dir.join(&picture.file), bytes)?;
            let sha256 = image.facts().sha256;
            if let Some(other) = known.insert(sha256, &picture.file) {
                return Err(ChallengeRefused::Wrong(format!(
                    "{other} and {} are the same picture",
                    picture.file
                )));
            }
            hashed.push_str(&format!("\0{sha256}"));
            images.push(image);
        }
        Ok(Self {
            sha256: Sha256::of(hashed.as_bytes()),
            file,
            images,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Hash of its list and its pictures.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// How many pictures it has.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Never: a good and a bad part are in each.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// The product that its pictures are judged as, where a recipe may be released by it.
    pub fn fits(&self, source: &RecipeSource) -> Result<ProductSku, ChallengeRefused> {
        let Recipe {
            stage, product_sku, ..
        } = &source.recipe;
        let wrong = |reason: String| Err(ChallengeRefused::Wrong(reason));
        if self.file.stage != *stage {
            return wrong(format!(
                "it is of {}, and the recipe is for {stage}: take a set of that stage",
                self.file.stage
            ));
        }
        let sku = match (product_sku, &self.file.product_sku) {
            (Some(recipe), Some(set)) if recipe != set => {
                return wrong(format!(
                    "it is of {set}, and the recipe is for {recipe}: take a set of that product"
                ));
            }
            (Some(sku), _) | (None, Some(sku)) => sku.clone(),
            (None, None) => {
                return wrong(
                    "the recipe is for any product: say product_sku, as which the pictures are judged".into(),
                );
            }
        };
        for (reference, shown) in source.recipe.references.iter().zip(&source.references) {
            let same = |image: &EncodedImage| image.facts().sha256 == shown.facts().sha256;
            if let Some(at) = self.images.iter().position(same) {
                return wrong(format!(
                    "{} is the reference {} too: the model would be shown the answer",
                    self.file
                        .pictures
                        .get(at)
                        .map_or("a picture", |picture| &picture.file),
                    reference.file
                ));
            }
        }
        Ok(sku)
    }

    /// Has every picture judged, one after the other, so that all but the first find the prompt in the service's
    /// cache. `told` hears of each as soon as it is judged.
    pub async fn judge(
        &self,
        analyzer: &dyn Analyzer,
        trial: &Trial,
        mut told: impl FnMut(&JudgedPicture),
    ) -> Result<ChallengeResult, NotJudged> {
        let mut pictures = Vec::new();
        for (picture, image) in self.file.pictures.iter().zip(&self.images) {
            let judged = judge_picture(picture, image, analyzer, trial).await?;
            told(&judged);
            pictures.push(judged);
        }
        Ok(ChallengeResult {
            name: self.file.name.clone(),
            sha256: self.sha256,
            trials: trial.trials,
            max_false_alarms: self.file.max_false_alarms,
            max_undetermined: self.file.max_undetermined,
            pictures,
        })
    }
}

fn check(file: &ChallengeFile) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if file.name.is_empty() || file.name.len() > 64 || !file.name.chars().all(fits) {
        return Err("name: up to 64 letters, digits and - _ . only".into());
    }
    let of = |expected| {
        let pictures = file.pictures.iter();
        pictures
            .filter(|picture| picture.expected == expected)
            .count()
    };
    if of(Expected::Pass) == 0 || of(Expected::Fail) == 0 {
        return Err(
            "it needs at least one good part (expected = \"pass\") and one bad one (\"fail\")"
                .into(),
        );
    }
    // Whatever the recipe, the model or the answer, such a set would let it through.
    if file.max_false_alarms >= of(Expected::Pass) {
        return Err("max_false_alarms: fewer than there are good parts".into());
    }
    if file.max_undetermined >= file.pictures.len() {
        return Err("max_undetermined: fewer than there are pictures".into());
    }
    let good_with_defects = |picture: &&ChallengePicture| {
        picture.expected == Expected::Pass && !picture.defect_types.is_empty()
    };
    match file.pictures.iter().find(good_with_defects) {
        Some(picture) => Err(format!("{} is to pass, and has defect_types", picture.file)),
        None => Ok(()),
    }
}

async fn judge_picture(
    picture: &ChallengePicture,
    image: &EncodedImage,
    analyzer: &dyn Analyzer,
    trial: &Trial,
) -> Result<JudgedPicture, NotJudged> {
    let mut judged = JudgedPicture {
        file: picture.file.clone(),
        sha256: image.facts().sha256,
        expected: picture.expected,
        got: vec![],
        found: vec![],
        missed: vec![],
        said: String::new(),
    };
    for _ in 0..trial.trials {
        let request = AnalysisRequest {
            capture: trial.capture.clone(),
            image: image.clone(),
            language: trial.language,
            screening: None,
            screen_fault: None,
            mm_per_px: trial.mm_per_px,
            meter: trial.meter.clone(),
        };
        let (verdict, said) = match analyzer.analyze(&request).await {
            Ok(analysis) => {
                let found = analysis.findings.iter().map(|found| found.defect_type);
                judged.found.extend(found);
                let verdict = judge(&image.facts(), &analysis, None);
                (verdict.code(), analysis.summary)
            }
            Err(AnalysisError::Unusable { reason, detail }) => {
                (VerdictCode::Undetermined, format!("{reason}: {detail}"))
            }
            Err(no_answer) => {
                return Err(NotJudged {
                    file: picture.file.clone(),
                    reason: no_answer.to_string(),
                });
            }
        };
        judged.got.push(verdict);
        if judged.counts() == verdict {
            judged.said = said;
        }
    }
    judged.found.sort_unstable();
    judged.found.dedup();
    let unseen = |kind: &&DefectType| !judged.found.contains(kind);
    judged.missed = picture
        .defect_types
        .iter()
        .filter(unseen)
        .copied()
        .collect();
    Ok(judged)
}

impl JudgedPicture {
    /// The worst of its trials: of a bad part a Pass, of a good one a Fail.
    pub fn counts(&self) -> VerdictCode {
        let worst_first = match self.expected {
            Expected::Fail => [
                VerdictCode::Pass,
                VerdictCode::Undetermined,
                VerdictCode::Fail,
            ],
            Expected::Pass => [
                VerdictCode::Fail,
                VerdictCode::Undetermined,
                VerdictCode::Pass,
            ],
        };
        let given = |verdict: &VerdictCode| self.got.contains(verdict);
        worst_first
            .into_iter()
            .find(given)
            .unwrap_or(VerdictCode::Pending)
    }

    /// True where a bad part was passed.
    pub fn is_escape(&self) -> bool {
        self.expected == Expected::Fail && self.counts() == VerdictCode::Pass
    }

    /// True where a good part failed.
    pub fn is_false_alarm(&self) -> bool {
        self.expected == Expected::Pass && self.counts() == VerdictCode::Fail
    }

    /// True where a person would have to look.
    pub fn is_undetermined(&self) -> bool {
        self.counts() == VerdictCode::Undetermined
    }
}

impl ChallengeResult {
    fn named(&self, is: impl Fn(&JudgedPicture) -> bool) -> Vec<&str> {
        let pictures = self.pictures.iter();
        pictures
            .filter(|picture| is(picture))
            .map(|picture| &*picture.file)
            .collect()
    }

    /// Bad parts that were passed.
    pub fn escapes(&self) -> Vec<&str> {
        self.named(JudgedPicture::is_escape)
    }

    /// Good parts that failed.
    pub fn false_alarms(&self) -> Vec<&str> {
        self.named(JudgedPicture::is_false_alarm)
    }

    /// Parts that would go to a person.
    pub fn undetermined(&self) -> Vec<&str> {
        self.named(JudgedPicture::is_undetermined)
    }

    /// Why nothing may be released by it; nothing where it may.
    pub fn blocks(&self) -> Vec<String> {
        let (escapes, alarms) = (self.escapes(), self.false_alarms());
        let undetermined = self.undetermined();
        let mut reasons = Vec::new();
        if !escapes.is_empty() {
            reasons.push(format!("bad parts were passed: {}", escapes.join(", ")));
        }
        if alarms.len() > self.max_false_alarms {
            reasons.push(format!(
                "{} good parts failed, {} may: {}",
                alarms.len(),
                self.max_false_alarms,
                alarms.join(", ")
            ));
        }
        if undetermined.len() > self.max_undetermined {
            reasons.push(format!(
                "{} parts would go to a person, {} may: {}",
                undetermined.len(),
                self.max_undetermined,
                undetermined.join(", ")
            ));
        }
        // No trial, no proof.
        if self.named(|picture| picture.counts() == VerdictCode::Pending) != [""; 0] {
            reasons.push("not every picture was judged".to_owned());
        }
        reasons
    }
}
