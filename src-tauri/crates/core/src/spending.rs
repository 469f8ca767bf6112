//! What asking costs: each call of a model for one part.

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

#[cfg(test)]
mod tests {
    use super::*;

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
