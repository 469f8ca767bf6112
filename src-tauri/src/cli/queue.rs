use super::{Failure, output::Output};
use crate::{
    clock::local,
    settings::{Environment, Settings},
    wiring::{self, Installation, WiringError},
};
use jiff::tz::TimeZone;
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    id::InspectionId,
    ports::{Records, StoreError},
    queue::{Listed, Queue, QueuedPart},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum QueueCommand {
    /// List the parts on the queues: the parked first, then the oldest
    List {
        /// Only this queue: analysis or upload
        #[arg(long, value_name = "QUEUE")]
        queue: Option<String>,
        /// Only those that wait for a person
        #[arg(long)]
        parked: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Make parts due at once, the parked too; `sync --once` or the station then tries them
    Retry {
        /// The parts' ids
        #[arg(
            value_name = "ID",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        ids: Vec<String>,
        /// Every part
        #[arg(long)]
        all: bool,
        /// Only on this queue: analysis or upload
        #[arg(long, value_name = "QUEUE")]
        queue: Option<String>,
    },
}

impl QueueCommand {
    /// True where it changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List { .. })
    }
}

pub(crate) async fn run(
    command: QueueCommand,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let known = |queue: Option<String>| queue.map(|queue| queue.parse::<Queue>()).transpose();
    match command {
        QueueCommand::List {
            queue,
            parked,
            limit,
        } => {
            let listed = if parked { Listed::Parked } else { Listed::All };
            list(known(queue)?, listed, limit, &settings, output).await
        }
        QueueCommand::Retry { ids, queue, .. } => {
            let ids: Result<Vec<InspectionId>, _> = ids.iter().map(|id| id.parse()).collect();
            retry(&ids?, known(queue)?, settings, environment, output).await
        }
    }
}

async fn list(
    queue: Option<Queue>,
    listed: Listed,
    limit: u32,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let page = match wiring::open_reader(settings).await? {
        Some(records) => records.queued(queue, listed, limit).await?,
        None => Default::default(),
    };
    for part in &page.parts {
        output.line(&json_of(part), text_of(part, settings.shifts.zone()));
    }
    let count = page.parts.len() as u64;
    let text = match (page.total, page.total.saturating_sub(count)) {
        (0, _) if listed == Listed::Parked => "nothing is parked".to_owned(),
        (0, _) => "nothing waits".to_owned(),
        (total, 0) => format!("{total} in all"),
        (total, more) => format!("{total} in all; {more} more with a larger --limit"),
    };
    output.line(
        &json!({"event": "queue_listed", "listed": count, "total": page.total}),
        text,
    );
    Ok(ExitCode::SUCCESS)
}

fn json_of(part: &QueuedPart) -> serde_json::Value {
    json!({
        "event": "queued",
        "id": part.id,
        "queue": part.queue,
        "state": part.state,
        "attempts": part.attempts,
        "due_at": part.due_at.map(|at| at.iso8601()),
        "obstacle": part.hindrance.as_ref().map(|hindrance| hindrance.obstacle),
        "reason": part.hindrance.as_ref().map(|hindrance| &hindrance.reason),
        "sequence": part.sequence,
        "captured_at": part.captured_at.iso8601(),
        "product_sku": part.product_sku,
        "stage": part.stage,
    })
}

fn text_of(part: &QueuedPart, zone: &TimeZone) -> String {
    let due = part.due_at.map_or(String::new(), |at| {
        format!(", next try {}", local(at, zone))
    });
    let why = part.hindrance.as_ref().map_or(String::new(), |hindrance| {
        format!("\n    {}: {}", hindrance.obstacle, hindrance.reason)
    });
    format!(
        "{} {} {}, {} failed tries{due}{why}",
        part.id, part.queue, part.state, part.attempts
    )
}

async fn retry(
    ids: &[InspectionId],
    queue: Option<Queue>,
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let data_dir = settings.data_dir.display().to_string();
    let secrets = wiring::secrets(&settings, environment);
    let installation = match Installation::open(settings, secrets).await {
        Ok(installation) => installation,
        Err(WiringError::Store(StoreError::InUse { .. })) => {
            return Err(format!(
                "a station runs in {data_dir}: retry in its window (Setup, Queues), or close it and \
                 try again"
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    };
    installation.signing.settled().await;
    let queues = queue.map_or_else(|| Queue::ALL.to_vec(), |queue| vec![queue]);
    let wanted: Vec<Option<InspectionId>> = match ids {
        [] => vec![None],
        ids => ids.iter().copied().map(Some).collect(),
    };
    let mut missed = false;
    for id in wanted {
        let mut freed = 0;
        for queue in &queues {
            let parts = installation.station.retry(*queue, id).await?;
            freed += parts;
            if parts > 0 || id.is_none() {
                note(&installation, *queue, id, parts).await?;
                output.line(
                    &json!({"event": "retried", "queue": queue, "id": id, "parts": parts}),
                    match id {
                        Some(id) => format!("{id} is due for {queue}"),
                        None => format!("{queue}: {parts} parts are due"),
                    },
                );
            }
        }
        if let (Some(id), 0) = (id, freed) {
            output.refused(
                &id.to_string(),
                "it is on no queue: nothing is to be retried",
            );
            missed = true;
        }
    }
    Ok(if missed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

async fn note(
    installation: &Installation,
    queue: Queue,
    id: Option<InspectionId>,
    parts: u64,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        at: installation.clock.now(),
        source: AuditSource::CommandLine,
        category: AuditCategory::Queue,
        identity: "cli".to_owned(),
        subject: Some(id.map_or_else(|| queue.to_string(), |id| id.to_string())),
        result: AuditResult::Done,
        detail: retried(queue, parts),
    };
    installation.records.note(&entry).await
}

/// What the audit trail says of a retry.
pub(crate) fn retried(queue: Queue, parts: u64) -> String {
    json!({"retried": parts, "queue": queue}).to_string()
}
