//! What asking costs: each call of a model for one part, what was spent in a span of time, and what may be
//! spent in a month.
//!
//! Invariant: a budget that is used up makes nothing good. Who costs is then asked for a sample of the parts
//! alone; the others go on to who answers without cost, or stay pending.

use crate::{
    analysis::{Provider, Usage},
    coded,
};
use std::sync::{Arc, Mutex, PoisonError};

/// What a model was called for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// The first look at the part.
    Look,
    /// A look from near at what the first one was not sure of.
    CloserLook,
    /// The one further try after an answer out of form.
    Repair,
    /// The question for the cause of a defect.
    Cause,
}
coded!(Purpose, "purpose");

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whose.
    pub provider: Provider,
    /// Which, as the provider names it.
    pub model: String,
    /// What for.
    pub purpose: Purpose,
    /// What it took.
    pub usage: Usage,
}

/// Collects the calls that are made for one part, whatever becomes of their answers. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Vec<Call>>>);

impl Meter {
    /// Notes a call.
    pub fn add(&self, provider: Provider, model: &str, purpose: Purpose, usage: Usage) {
        self.calls_mut().push(Call {
            provider,
            model: model.to_owned(),
            purpose,
            usage,
        });
    }

    /// The calls so far, in their order.
    pub fn calls(&self) -> Vec<Call> {
        self.calls_mut().clone()
    }

    /// Everything that was called of one provider, together.
    pub fn total_of(&self, provider: Provider) -> Usage {
        self.calls_mut()
            .iter()
            .filter(|call| call.provider == provider)
            .fold(Usage::default(), |sum, call| sum.plus(call.usage))
    }

    fn calls_mut(&self) -> std::sync::MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one model was called for in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpending {
    /// Whose.
    pub provider: Provider,
    /// Which, as the provider names it.
    pub model: String,
    /// How often it was called.
    pub calls: u64,
    /// Parts that it was called for.
    pub parts: u64,
    /// All calls together; the latency is their sum.
    pub usage: Usage,
}

/// What was spent in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// Parts that some model was called for.
    pub parts: u64,
    /// By model, the dearest first.
    pub models: Vec<ModelSpending>,
}

impl Spending {
    /// All of it, in millionths of a US dollar.
    pub fn cost_micro_usd(&self) -> u64 {
        let costs = self.models.iter().map(|model| model.usage.cost_micro_usd);
        costs.fold(0, u64::saturating_add)
    }

    /// What a part costs on the average; none where no model was called.
    pub fn per_part_micro_usd(&self) -> Option<u64> {
        self.cost_micro_usd().checked_div(self.parts)
    }
}

/// What may be spent in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In millionths of a US dollar.
    pub month_micro_usd: u64,
    /// Once that is spent, who costs is asked for one part in so many; 0 for none.
    pub sample_every: u32,
}

/// How a budget stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum BudgetState {
    /// Less than four fifths are spent.
    Within,
    /// Four fifths are spent: time to tell people.
    NearlySpent,
    /// It is spent: who costs is asked for a sample alone.
    Spent,
}
coded!(BudgetState, "budget state");

impl Budget {
    /// How it stands once so much is spent.
    pub fn state(&self, spent_micro_usd: u64) -> BudgetState {
        if spent_micro_usd >= self.month_micro_usd {
            BudgetState::Spent
        } else if spent_micro_usd >= self.month_micro_usd / 5 * 4 {
            BudgetState::NearlySpent
        } else {
            BudgetState::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(sample_every: u32) -> Budget {
        Budget {
            month_micro_usd: 500,
            sample_every,
        }
    }

    #[test]
    fn a_budget_is_nearly_spent_from_four_fifths_on_and_spent_once_nothing_is_left() {
        let state = |spent| budget(20).state(spent);
        assert_eq!(state(399), BudgetState::Within);
        assert_eq!(state(400), BudgetState::NearlySpent);
        assert_eq!(state(499), BudgetState::NearlySpent);
        assert_eq!(state(500), BudgetState::Spent);
        let nothing = Budget {
            month_micro_usd: 0,
            ..budget(20)
        };
        assert_eq!(nothing.state(0), BudgetState::Spent);
    }

    #[test]
    fn the_cost_of_a_part_is_known_once_a_model_was_called() {
        assert_eq!(Spending::default().per_part_micro_usd(), None);
        let spending = Spending {
            parts: 4,
            models: vec![ModelSpending {
                provider: Provider::Claude,
                model: "m".into(),
                calls: 9,
                parts: 4,
                usage: Usage {
                    cost_micro_usd: 100,
                    ..Usage::default()
                },
            }],
        };
        assert_eq!(spending.per_part_micro_usd(), Some(25));
    }

    #[test]
    fn a_meter_keeps_each_call_and_their_sum() {
        let meter = Meter::default();
        let usage = |cost_micro_usd| Usage {
            cost_micro_usd,
            latency_ms: 7,
            ..Usage::default()
        };
        meter.add(Provider::Claude, "m", Purpose::Look, usage(3));
        meter
            .clone()
            .add(Provider::Claude, "m", Purpose::Repair, usage(4));
        meter.add(Provider::Azure, "n", Purpose::Look, usage(90));
        assert_eq!(meter.calls().len(), 3);
        let total = meter.total_of(Provider::Claude);
        assert_eq!((total.cost_micro_usd, total.latency_ms), (7, 14));
    }
}
