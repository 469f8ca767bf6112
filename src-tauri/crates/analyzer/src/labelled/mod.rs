//! Folders of pictures of which it is known what they show: what the screen is measured on, and what a study asks
//! about.
//!
//! Two layouts are read. A *labelled set* has `dev/images.csv` and `dev/annotations.csv` and may say from which good
//! pictures the screen learns. A *plain folder* has pictures and `labels.csv`, as a factory would make it.
//!
//! Invariants:
//! - A label that cannot be used is refused with its reason, and the others are read. Nothing is guessed.
//! - What a person was not certain of (role `uncertain`) is in no set.

mod plain;
mod sets;

pub use plain::LABELS_FILE;
pub use sets::{read_set, set_dirs};

use image::GrayImage;
use serde::Deserialize;
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};
use wiko_core::{geometry::BoxPx, verdict::VerdictCode};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// A folder, table or picture cannot be read.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// No set there.
    #[error("{path} holds no labelled set: a set is a folder with dev/images.csv and dev/annotations.csv", path = path.display())]
    NoSets {
        /// Where was looked.
        path: PathBuf,
    },
    /// No labels there.
    #[error("{path} holds no labels: put a labels.csv with the columns file and verdict (pass or fail) beside the pictures", path = path.display())]
    NoLabels {
        /// Where was looked.
        path: PathBuf,
    },
    /// Several sets there, where one is asked for.
    #[error("{path} holds several labelled sets: name one of them ({names})", path = path.display())]
    SeveralSets {
        /// Where was looked.
        path: PathBuf,
        /// Their folders, separated by commas.
        names: String,
    },
}

/// What a part is, by whoever labelled it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// Good.
    Pass,
    /// Defective.
    Fail,
}

impl Standard {
    /// The verdict that is right.
    pub fn verdict(self) -> VerdictCode {
        match self {
            Self::Pass => VerdictCode::Pass,
            Self::Fail => VerdictCode::Fail,
        }
    }
}

/// One labelled picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledPart {
    /// The picture, relative to the set's folder, with `/`.
    pub file: String,
    /// What it shows.
    pub standard: Standard,
    /// Where its defects are, in pixels of the upright picture.
    pub boxes: Vec<BoxPx>,
    /// False where the part is defective and nobody said where.
    pub boxes_known: bool,
    /// What its defects are called, each once.
    pub defect_types: Vec<String>,
    /// From which of the set's lessons the screen learns for it.
    pub lesson: Option<usize>,
}

/// A label that is not used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefusedLabel {
    /// The picture that it speaks of, or the line of the table.
    pub file: String,
    /// Why it is not used, and what to do.
    pub reason: String,
}

/// A labelled folder, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledSet {
    /// The folder's name.
    pub name: String,
    /// What its files are relative to.
    pub dir: PathBuf,
    /// The parts to be judged.
    pub parts: Vec<LabelledPart>,
    /// Files of parts that were left out because fewer were asked for.
    pub left_out: HashSet<String>,
    /// Pictures of good parts to learn from, a list for each lesson.
    pub lessons: Vec<Vec<PathBuf>>,
    /// How the screen learns it, or why it cannot.
    pub method: String,
    /// Labels that are not used.
    pub refused: Vec<RefusedLabel>,
    /// Pictures in the folder that no label speaks of.
    pub unlabelled: usize,
}

impl LabelledSet {
    /// Reads the one labelled folder, in whichever layout.
    pub fn open(dir: &Path) -> Result<Self, LabelsError> {
        if dir.join(sets::IMAGES).is_file() {
            return read_set(dir);
        }
        if dir.join(LABELS_FILE).is_file() {
            return plain::read_plain(dir);
        }
        let names: Vec<_> = set_dirs(dir)?
            .iter()
            .filter_map(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()))
            .collect();
        let path = dir.to_owned();
        Err(if names.is_empty() {
            LabelsError::NoLabels { path }
        } else {
            let names = names.join(", ");
            LabelsError::SeveralSets { path, names }
        })
    }

    /// Where the picture of a part lies.
    pub fn path(&self, part: &LabelledPart) -> PathBuf {
        self.dir.join(&part.file)
    }

    /// Keeps at most so many parts, spread evenly over the set.
    pub fn keep_at_most(&mut self, most: usize) {
        let count = self.parts.len();
        if most < count {
            let kept: HashSet<usize> = (0..most).map(|at| at * count / most).collect();
            let parts = std::mem::take(&mut self.parts).into_iter().enumerate();
            let (kept, left_out): (Vec<_>, Vec<_>) = parts.partition(|(at, _)| kept.contains(at));
            self.parts = kept.into_iter().map(|(_, part)| part).collect();
            self.left_out
                .extend(left_out.into_iter().map(|(_, part)| part.file));
        }
    }

    /// Reads every picture whole, and refuses parts whose picture cannot be used or whose boxes leave it.
    pub fn refuse_unusable(&mut self) {
        let (dir, refused) = (&self.dir, &mut self.refused);
        self.parts.retain(|part| match unusable(dir, part) {
            None => true,
            Some(reason) => {
                let file = part.file.clone();
                refused.push(RefusedLabel { file, reason });
                false
            }
        });
    }
}

/// Why a part cannot be judged, where it cannot.
fn unusable(dir: &Path, part: &LabelledPart) -> Option<String> {
    let path = dir.join(&part.file);
    if !path.is_file() {
        return Some("there is no such picture: correct the file's name, or add it".to_owned());
    }
    let facts = match read_picture(&path) {
        Ok(picture) => picture.facts(),
        Err(LabelsError::Unreadable { reason, .. }) => return Some(reason),
        Err(error) => return Some(error.to_string()),
    };
    let (width, height) = (facts.width_px, facts.height_px);
    let outside = part.boxes.iter().find(|at| !at.lies_in(width, height))?;
    Some(format!(
        "the box [{}, {}, {}, {}] does not lie in the picture of {width}×{height} pixels: correct its label",
        outside.x, outside.y, outside.width, outside.height
    ))
}

/// Reads a picture and checks it whole.
pub fn read_picture(path: &Path) -> Result<wiko_core::image::EncodedImage, LabelsError> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
    wiko_imaging::inspect(bytes).map_err(|refused| unreadable(path, refused))
}

/// The brightness of a picture.
pub fn read_luma(path: &Path) -> Result<GrayImage, LabelsError> {
    let picture = read_picture(path)?;
    wiko_imaging::decode_luma(&picture).map_err(|refused| unreadable(path, refused))
}

fn rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, LabelsError> {
    csv::Reader::from_path(path)
        .and_then(|mut reader| reader.deserialize().collect())
        .map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, reason: impl ToString) -> LabelsError {
    LabelsError::Unreadable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The last part of a folder's path.
fn name_of(dir: &Path) -> String {
    // `.` and `..` have no name of their own.
    let full = dir.canonicalize();
    let full = full.as_deref().unwrap_or(dir);
    let name = full.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
