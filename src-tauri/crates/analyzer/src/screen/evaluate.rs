//! Scores the screen on labelled folders of real pictures: precision, recall and F1 of its boxes.
//!
//! The sets are read by [`crate::labelled`], which also says from what the screen learns each of them. A set that
//! cannot be learnt is listed with the reason.

use super::{
    LearnOptions, Polarity, ScreenModel, Screening,
    taught::{LessonError, learn_lesson},
};
use crate::labelled::{
    LabelledPart, LabelledSet, LabelsError, Standard, read_luma, read_set, set_dirs,
};
use std::{
    collections::BTreeMap, fmt::Write as _, num::NonZero, panic, path::Path, thread, time::Instant,
};
use wiko_core::{
    geometry::BoxPx,
    matching::{LEAST_IOU, matched},
};

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

    fn add(&mut self, found: &[(BoxPx, f64)], truth: &[BoxPx]) {
        let hits = matched(found, truth, LEAST_IOU).into_iter().flatten();
        let hits = hits.count() as u32;
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
pub fn evaluate(data_dir: &Path) -> Result<EvaluationReport, LabelsError> {
    let dirs = set_dirs(data_dir)?;
    if dirs.is_empty() {
        return Err(LabelsError::NoSets {
            path: data_dir.to_owned(),
        });
    }
    let sets = dirs
        .iter()
        .map(|dir| evaluate_set(dir, usize::MAX))
        .collect::<Result<_, _>>()?;
    Ok(EvaluationReport { sets })
}

/// Evaluates one set, the folder that holds `dev/`: at most `most_pictures` of it, spread over the set.
pub fn evaluate_set(set_dir: &Path, most_pictures: usize) -> Result<SetReport, LabelsError> {
    let mut set = read_set(set_dir)?;
    set.keep_at_most(most_pictures);
    let options = options_of(&set.name);
    let score = if set.lessons.is_empty() {
        None
    } else {
        Some(score(&set, options)?)
    };
    Ok(SetReport {
        name: set.name,
        method: set.method,
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

/// Judges all parts, the lessons spread over every core.
fn score(set: &LabelledSet, options: LearnOptions) -> Result<Score, LabelsError> {
    let mut by_lesson: BTreeMap<Option<usize>, Vec<&LabelledPart>> = BTreeMap::new();
    for part in &set.parts {
        by_lesson.entry(part.lesson).or_default().push(part);
    }
    let lessons: Vec<_> = by_lesson.into_iter().collect();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = lessons.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = lessons
            .chunks(share)
            .map(|lessons| {
                scope.spawn(move || {
                    let mut score = Score::default();
                    for (lesson, parts) in lessons {
                        score += score_lesson(set, *lesson, parts, options)?;
                    }
                    Ok(score)
                })
            })
            .collect();
        let mut score = Score::default();
        for worker in workers {
            score += worker
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        }
        Ok(score)
    })
}

fn score_lesson(
    set: &LabelledSet,
    lesson: Option<usize>,
    parts: &[&LabelledPart],
    options: LearnOptions,
) -> Result<Score, LabelsError> {
    // What cannot be learnt judges nothing: its parts are then not fit.
    let model = match lesson.map(|lesson| learn_lesson(&set.lessons[lesson], options)) {
        Some(Ok(model)) => Some(model),
        Some(Err(LessonError::Labels(error))) => return Err(error),
        Some(Err(LessonError::Learn(_))) | None => None,
    };
    let mut score = Score::default();
    for part in parts {
        score += judge(set, part, model.as_ref())?;
    }
    Ok(score)
}

fn judge(
    set: &LabelledSet,
    part: &LabelledPart,
    model: Option<&ScreenModel>,
) -> Result<Score, LabelsError> {
    let mut score = Score::default();
    let picture = read_luma(&set.path(part))?;
    let started = Instant::now();
    let screening = model.map(|model| model.screen(picture));
    score.total_ms += started.elapsed().as_secs_f64() * 1000.0;
    score.pictures += 1;
    let found: Vec<(BoxPx, f64)> = match &screening {
        Some(Screening::Judged { found, .. }) => found
            .iter()
            .map(|found| (found.box_px, f64::from(found.strength)))
            .collect(),
        Some(Screening::Unfit(_)) | None => {
            score.unfit += 1;
            vec![]
        }
    };
    if part.standard == Standard::Pass {
        score.good_pictures += 1;
        score.good_alarmed += u32::from(!found.is_empty());
    }
    score.add(&found, &part.boxes);
    Ok(score)
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
    fn what_is_left_over_is_an_alarm_or_a_miss() {
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
