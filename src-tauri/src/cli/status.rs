use super::{Failure, output::Output};
use crate::{
    circuits,
    clock::{SystemClock, local},
    doctor, missed_parts,
    settings::{Environment, Settings},
    wiring,
};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use wiko_core::{
    ports::{Clock, StoreError},
    queue::{Queue, QueueDepth},
    spending::{Budget, BudgetState, Spending},
    time::UnixMillis,
};
use wiko_store::RecordsReader;

pub(crate) async fn run(
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let zone = settings.shifts.zone();
    let mut queues = Map::new();
    let mut lines = Vec::new();
    let (mut spending, mut contained, mut missed) = (Value::Null, 0, Vec::new());
    if let Some(records) = wiring::open_reader(&settings).await? {
        for queue in Queue::ALL {
            let depth = records.depth(*queue).await?;
            lines.push(format!(
                "{queue}: {} waiting, {} parked{}",
                depth.waiting,
                depth.parked,
                depth.oldest_captured_at.map_or(String::new(), |at| format!(
                    ", oldest of {}",
                    local(at, zone)
                )),
            ));
            queues.insert(queue.code().to_owned(), queue_json(&depth));
        }
        contained = records.contained(false, 0).await?.open;
        if contained > 0 {
            lines.push(format!(
                "containment: {contained} parts were not found good after they had moved on: \
                 wiko-station containment list"
            ));
        }
        missed = missed_parts::read(&records).await?;
        lines.extend(missed.iter().map(|missed| {
            format!(
                "camera {}: {} parts passed that nobody has seen: stop the line, find them, set them aside, \
                 and note it in the window (Parts found)",
                missed.camera, missed.parts
            )
        }));
        let spent = Spent::read(&records, &settings).await?;
        lines.extend(spent.lines());
        spending = spent.json();
    } else {
        lines.push("nothing captured yet".to_owned());
    }
    let held = circuits::of_running(&settings);
    lines.extend(held.iter().map(|circuit| circuits::line(circuit, zone)));
    let checks = doctor::examine(&settings, wiring::secrets(&settings, environment)).await;
    let mut parts = Map::new();
    for check in &checks {
        lines.push(format!(
            "{}: {} {}",
            check.check,
            doctor::word(check.state),
            check.seen
        ));
        parts.insert(
            check.check.clone(),
            json!({"state": check.state, "seen": check.seen, "remedy": check.remedy}),
        );
    }
    output.line(
        &json!({
            "event": "status",
            "version": env!("CARGO_PKG_VERSION"),
            "station": settings.station,
            "facility": settings.facility,
            "data_dir": settings.data_dir.display().to_string(),
            "credentials_from": match settings.credentials {
                crate::settings::CredentialsSource::Keyring => "keyring",
                crate::settings::CredentialsSource::Environment => "environment",
            },
            "queues": Value::Object(queues),
            "contained": contained,
            "missed_parts": missed
                .iter()
                .map(|it| json!({"camera": it.camera, "parts": it.parts}))
                .collect::<Vec<_>>(),
            "spending": spending,
            "circuits": held.iter().map(circuits::json).collect::<Vec<_>>(),
            "checks": Value::Object(parts),
        }),
        lines.join("\n"),
    );
    Ok(ExitCode::SUCCESS)
}

/// What models cost, and how the month's budget stands.
struct Spent {
    shift_code: String,
    shift: Spending,
    month: Spending,
    budget: Budget,
}

impl Spent {
    async fn read(records: &RecordsReader, settings: &Settings) -> Result<Self, StoreError> {
        let (now, end) = (SystemClock.now(), UnixMillis(i64::MAX));
        let shift = settings.shifts.shift_at(now);
        let month = settings.shifts.month_start(now);
        Ok(Self {
            shift: records.spending(shift.starts_at, end).await?,
            shift_code: shift.code,
            month: records.spending(month, end).await?,
            budget: settings.budget,
        })
    }

    fn state(&self) -> BudgetState {
        self.budget.state(self.month.cost_micro_usd())
    }

    fn lines(&self) -> Vec<String> {
        let said = |name: &str, spending: &Spending| {
            let per_part = spending.per_part_micro_usd().map_or(String::new(), |cost| {
                format!(", {} USD a part ({} parts)", usd(cost, 4), spending.parts)
            });
            let cost = spending.cost_micro_usd();
            format!("models, {name}: {} USD{per_part}", usd(cost, 2))
        };
        let budget = usd(self.budget.month_micro_usd, 2);
        let sample = match self.budget.sample_every {
            0 => "asked for no part any more".to_owned(),
            every => format!("asked for one part in {every}"),
        };
        let of_budget = match self.state() {
            BudgetState::Within => format!(" of {budget}"),
            BudgetState::NearlySpent => {
                format!(" of {budget}: once that is spent, models are {sample}")
            }
            BudgetState::Spent => format!(
                " of {budget}: the budget is spent, models are {sample} \
                 (analysis.budget_usd_per_month in station.toml)"
            ),
        };
        vec![
            said(&format!("shift {}", self.shift_code), &self.shift),
            format!("{}{of_budget}", said("this month", &self.month)),
        ]
    }

    fn json(&self) -> Value {
        let span = |spending: &Spending| {
            json!({
                "parts": spending.parts,
                "cost_usd": spending.cost_micro_usd() as f64 / 1e6,
                "per_part_usd": spending.per_part_micro_usd().map(|cost| cost as f64 / 1e6),
                "models": spending.models.iter().map(|model| json!({
                    "provider": model.provider,
                    "model": model.model,
                    "calls": model.calls,
                    "parts": model.parts,
                    "input_tokens": model.usage.input_tokens,
                    "cache_read_tokens": model.usage.cache_read_tokens,
                    "output_tokens": model.usage.output_tokens,
                    "cost_usd": model.usage.cost_micro_usd as f64 / 1e6,
                })).collect::<Vec<_>>(),
            })
        };
        json!({
            "shift": span(&self.shift),
            "month": span(&self.month),
            "budget": {
                "state": self.state(),
                "usd_per_month": self.budget.month_micro_usd as f64 / 1e6,
                "sample_every": self.budget.sample_every,
            },
        })
    }
}

/// With so many digits after the point.
fn usd(micro: u64, digits: usize) -> String {
    format!("{:.digits$}", micro as f64 / 1e6)
}

fn queue_json(depth: &QueueDepth) -> Value {
    json!({
        "waiting": depth.waiting,
        "parked": depth.parked,
        "oldest_captured_at": depth.oldest_captured_at.map(|at| at.iso8601()),
    })
}
