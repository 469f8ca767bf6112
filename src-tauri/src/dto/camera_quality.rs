use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_store::QualityHour;

/// How a camera's pictures were over an hour.
#[derive(Debug, Clone, Serialize, Type)]
pub struct QualityHourDto {
    /// When the hour began, epoch milliseconds.
    #[specta(type = Number)]
    pub from: f64,
    /// Inspected frames in it.
    #[specta(type = Number)]
    pub frames: f64,
    /// Their mean focus score.
    #[specta(type = Number)]
    pub focus: f64,
    /// Their mean level.
    #[specta(type = Number)]
    pub mean_level: f64,
    /// Their mean share of clipped pixels on the part.
    #[specta(type = Number)]
    pub clipped_on_part: f64,
    /// Their mean noise.
    #[specta(type = Number)]
    pub noise: f64,
    /// Those of them that were unfit.
    #[specta(type = Number)]
    pub unfit: f64,
}

/// How a camera's pictures drift.
#[derive(Debug, Clone, Serialize, Type)]
pub struct QualityHistoryDto {
    /// The last days, oldest hour first; hours without frames are left out.
    pub hours: Vec<QualityHourDto>,
    /// What has drifted and by how much, in words; empty where nothing has.
    pub warnings: Vec<DriftDto>,
}

/// A measure that drifts.
#[derive(Debug, Clone, Serialize, Type)]
pub struct DriftDto {
    /// Which: `focus`, `mean_level`, `clipped_on_part`, `noise`.
    pub measure: QualityMeasure,
    /// By what share it has changed between the first and the last day, below 0 where it fell.
    #[specta(type = Number)]
    pub change: f64,
}

/// What drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum QualityMeasure {
    /// Sharpness falls: dirt, a loose lens.
    Focus,
    /// Brightness changes: the lamp ages.
    MeanLevel,
    /// More of the part is white.
    ClippedOnPart,
    /// More noise.
    Noise,
}

/// A measure has drifted where a day's mean differs from the first day's by more than this share.
const DRIFT: f64 = 0.15;

impl QualityHistoryDto {
    /// Of the sums of each hour, oldest first.
    pub fn of(hours: &[QualityHour]) -> Self {
        let day = 24;
        let (Some(first), Some(last)) = (hours.first(), hours.last()) else {
            return Self {
                hours: Vec::new(),
                warnings: Vec::new(),
            };
        };
        let early: Vec<_> = hours
            .iter()
            .filter(|it| it.hour < first.hour + day)
            .collect();
        let late: Vec<_> = hours
            .iter()
            .filter(|it| it.hour > last.hour - day)
            .collect();
        let mean = |hours: &[&QualityHour], sum: fn(&QualityHour) -> f64| {
            let frames: f64 = hours.iter().map(|it| it.frames as f64).sum();
            hours.iter().map(|it| sum(it)).sum::<f64>() / frames.max(1.0)
        };
        type Sum = fn(&QualityHour) -> f64;
        let measures: [(QualityMeasure, Sum, f64); 4] = [
            (QualityMeasure::Focus, |it| it.focus, 0.0),
            (QualityMeasure::MeanLevel, |it| it.mean_level, 0.0),
            // Next to nothing may double and still be next to nothing.
            (QualityMeasure::ClippedOnPart, |it| it.clipped_on_part, 0.01),
            (QualityMeasure::Noise, |it| it.noise, 0.5),
        ];
        // Two days at least: over one, the sun goes round.
        let warnings = measures
            .into_iter()
            .filter(|_| last.hour - first.hour >= 2 * day);
        let warnings = warnings.filter_map(|(measure, sum, least)| {
            let (before, now) = (mean(&early, sum), mean(&late, sum));
            let change = (now - before) / before.max(f64::EPSILON);
            let drifted = change.abs() > DRIFT && (now - before).abs() > least;
            drifted.then_some(DriftDto { measure, change })
        });
        Self {
            warnings: warnings.collect(),
            hours: hours
                .iter()
                .map(|it| QualityHourDto {
                    from: it.hour as f64 * 3_600_000.0,
                    frames: it.frames as f64,
                    focus: it.focus / it.frames as f64,
                    mean_level: it.mean_level / it.frames as f64,
                    clipped_on_part: it.clipped_on_part / it.frames as f64,
                    noise: it.noise / it.frames as f64,
                    unfit: it.unfit as f64,
                })
                .collect(),
        }
    }
}
