//! How far those who judge the same parts agree, and how sure one can be of a share that was counted.
//!
//! Invariants:
//! - Pure: counts in, figures out. A figure that does not exist is none with its reason, never 0 or 1.
//! - Categories are taken as they come: who cannot tell has said so, and that is a category of its own.
//!
//! Sources: J. Cohen, *A coefficient of agreement for nominal scales*, Educational and Psychological Measurement 20
//! (1960) 37–46; J. L. Fleiss, *Measuring nominal scale agreement among many raters*, Psychological Bulletin 76
//! (1971) 378–382; E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of
//! the American Statistical Association 22 (1927) 209–212; C. Guo and others, *On calibration of modern neural
//! networks*, ICML 2017, for the expected calibration error.

use crate::coded;

/// The quantile of the normal distribution that leaves 2.5 % on each side.
const Z_95: f64 = 1.959_963_984_540_054;

/// Agreement beyond chance: 1 is perfect, 0 what chance would give.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Kappa {
    /// None where there is none, see `undefined`.
    pub kappa: Option<f64>,
    /// Why there is none.
    pub undefined: Option<NoKappa>,
    /// Share of the pairs of ratings that agree.
    pub observed: Option<f64>,
    /// Share that would agree by chance.
    pub expected: Option<f64>,
    /// What was rated.
    pub subjects: usize,
}

/// Why a kappa does not exist.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NoKappa {
    /// Nothing was rated by all of them.
    NothingRated,
    /// Each subject has one rating: there is nothing to agree with.
    OneRating,
    /// The subjects have unequal numbers of ratings.
    UnequalRatings,
    /// Only one category was used, so that chance alone agrees wholly.
    OneCategory,
}
coded!(NoKappa, "reason");

impl Kappa {
    fn undefined(undefined: NoKappa, subjects: usize) -> Self {
        Self {
            kappa: None,
            undefined: Some(undefined),
            observed: None,
            expected: None,
            subjects,
        }
    }

    /// `(observed - expected) / (1 - expected)`.
    fn of(observed: f64, expected: f64, subjects: usize) -> Self {
        Self {
            kappa: Some((observed - expected) / (1.0 - expected)),
            undefined: None,
            observed: Some(observed),
            expected: Some(expected),
            subjects,
        }
    }
}

/// Cohen's kappa of two raters: each subject's rating by the one and by the other.
pub fn cohen<C: PartialEq>(pairs: &[(C, C)]) -> Kappa {
    let subjects = pairs.len();
    if subjects == 0 {
        return Kappa::undefined(NoKappa::NothingRated, 0);
    }
    let categories = categories(pairs.iter().flat_map(|(a, b)| [a, b]));
    if categories.len() == 1 {
        return Kappa::undefined(NoKappa::OneCategory, subjects);
    }
    let agreed = pairs.iter().filter(|(a, b)| a == b).count();
    // Of integers, so that the order of the raters cannot show in the last digit.
    let by_chance: usize = categories
        .iter()
        .map(|category| {
            let first = pairs.iter().filter(|(a, _)| a == *category).count();
            let second = pairs.iter().filter(|(_, b)| b == *category).count();
            first * second
        })
        .sum();
    let expected = share(by_chance, subjects * subjects);
    Kappa::of(share(agreed, subjects), expected, subjects)
}

/// Fleiss' kappa of many raters: for each subject its ratings, as many of each.
pub fn fleiss<C: PartialEq>(subjects: &[Vec<C>]) -> Kappa {
    let count = subjects.len();
    let Some(ratings) = subjects.first().map(Vec::len) else {
        return Kappa::undefined(NoKappa::NothingRated, 0);
    };
    if subjects.iter().any(|subject| subject.len() != ratings) {
        return Kappa::undefined(NoKappa::UnequalRatings, count);
    }
    if ratings < 2 {
        return Kappa::undefined(NoKappa::OneRating, count);
    }
    let categories = categories(subjects.iter().flatten());
    if categories.len() == 1 {
        return Kappa::undefined(NoKappa::OneCategory, count);
    }
    let (mut agreeing_pairs, mut by_chance) = (0, 0);
    for category in categories {
        let of = |subject: &Vec<C>| subject.iter().filter(|given| *given == category).count();
        let counts: Vec<usize> = subjects.iter().map(of).collect();
        agreeing_pairs += counts
            .iter()
            .map(|n| n * n.saturating_sub(1))
            .sum::<usize>();
        by_chance += counts.iter().sum::<usize>().pow(2);
    }
    let observed = share(agreeing_pairs, count * ratings * (ratings - 1));
    let expected = share(by_chance, (count * ratings).pow(2));
    Kappa::of(observed, expected, count)
}

fn categories<'a, C: PartialEq + 'a>(ratings: impl Iterator<Item = &'a C>) -> Vec<&'a C> {
    let mut categories: Vec<&C> = Vec::new();
    for rating in ratings {
        if !categories.contains(&rating) {
            categories.push(rating);
        }
    }
    categories
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// A counted share with its 95 % interval by Wilson's score.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Proportion {
    /// The numerator.
    pub count: usize,
    /// The denominator.
    pub of: usize,
    /// `count / of`; none of nothing.
    pub share: Option<f64>,
    /// Lower end of the interval.
    pub low_95: Option<f64>,
    /// Upper end of the interval.
    pub high_95: Option<f64>,
}

impl Proportion {
    /// `count` of `of`, of which `count` is a part.
    pub fn new(count: usize, of: usize) -> Self {
        if of == 0 {
            return Self {
                count,
                of,
                share: None,
                low_95: None,
                high_95: None,
            };
        }
        let (n, p, z2) = (of as f64, share(count, of), Z_95 * Z_95);
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).max(0.0).sqrt() / (1.0 + z2 / n);
        Self {
            count,
            of,
            share: Some(p),
            // The ends are exact where nothing or everything was counted; rounding must not leave 0 to 1.
            low_95: Some(if count == 0 {
                0.0
            } else {
                (middle - half).max(0.0)
            }),
            high_95: Some(if count == of {
                1.0
            } else {
                (middle + half).min(1.0)
            }),
        }
    }
}

/// How far a stated confidence is how often it was right.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// Statements with a confidence.
    pub statements: usize,
    /// The mean distance between confidence and share of right statements over all bins, each by its number of
    /// statements; none without any.
    pub expected_error: Option<f64>,
    /// Bins of equal width from 0 to 1, the empty ones too.
    pub bins: Vec<CalibrationBin>,
}

/// The statements of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CalibrationBin {
    /// From this confidence on.
    pub from: f64,
    /// To below this one; the last bin holds 1 as well.
    pub to: f64,
    /// How sure they were on the mean; none without any.
    pub mean_confidence: Option<f64>,
    /// How many of them were right.
    pub right: Proportion,
}

/// Sorts statements, each a confidence and whether it was right, into bins. What is no number from 0 to 1 is left
/// out: no analysis with such a confidence is ever used.
pub fn calibration(statements: &[(f64, bool)], bins: usize) -> Calibration {
    let bins = bins.max(1);
    let mut sums = vec![(0.0, 0, 0); bins];
    for &(confidence, right) in statements {
        if !(0.0..=1.0).contains(&confidence) {
            continue;
        }
        let at = ((confidence * bins as f64) as usize).min(bins - 1);
        let (sum, count, rights) = &mut sums[at];
        *sum += confidence;
        *count += 1;
        *rights += usize::from(right);
    }
    let statements: usize = sums.iter().map(|(_, count, _)| count).sum();
    let far: f64 = sums
        .iter()
        .map(|(sum, _, rights)| (sum - *rights as f64).abs())
        .sum();
    let bin = |(at, &(sum, count, rights)): (usize, &(f64, usize, usize))| CalibrationBin {
        from: share(at, bins),
        to: share(at + 1, bins),
        mean_confidence: (count > 0).then(|| sum / count as f64),
        right: Proportion::new(rights, count),
    };
    Calibration {
        statements,
        expected_error: (statements > 0).then(|| far / statements as f64),
        bins: sums.iter().enumerate().map(bin).collect(),
    }
}

/// The value that so many of a hundred do not exceed, by nearest rank; none of nothing.
pub fn percentile(values: &[f64], percent: u32) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent as usize).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
