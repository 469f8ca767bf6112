//! What the running month has cost so far, and what the budget makes of it.
//!
//! Invariant: a call that was made is noted before what came of it is recorded. A crash between the two costs the
//! part another call, and both are in the ledger.

use std::sync::Arc;
use tokio::sync::Mutex;
use wiko_core::{
    analysis::Provider,
    id::InspectionId,
    ports::{Hindered, Records, StoreError},
    queue::Obstacle,
    sampling,
    shift::ShiftPlan,
    spending::{Budget, BudgetState, Call},
    time::UnixMillis,
};

/// How the budget of the running month stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetReport {
    /// Whether something is left.
    pub state: BudgetState,
    /// What the month has cost so far, in millionths of a US dollar.
    pub spent_micro_usd: u64,
    /// The budget.
    pub budget: Budget,
}

pub(crate) struct Ledger {
    records: Arc<dyn Records>,
    shifts: ShiftPlan,
    budget: Budget,
    /// When the month began that was last summed up, and its cost. Nobody else writes to the records.
    month: Mutex<Option<(UnixMillis, u64)>>,
}

impl Ledger {
    pub(crate) fn new(records: Arc<dyn Records>, shifts: ShiftPlan, budget: Budget) -> Self {
        Self {
            records,
            shifts,
            budget,
            month: Mutex::new(None),
        }
    }

    pub(crate) async fn report(&self, now: UnixMillis) -> Result<BudgetReport, StoreError> {
        let mut month = self.month.lock().await;
        let starts_at = self.shifts.month_start(now);
        let spent_micro_usd = match *month {
            Some((known, cost)) if known == starts_at => cost,
            _ => {
                let whole = self.records.spending(starts_at, UnixMillis(i64::MAX));
                let cost = whole.await?.cost_micro_usd();
                *month = Some((starts_at, cost));
                cost
            }
        };
        Ok(BudgetReport {
            state: self.budget.state(spent_micro_usd),
            spent_micro_usd,
            budget: self.budget,
        })
    }

    /// Notes what was called for a part.
    pub(crate) async fn note(
        &self,
        id: InspectionId,
        calls: &[Call],
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        let mut month = self.month.lock().await;
        self.records.spent(id, calls, at).await?;
        let costs = calls.iter().map(|call| call.usage.cost_micro_usd);
        let cost = costs.fold(0, u64::saturating_add);
        match &mut *month {
            Some((starts_at, spent)) if *starts_at == self.shifts.month_start(at) => {
                *spent = spent.saturating_add(cost);
            }
            // Summed up anew when it is next asked for.
            other => *other = None,
        }
        Ok(())
    }
}

impl BudgetReport {
    /// Why a model that costs is not asked for a part now, where it is not.
    pub(crate) fn forbids(&self, provider: Provider, id: InspectionId) -> Option<Hindered> {
        let costs = provider.service().is_some();
        let spent =
            self.state == BudgetState::Spent && !sampling::of_budget(id, self.budget.sample_every);
        (costs && spent).then(|| Hindered {
            service: None,
            obstacle: Obstacle::Transient,
            reason: format!(
                "the month's budget of {} USD for models is spent, so {provider} is asked for {}: raise \
                 analysis.budget_usd_per_month in station.toml, or wait for the next month",
                usd(self.budget.month_micro_usd),
                match self.budget.sample_every {
                    0 => "no part".to_owned(),
                    every => format!("one part in {every}, and not for this one"),
                }
            ),
            retry_after: None,
        })
    }
}

fn usd(micro: u64) -> String {
    format!("{}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000)
}
