//! What people said of the same parts: a CSV file with the columns `file`, `rater`, `trial`, `verdict`.

use super::report::{Appraiser, Judgement, Kind};
use crate::labelled::{LabelledSet, LabelsError};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};
use wiko_core::verdict::VerdictCode;

/// Nobody looks at a part more often in a study.
const MOST_TRIALS: u32 = 50;

/// One rating that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// Index of the part in the set.
    pub part: usize,
    /// Who.
    pub rater: String,
    /// From 1.
    pub trial: u32,
    /// What was said.
    pub verdict: VerdictCode,
}

impl Rating {
    /// As a study counts it.
    pub fn judgement(self) -> Judgement {
        Judgement {
            appraiser: self.rater,
            trial: self.trial,
            verdict: self.verdict,
            reason: String::new(),
            findings: vec![],
            latency_ms: None,
            cost_micro_usd: 0,
        }
    }
}

/// A line that is not used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefusedRating {
    /// The line of the file, from 1.
    pub line: u64,
    /// Why, and what to do.
    pub reason: String,
}

/// The ratings of all people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ratings {
    /// In the order of parts, raters and trials.
    pub used: Vec<Rating>,
    /// Those that are not used.
    pub refused: Vec<RefusedRating>,
}

#[derive(Debug, Deserialize)]
struct RatingRow {
    file: String,
    rater: String,
    trial: u32,
    verdict: String,
}

impl Ratings {
    /// Reads ratings of the parts of a set. `taken` are names that no rater may have.
    pub fn read(path: &Path, set: &LabelledSet, taken: &[&str]) -> Result<Self, LabelsError> {
        let unreadable = |error: csv::Error| LabelsError::Unreadable {
            path: path.to_owned(),
            reason: format!(
                "{error}: it is a CSV file in UTF-8 with the columns file, rater, trial, verdict"
            ),
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(unreadable)?;
        let headers = reader.headers().map_err(unreadable)?.clone();
        let parts: HashMap<&str, usize> = set
            .parts
            .iter()
            .enumerate()
            .map(|(at, part)| (part.file.as_str(), at))
            .collect();
        let mut seen = HashSet::new();
        let mut ratings = Self::default();
        for record in reader.into_records() {
            let record = record.map_err(unreadable)?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = record
                .deserialize::<RatingRow>(Some(&headers))
                .map_err(|error| error.to_string());
            // Nothing is wrong with it: fewer parts were asked for.
            if let Ok(row) = &row
                && set.left_out.contains(&row.file.replace('\\', "/"))
            {
                continue;
            }
            let read = row
                .and_then(|row| row.read(&parts, taken))
                .and_then(|rating| {
                    let fresh = seen.insert((rating.part, rating.rater.clone(), rating.trial));
                    let reason = "this rater has rated the part in this trial before: keep one";
                    fresh.then_some(rating).ok_or_else(|| reason.to_owned())
                });
            match read {
                Ok(rating) => ratings.used.push(rating),
                Err(reason) => ratings.refused.push(RefusedRating { line, reason }),
            }
        }
        ratings
            .used
            .sort_by(|a, b| (a.part, &a.rater, a.trial).cmp(&(b.part, &b.rater, b.trial)));
        Ok(ratings)
    }

    /// Who rated, in the order of their names.
    pub fn raters(&self) -> Vec<Appraiser> {
        let names: BTreeSet<&String> = self.used.iter().map(|rating| &rating.rater).collect();
        let person = |name: &String| Appraiser {
            name: name.clone(),
            kind: Kind::Person,
            provider: None,
            model: None,
            prompt_sha256: None,
            priced: true,
            ended_early: None,
        };
        names.into_iter().map(person).collect()
    }
}

impl RatingRow {
    fn read(self, parts: &HashMap<&str, usize>, taken: &[&str]) -> Result<Rating, String> {
        let file = self.file.replace('\\', "/");
        let Some(&part) = parts.get(file.as_str()) else {
            return Err(format!(
                "{file} is no part of this study: name it as the labels do"
            ));
        };
        if self.rater.is_empty() {
            return Err("no rater is named".to_owned());
        }
        if taken.contains(&self.rater.as_str()) {
            let rater = self.rater;
            return Err(format!(
                "{rater} is an analyzer: give the rater another name"
            ));
        }
        if !(1..=MOST_TRIALS).contains(&self.trial) {
            return Err(format!("the trial must be from 1 to {MOST_TRIALS}"));
        }
        let verdict = match self.verdict.to_ascii_lowercase().as_str() {
            "pass" => VerdictCode::Pass,
            "fail" => VerdictCode::Fail,
            "undetermined" => VerdictCode::Undetermined,
            other => {
                return Err(format!(
                    "\"{other}\" is no verdict: write pass, fail or undetermined"
                ));
            }
        };
        Ok(Rating {
            part,
            rater: self.rater,
            trial: self.trial,
            verdict,
        })
    }
}
