//! The screen as a labelled set teaches it: a model for each lesson, kept nowhere.

use super::{LearnError, LearnOptions, ScreenModel, evaluate::options_of, judged_by, learn_with};
use crate::labelled::{LabelledPart, LabelledSet, LabelsError, read_luma};
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::OnceCell;
use wiko_core::{
    analysis::{Analysis, Provider},
    ports::{AnalysisError, AnalysisRequest, Analyzer},
    sku::ProductSku,
    stage::Stage,
};

/// Models kept in memory: parts are judged lesson after lesson.
const MOST_KEPT: usize = 2;

/// Why a lesson teaches nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum LessonError {
    #[error(transparent)]
    Labels(#[from] LabelsError),
    #[error(transparent)]
    Learn(#[from] LearnError),
}

/// Learns from the pictures of one lesson.
pub(super) fn learn_lesson(
    good: &[PathBuf],
    options: LearnOptions,
) -> Result<ScreenModel, LessonError> {
    let pictures: Vec<_> = good
        .iter()
        .map(|path| read_luma(path))
        .collect::<Result<_, _>>()?;
    let reason = |error: wiko_core::sku::NotASku| LearnError::Encode {
        reason: error.to_string(),
    };
    let sku = ProductSku::new("EVALUATION").map_err(reason)?;
    Ok(learn_with(sku, Stage::Inspection, pictures, options)?)
}

type Taught = Arc<OnceCell<Result<TaughtScreen, String>>>;

/// The screens of a labelled set, each taught when it is first asked for.
pub struct TaughtScreens {
    set: Arc<LabelledSet>,
    options: LearnOptions,
    kept: Mutex<VecDeque<(usize, Taught)>>,
}

impl TaughtScreens {
    /// The screens of that set, with the options that were chosen for it.
    pub fn of(set: Arc<LabelledSet>) -> Self {
        let options = options_of(&set.name);
        Self {
            set,
            options,
            kept: Mutex::default(),
        }
    }

    /// The screen that judges a part of the set.
    pub async fn for_part(&self, part: &LabelledPart) -> Result<Arc<dyn Analyzer>, AnalysisError> {
        let not_learnt = |reason: String| AnalysisError::NotLearnt { reason };
        let Some(lesson) = part.lesson else {
            let reason = format!("the screen cannot learn this set: {}", self.set.method);
            return Err(not_learnt(reason));
        };
        let (set, options) = (Arc::clone(&self.set), self.options);
        let learn = || async move {
            let learnt = tokio::task::spawn_blocking(move || {
                let model = learn_lesson(&set.lessons[lesson], options);
                model.map_err(|error| format!("the screen learnt nothing: {error}"))
            });
            let model = learnt
                .await
                .unwrap_or_else(|stopped| Err(stopped.to_string()))?;
            Ok(TaughtScreen(Arc::new(model)))
        };
        let taught = self.kept(lesson);
        let screen = taught.get_or_init(learn).await.clone();
        Ok(Arc::new(screen.map_err(not_learnt)?))
    }

    fn kept(&self, lesson: usize) -> Taught {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, taught)) = kept.iter().find(|(of, _)| *of == lesson) {
            return Arc::clone(taught);
        }
        let taught = Taught::default();
        kept.push_back((lesson, Arc::clone(&taught)));
        if kept.len() > MOST_KEPT {
            kept.pop_front();
        }
        taught
    }
}

/// The screen with one model.
#[derive(Clone)]
struct TaughtScreen(Arc<ScreenModel>);

#[async_trait::async_trait]
impl Analyzer for TaughtScreen {
    fn provider(&self) -> Provider {
        Provider::Screen
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let (model, request) = (Arc::clone(&self.0), request.clone());
        let judge = move || judged_by(&model, &request, Instant::now());
        let judged = tokio::task::spawn_blocking(judge).await;
        judged.unwrap_or_else(|stopped| Err(super::hindered(&stopped)))
    }
}
