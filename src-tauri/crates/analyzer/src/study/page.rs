//! A study as one page of HTML that stands alone: no script, no font, no picture from elsewhere; made to be read and
//! to be printed on A4.

use super::{
    figures::AppraiserFigures,
    plots,
    report::{Judgement, PartReport, StudyReport},
};
use crate::labelled::Standard;
use minijinja::{
    Environment, UndefinedBehavior, context,
    value::{Serde, Value},
};
use serde::Serialize;
use std::collections::BTreeMap;
use wiko_core::{agreement::Kappa, ports::Language, verdict::VerdictCode};

/// More wrong parts than this stand in `study.json` alone.
const MOST_WRONG: usize = 150;

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The table of its words is not as it should be.
    #[error("the page's words cannot be read: {0}")]
    Words(#[from] toml::de::Error),
    /// The template fails.
    #[error("the page cannot be rendered: {0}")]
    Template(#[from] minijinja::Error),
    /// A plot fails.
    #[error("a plot cannot be drawn: {0}")]
    Plot(String),
}

/// A word in each language.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    en: String,
    #[serde(rename = "zh-CN")]
    zh_cn: String,
}

fn words(language: Language) -> Result<BTreeMap<String, String>, toml::de::Error> {
    let table: BTreeMap<String, Word> = toml::from_str(include_str!("words.toml"))?;
    let chosen = |word: Word| match language {
        Language::ZhCn => word.zh_cn,
        Language::En => word.en,
    };
    let words = table.into_iter().map(|(key, word)| (key, chosen(word)));
    Ok(words.collect())
}

/// The page of a study. `link` gives where the picture of a file lies, seen from the page, where that can be told.
pub fn page(
    report: &StudyReport,
    link: impl Fn(&str) -> Option<String>,
) -> Result<String, PageError> {
    let words = words(report.setting.language)?;
    let word = |key: &str| words.get(key).map_or("", String::as_str);
    let plot = |error: plots::PlotError| PageError::Plot(error.to_string());
    let kinds = (word("defective_parts"), word("good_parts"));
    let axes = (word("confidence"), word("share_right"));
    let outcomes = plots::outcomes(&report.appraisers, kinds).map_err(plot)?;
    let mut reliability = Vec::new();
    for of in &report.appraisers {
        if let Some(calibration) = &of.calibration {
            let svg = plots::reliability(calibration, axes).map_err(plot)?;
            let calibration = Value::from(Serde(calibration));
            reliability.push(context! { name => of.appraiser.name.as_str(), svg, calibration });
        }
    }
    let wrong = wrong_parts(report, link);
    let more_wrong = wrong.len().saturating_sub(MOST_WRONG);
    let labelled = |standard| {
        let parts = report.parts.iter();
        parts.filter(|part| part.standard == standard).count()
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("page.html", include_str!("page.html"))?;
    let colour = |colour: plotters::style::RGBColor| {
        format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
    };
    let page = environment.get_template("page.html")?.render(context! {
        t => Serde(&words),
        report => Serde(report),
        defective => labelled(Standard::Fail),
        good => labelled(Standard::Pass),
        outcomes,
        reliability,
        matrix => Serde(matrix(report, word("labels"))),
        wrong => Serde(&wrong[..wrong.len() - more_wrong]),
        more_wrong,
        legend => Serde([
            (colour(plots::RIGHT), word("right")),
            (colour(plots::UNDETERMINED), word("undetermined")),
            (colour(plots::WRONG), word("wrong")),
            (colour(plots::NOT_ANSWERED), word("not_answered")),
        ]),
    })?;
    Ok(page)
}

/// A part that somebody passed though it is defective, or failed though it is good.
#[derive(Debug, Serialize)]
struct WrongPart<'a> {
    file: &'a str,
    link: Option<String>,
    standard: Standard,
    defect_types: String,
    /// What each appraiser said, in the order of the report's appraisers.
    said: Vec<Vec<Said>>,
    #[serde(skip)]
    wrong: usize,
}

/// How often an appraiser gave a verdict on a part.
#[derive(Debug, Serialize)]
struct Said {
    verdict: VerdictCode,
    count: usize,
    wrong: bool,
}

fn is_wrong(part: &PartReport, judgement: &Judgement) -> bool {
    let decided = matches!(judgement.verdict, VerdictCode::Pass | VerdictCode::Fail);
    decided && judgement.verdict != part.standard.verdict()
}

/// Misses first, the most often wrong first among them, then false alarms.
fn wrong_parts(report: &StudyReport, link: impl Fn(&str) -> Option<String>) -> Vec<WrongPart<'_>> {
    let mut wrong: Vec<WrongPart<'_>> = report
        .parts
        .iter()
        .filter_map(|part| {
            let times = part
                .judgements
                .iter()
                .filter(|said| is_wrong(part, said))
                .count();
            (times > 0).then(|| WrongPart {
                file: &part.file,
                link: link(&part.file),
                standard: part.standard,
                defect_types: part.defect_types.join(", "),
                said: report.appraisers.iter().map(|of| said(part, of)).collect(),
                wrong: times,
            })
        })
        .collect();
    wrong.sort_by_key(|part| std::cmp::Reverse((part.standard, part.wrong)));
    wrong
}

fn said(part: &PartReport, of: &AppraiserFigures) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    let by = |judgement: &&Judgement| judgement.appraiser == of.appraiser.name;
    for judgement in part.judgements.iter().filter(by) {
        match said
            .iter_mut()
            .find(|said| said.verdict == judgement.verdict)
        {
            Some(said) => said.count += 1,
            None => said.push(Said {
                verdict: judgement.verdict,
                count: 1,
                wrong: is_wrong(part, judgement),
            }),
        }
    }
    said
}

/// A row of the table of kappas.
#[derive(Debug, Serialize)]
struct MatrixRow {
    name: String,
    cells: Vec<Option<MatrixCell>>,
}

#[derive(Debug, Serialize)]
struct MatrixCell {
    kappa: Kappa,
    shade: &'static str,
}

/// Everybody with everybody and with the labels, which are the last row.
fn matrix(report: &StudyReport, labels: &str) -> Vec<MatrixRow> {
    let names: Vec<&str> = report
        .appraisers
        .iter()
        .map(|of| of.appraiser.name.as_str())
        .collect();
    let cell = |kappa: Kappa| {
        Some(MatrixCell {
            kappa,
            shade: shade(kappa),
        })
    };
    let of_pair = |a: &str, b: &str| {
        let mut pairs = report.pairs.iter();
        let pair = pairs.find(|pair| (pair.a == a && pair.b == b) || (pair.a == b && pair.b == a));
        pair.and_then(|pair| cell(pair.kappa))
    };
    let to_standard = |at: usize| cell(report.appraisers[at].kappa_to_standard);
    let mut rows: Vec<MatrixRow> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let mut cells: Vec<_> = names.iter().map(|other| of_pair(name, other)).collect();
            cells.push(to_standard(at));
            let name = (*name).to_owned();
            MatrixRow { name, cells }
        })
        .collect();
    let mut cells: Vec<_> = (0..names.len()).map(to_standard).collect();
    cells.push(None);
    rows.push(MatrixRow {
        name: labels.to_owned(),
        cells,
    });
    rows
}

/// As measurement system analysis reads kappas: good above 0.75, poor below 0.4.
fn shade(kappa: Kappa) -> &'static str {
    match kappa.kappa {
        None => "none",
        Some(kappa) if kappa > 0.75 => "high",
        Some(kappa) if kappa >= 0.4 => "middle",
        Some(_) => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_page_is_there_in_both_languages() {
        let template = include_str!("page.html");
        let english = words(Language::En).unwrap();
        let chinese = words(Language::ZhCn).unwrap();
        for (key, word) in english.iter().chain(&chinese) {
            assert!(!word.trim().is_empty(), "{key}");
        }
        let used = template.split(" t.").skip(1).map(|rest| {
            let end =
                rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()));
            &rest[..end.unwrap_or(rest.len())]
        });
        for key in used.filter(|key| !key.is_empty()) {
            assert!(english.contains_key(key), "{key}");
        }
    }
}
