//! Scores the screen on labelled folders of real pictures: precision, recall and F1 of its boxes.
//!
//! Each set has `dev/images.csv` and `dev/annotations.csv`. What a set offers as good decides how it
//! is learnt: a reference beside each picture, or `reference_good` pictures of each group. A set
//! with neither cannot be learnt and is listed with the reason. Rows called `uncertain` never count.

use super::{LearnOptions, Polarity, ScreenModel, Screening, learn_with};
use image::GrayImage;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    num::NonZero,
    panic,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};
use wiko_core::{geometry::BoxPx, sku::ProductSku, stage::Stage};

/// A box counts as found from this intersection over union on.
pub const LEAST_IOU: f64 = 0.33;

/// Why nothing was evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A folder or table cannot be read.
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
}

/// The figures of all sets of a folder.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct EvaluationReport {
    /// One for each set, in the order of their names.
    pub sets: Vec<SetReport>,
}

/// The figures of one set.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SetReport {
    /// The set's folder.
    pub name: String,
    /// How it was learnt, or why it could not be.
    pub method: String,
    /// What was counted; none where it could not be learnt.
    pub score: Option<Score>,
}

/// Counts of pictures and boxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Score {
    /// Pictures judged.
    pub pictures: u32,
    /// Pictures that were not fit to be judged; their boxes count as missed.
    pub unfit: u32,
    /// Good pictures judged.
    pub good_pictures: u32,
    /// Good pictures with a finding.
    pub good_alarmed: u32,
    /// Boxes found.
    pub hits: u32,
    /// Findings that are no box.
    pub false_alarms: u32,
    /// Boxes not found.
    pub misses: u32,
    /// Time to judge all pictures, decoding left out.
    pub total_ms: f64,
}

impl Score {
    /// Share of the findings that are boxes.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.hits + self.false_alarms)
    }

    /// Share of the boxes that were found.
    pub fn recall(&self) -> f64 {
        share(self.hits, self.hits + self.misses)
    }

    /// The harmonic mean of both.
    pub fn f1(&self) -> f64 {
        share(
            2 * self.hits,
            2 * self.hits + self.false_alarms + self.misses,
        )
    }

    /// Mean time to judge a picture.
    pub fn mean_ms(&self) -> f64 {
        self.total_ms / f64::from(self.pictures.max(1))
    }

    fn add(&mut self, found: &[(BoxPx, f32)], truth: &[BoxPx]) {
        let hits = matched(found, truth);
        self.hits += hits;
        self.false_alarms += found.len() as u32 - hits;
        self.misses += truth.len() as u32 - hits;
    }
}

impl std::ops::AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.unfit += other.unfit;
        self.good_pictures += other.good_pictures;
        self.good_alarmed += other.good_alarmed;
        self.hits += other.hits;
        self.false_alarms += other.false_alarms;
        self.misses += other.misses;
        self.total_ms += other.total_ms;
    }
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

/// Findings matched one to one with boxes, the strongest finding first, each with the box that it
/// overlaps most.
fn matched(found: &[(BoxPx, f32)], truth: &[BoxPx]) -> u32 {
    let mut order: Vec<_> = found.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut open: Vec<&BoxPx> = truth.iter().collect();
    let mut hits = 0;
    for (found, _) in order {
        let best = open
            .iter()
            .enumerate()
            .map(|(index, truth)| (index, truth.iou(found)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, iou)) = best
            && iou >= LEAST_IOU
        {
            open.swap_remove(index);
            hits += 1;
        }
    }
    hits
}

impl EvaluationReport {
    /// The figures as a table.
    pub fn markdown(&self) -> String {
        let mut out = String::from(
            "| set | learnt from | pictures | precision | recall | F1 | good pictures alarmed | not fit | ms a picture |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for set in &self.sets {
            // Writing to a String does not fail.
            let _ = match &set.score {
                Some(score) => writeln!(
                    out,
                    "| {} | {} | {} | {:.3} | {:.3} | {:.3} | {} | {} | {:.1} |",
                    set.name,
                    set.method,
                    score.pictures,
                    score.precision(),
                    score.recall(),
                    score.f1(),
                    if score.good_pictures == 0 {
                        "–".to_owned()
                    } else {
                        format!("{} of {}", score.good_alarmed, score.good_pictures)
                    },
                    score.unfit,
                    score.mean_ms(),
                ),
                None => writeln!(
                    out,
                    "| {} | left out: {} | – | – | – | – | – | – | – |",
                    set.name, set.method
                ),
            };
        }
        out
    }
}

/// Evaluates every set in `data_dir`.
pub fn evaluate(data_dir: &Path) -> Result<EvaluationReport, EvaluationError> {
    evaluate_some(data_dir, usize::MAX)
}

/// Evaluates every set in `data_dir`, at most `most_pictures` of each, spread over the set.
pub fn evaluate_some(
    data_dir: &Path,
    most_pictures: usize,
) -> Result<EvaluationReport, EvaluationError> {
    let entries = fs::read_dir(data_dir).map_err(|error| unreadable(data_dir, error))?;
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|dir| dir.join("dev/images.csv").is_file())
        .collect();
    dirs.sort();
    if dirs.is_empty() {
        return Err(EvaluationError::NoSets {
            path: data_dir.to_owned(),
        });
    }
    let sets = dirs
        .iter()
        .map(|dir| evaluate_set(dir, most_pictures))
        .collect::<Result<_, _>>()?;
    Ok(EvaluationReport { sets })
}

#[derive(Debug, Clone, Deserialize)]
struct ImageRow {
    image: String,
    role: String,
    group: String,
    reference: String,
}

#[derive(Debug, Deserialize)]
struct AnnotationRow {
    image: String,
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

/// Evaluates one set: the folder that holds `dev/`.
pub fn evaluate_set(set_dir: &Path, most_pictures: usize) -> Result<SetReport, EvaluationError> {
    let name = set_dir.file_name().unwrap_or_default().to_string_lossy();
    evaluate_set_with(set_dir, most_pictures, options_of(&name))
}

/// Evaluates one set with given options.
pub fn evaluate_set_with(
    set_dir: &Path,
    most_pictures: usize,
    options: LearnOptions,
) -> Result<SetReport, EvaluationError> {
    let dev = set_dir.join("dev");
    let name = set_dir
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let images: Vec<ImageRow> = rows(&dev.join("images.csv"))?;
    let mut truth: HashMap<String, Vec<BoxPx>> = HashMap::new();
    for row in rows::<AnnotationRow>(&dev.join("annotations.csv"))? {
        truth.entry(row.image).or_default().push(BoxPx {
            x: row.x,
            y: row.y,
            width: row.w,
            height: row.h,
        });
    }
    let mut tests: Vec<&ImageRow> = images
        .iter()
        .filter(|row| row.role.starts_with("test_"))
        .collect();
    let step = tests.len().div_ceil(most_pictures.max(1)).max(1);
    tests = tests.into_iter().step_by(step).collect();
    let set = Set {
        dev: &dev,
        truth: &truth,
        options,
    };
    let has_references = tests.iter().any(|row| !row.reference.is_empty());
    let has_good = images.iter().any(|row| row.role == "reference_good");
    let (method, score) = if has_references {
        let method = "the one reference of each picture".to_owned();
        (method, Some(set.by_reference(&tests)?))
    } else if has_good {
        let method = "the `reference_good` pictures of each group".to_owned();
        (method, Some(set.by_group(&images, &tests)?))
    } else if images.iter().any(|row| row.role == "good") {
        let reason = "its good pictures show other parts of other sizes, so that none is a reference for another";
        (reason.to_owned(), None)
    } else {
        ("it has no good pictures to learn from".to_owned(), None)
    };
    Ok(SetReport {
        name,
        method,
        score,
    })
}

/// What was chosen once for each set, by what it shows, as a field tech would for a station.
pub fn options_of(set: &str) -> LearnOptions {
    let default = LearnOptions::default();
    match set {
        // Binarised line scans: every edge jumps by a pixel or two, thin slivers and half tones are
        // no defects, and the set's own boxes are drawn with a wide margin.
        "deeppcb" => LearnOptions {
            edge_tolerance_px: 2,
            opening_px: 3,
            smallest_px: 12,
            merge_px: 12,
            box_margin_px: 8,
            least_levels: 90.0,
            polarity: Polarity::Both,
            ..default
        },
        // A shiny screw that gets dirtier: pits are dark and compact, highlights wander, dirt spreads.
        "bsdata" => LearnOptions {
            edge_tolerance_px: 2,
            smallest_px: 150,
            largest_px: 110,
            merge_px: 20,
            headroom: 1.0,
            least_levels: 40.0,
            polarity: Polarity::Darker,
            ..default
        },
        _ => default,
    }
}

struct Set<'a> {
    dev: &'a Path,
    truth: &'a HashMap<String, Vec<BoxPx>>,
    options: LearnOptions,
}

impl Set<'_> {
    fn by_reference(&self, tests: &[&ImageRow]) -> Result<Score, EvaluationError> {
        self.each(tests, |row| {
            let good = vec![read(&self.dev.join(&row.reference))?];
            self.judge(self.model(good).as_ref(), row)
        })
    }

    fn by_group(&self, images: &[ImageRow], tests: &[&ImageRow]) -> Result<Score, EvaluationError> {
        let mut groups: BTreeMap<&str, Vec<&ImageRow>> = BTreeMap::new();
        for row in tests {
            groups.entry(&row.group).or_default().push(row);
        }
        let mut score = Score::default();
        for (group, tests) in groups {
            let good = images
                .iter()
                .filter(|row| row.role == "reference_good" && row.group == group)
                .map(|row| read(&self.dev.join(&row.image)))
                .collect::<Result<Vec<_>, _>>()?;
            let model = self.model(good);
            score += self.each(&tests, |row| self.judge(model.as_ref(), row))?;
        }
        Ok(score)
    }

    /// Judges all rows, on every core.
    fn each(
        &self,
        rows: &[&ImageRow],
        judge: impl Fn(&ImageRow) -> Result<Score, EvaluationError> + Sync,
    ) -> Result<Score, EvaluationError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let share = rows.len().div_ceil(cores).max(1);
        let judge = &judge;
        thread::scope(|scope| {
            let workers: Vec<_> = rows
                .chunks(share)
                .map(|rows| {
                    scope.spawn(move || {
                        rows.iter().try_fold(Score::default(), |mut score, row| {
                            score += judge(row)?;
                            Ok(score)
                        })
                    })
                })
                .collect();
            workers
                .into_iter()
                .try_fold(Score::default(), |mut score, worker| {
                    score += worker
                        .join()
                        .unwrap_or_else(|panic| panic::resume_unwind(panic))?;
                    Ok(score)
                })
        })
    }

    /// No model where the good pictures cannot be learnt; what they were to judge is then not fit.
    fn model(&self, good: Vec<GrayImage>) -> Option<ScreenModel> {
        let sku = ProductSku::new("EVALUATION").ok()?;
        learn_with(sku, Stage::Inspection, good, self.options).ok()
    }

    fn judge(&self, model: Option<&ScreenModel>, row: &ImageRow) -> Result<Score, EvaluationError> {
        let mut score = Score::default();
        let picture = read(&self.dev.join(&row.image))?;
        let started = Instant::now();
        let screening = model.map(|model| model.screen(picture));
        score.total_ms += started.elapsed().as_secs_f64() * 1000.0;
        score.pictures += 1;
        let found: Vec<(BoxPx, f32)> = match &screening {
            Some(Screening::Judged { found, .. }) => found
                .iter()
                .map(|found| (found.box_px, found.strength))
                .collect(),
            Some(Screening::Unfit(_)) | None => {
                score.unfit += 1;
                vec![]
            }
        };
        if row.role == "test_good" {
            score.good_pictures += 1;
            score.good_alarmed += u32::from(!found.is_empty());
        }
        let truth = self.truth.get(&row.image).map_or(&[][..], Vec::as_slice);
        score.add(&found, truth);
        Ok(score)
    }
}

fn read(path: &Path) -> Result<GrayImage, EvaluationError> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
    wiko_imaging::inspect(bytes)
        .and_then(|picture| wiko_imaging::decode_luma(&picture))
        .map_err(|refused| unreadable(path, refused))
}

fn rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, EvaluationError> {
    csv::Reader::from_path(path)
        .and_then(|mut reader| reader.deserialize().collect())
        .map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, reason: impl ToString) -> EvaluationError {
    EvaluationError::Unreadable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: u32, side: u32) -> BoxPx {
        BoxPx {
            x,
            y: 0,
            width: side,
            height: side,
        }
    }

    #[test]
    fn a_box_is_matched_once_and_what_is_left_over_is_an_alarm_or_a_miss() {
        let mut score = Score::default();
        let found = [
            (square(0, 10), 2.0),
            (square(1, 10), 3.0),
            (square(50, 10), 1.0),
        ];
        score.add(&found, &[square(0, 10), square(100, 10)]);
        assert_eq!((score.hits, score.false_alarms, score.misses), (1, 2, 1));
        assert!((score.f1() - 0.4).abs() < 1e-9);
    }
}
