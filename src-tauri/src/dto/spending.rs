use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    analysis::Provider,
    spending::{BudgetState, ModelSpending, Spending},
};
use wiko_pipeline::BudgetReport;

fn usd(micro: u64) -> f64 {
    micro as f64 / 1e6
}

/// How the month's budget for models stands.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct BudgetDto {
    /// Whether something is left.
    pub state: BudgetState,
    /// What the month has cost so far, in US dollars.
    #[specta(type = Number)]
    pub spent_usd: f64,
    /// The budget, in US dollars.
    #[specta(type = Number)]
    pub budget_usd: f64,
    /// Once it is spent, models are asked for one part in so many; 0 for none.
    pub sample_every: u32,
}

impl From<BudgetReport> for BudgetDto {
    fn from(report: BudgetReport) -> Self {
        Self {
            state: report.state,
            spent_usd: usd(report.spent_micro_usd),
            budget_usd: usd(report.budget.month_micro_usd),
            sample_every: report.budget.sample_every,
        }
    }
}

/// What one model was called for.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ModelSpendingDto {
    /// Whose.
    pub provider: Provider,
    /// Which, as the provider names it.
    pub model: String,
    /// How often it was called.
    #[specta(type = Number)]
    pub calls: f64,
    /// Tokens sent.
    #[specta(type = Number)]
    pub input_tokens: f64,
    /// Of those, read from the cache.
    #[specta(type = Number)]
    pub cache_read_tokens: f64,
    /// Tokens received.
    #[specta(type = Number)]
    pub output_tokens: f64,
    /// In US dollars.
    #[specta(type = Number)]
    pub cost_usd: f64,
}

impl From<&ModelSpending> for ModelSpendingDto {
    fn from(model: &ModelSpending) -> Self {
        Self {
            provider: model.provider,
            model: model.model.clone(),
            calls: model.calls as f64,
            input_tokens: model.usage.input_tokens as f64,
            cache_read_tokens: model.usage.cache_read_tokens as f64,
            output_tokens: model.usage.output_tokens as f64,
            cost_usd: usd(model.usage.cost_micro_usd),
        }
    }
}

/// What was spent in a span of time.
#[derive(Debug, Clone, Serialize, Type)]
pub struct SpanSpendingDto {
    /// Parts that some model was called for.
    #[specta(type = Number)]
    pub parts: f64,
    /// In US dollars.
    #[specta(type = Number)]
    pub cost_usd: f64,
    /// Of a part on the average, in US dollars; none where no model was called.
    #[specta(type = Option<Number>)]
    pub per_part_usd: Option<f64>,
    /// By model, the dearest first.
    pub models: Vec<ModelSpendingDto>,
}

impl From<&Spending> for SpanSpendingDto {
    fn from(spending: &Spending) -> Self {
        Self {
            parts: spending.parts as f64,
            cost_usd: usd(spending.cost_micro_usd()),
            per_part_usd: spending.per_part_micro_usd().map(usd),
            models: spending.models.iter().map(ModelSpendingDto::from).collect(),
        }
    }
}

/// What models cost.
#[derive(Debug, Clone, Serialize, Type)]
pub struct SpendingDto {
    /// Since the running shift began.
    pub shift: SpanSpendingDto,
    /// Since the running month began.
    pub month: SpanSpendingDto,
}
