//! Any interleaving of what can happen to parts on the queues, against a small model of them.

use crate::open;
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};
use wiko_core::{
    id::InspectionId,
    inspection::{OperatorCall, OperatorDecision, UploadState},
    ports::{Records, StoreError},
    queue::{Obstacle, Queue, Setback},
    time::UnixMillis,
    verdict::Verdict,
};
use wiko_testkit::{
    builders::{NOON, capture},
    contracts::records::picture,
};

#[derive(Debug, Clone)]
enum Step {
    Capture,
    Lease(Queue),
    SetBack(Queue, usize, Obstacle),
    Decide(usize),
    OperatorDecided(usize),
    /// Reports the revision that the last lease of the part carried.
    Uploaded(usize),
    Retry(Queue),
    Wait(u16),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let queue = || prop::sample::select(Queue::ALL);
    let obstacle = prop::sample::select(Obstacle::ALL);
    prop_oneof![
        3 => Just(Step::Capture),
        6 => queue().prop_map(Step::Lease),
        2 => (queue(), 0..6usize, obstacle).prop_map(|(q, n, o)| Step::SetBack(q, n, o)),
        3 => (0..6usize).prop_map(Step::Decide),
        2 => (0..6usize).prop_map(Step::OperatorDecided),
        3 => (0..6usize).prop_map(Step::Uploaded),
        1 => queue().prop_map(Step::Retry),
        2 => (1u16..90).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

/// What is known of a part without asking the store.
#[derive(Debug, Default)]
struct Part {
    decided: bool,
    revision: u32,
    verified: Option<u32>,
    /// Revision of the last upload lease.
    carried: Option<u32>,
    leased_until: BTreeMap<Queue, UnixMillis>,
    parked: BTreeMap<Queue, bool>,
}

impl Part {
    /// The queue that the part has to be on.
    fn due_on(&self) -> Option<Queue> {
        match (self.decided, self.verified) {
            (false, _) => Some(Queue::Analysis),
            (true, Some(verified)) if verified == self.revision => None,
            (true, _) => Some(Queue::Upload),
        }
    }
}

const LEASE: Duration = Duration::from_secs(60);

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let mut records = open(dir.path()).await;
    let mut parts: BTreeMap<InspectionId, Part> = BTreeMap::new();
    let mut now = NOON;
    for step in steps {
        let nth = |n: usize| parts.keys().nth(n).copied();
        match step {
            Step::Capture => {
                let n = u32::try_from(parts.len()).unwrap();
                let part = capture(n);
                records.capture(&part, &picture(n)).await.unwrap();
                parts.insert(part.id, Part::default());
            }
            Step::Lease(queue) => {
                let until = now.plus(LEASE);
                let leased = match queue {
                    Queue::Analysis => {
                        let work = records.lease_analysis(now, until).await.unwrap();
                        work.map(|work| (work.lease.id, None))
                    }
                    Queue::Upload => {
                        let work = records.lease_upload(now, until).await.unwrap();
                        work.map(|work| (work.lease.id, Some(work.inspection.revision)))
                    }
                };
                if let Some((id, carried)) = leased {
                    let part = parts.get_mut(&id).unwrap();
                    assert_eq!(part.due_on(), Some(queue), "{id} is not to be worked on");
                    assert!(!part.parked.get(&queue).is_some_and(|parked| *parked));
                    let held = part.leased_until.insert(queue, until);
                    assert!(held.is_none_or(|held| held <= now), "{id} has two holders");
                    if carried.is_some() {
                        assert_eq!(carried, Some(part.revision));
                        part.carried = carried;
                    }
                }
            }
            Step::SetBack(queue, n, obstacle) => {
                let Some(id) = nth(n) else { continue };
                let part = parts.get_mut(&id).unwrap();
                // Only a holder gives back.
                if part.leased_until.remove(&queue).is_some() {
                    let setback = Setback {
                        obstacle,
                        reason: "no answer".into(),
                        next_try_at: now.plus(Duration::from_secs(30)),
                    };
                    records.set_back(queue, id, &setback).await.unwrap();
                    let parked = obstacle == Obstacle::NeedsPerson && part.due_on() == Some(queue);
                    part.parked.insert(queue, parked);
                }
            }
            Step::Decide(n) => {
                let Some(id) = nth(n) else { continue };
                let part = parts.get_mut(&id).unwrap();
                let decided = records.decide(id, &Verdict::Fail, None, "", now).await;
                if part.decided {
                    assert_eq!(decided.unwrap_err(), StoreError::AlreadyDecided { id });
                } else {
                    decided.unwrap();
                    part.decided = true;
                    part.revision += 1;
                    part.leased_until.clear();
                    part.parked.clear();
                }
            }
            Step::OperatorDecided(n) => {
                let Some(id) = nth(n) else { continue };
                let said = OperatorDecision {
                    call: OperatorCall::Confirm,
                    operator: "op-1".into(),
                    reason: None,
                    decided_at: now,
                };
                records.operator_decided(id, &said).await.unwrap();
                parts.get_mut(&id).unwrap().revision += 1;
            }
            Step::Uploaded(n) => {
                let Some(id) = nth(n) else { continue };
                let part = parts.get_mut(&id).unwrap();
                if let Some(carried) = part.carried.take() {
                    records
                        .uploaded(id, carried, "s3://b/k", now)
                        .await
                        .unwrap();
                    part.verified = part.verified.max(Some(carried));
                    part.leased_until.remove(&Queue::Upload);
                    part.parked.remove(&Queue::Upload);
                }
            }
            Step::Retry(queue) => {
                records.retry(queue, None, now).await.unwrap();
                for part in parts.values_mut() {
                    part.parked.remove(&queue);
                }
            }
            Step::Wait(seconds) => now = now.plus(Duration::from_secs(seconds.into())),
            Step::Reopen => {
                drop(records);
                records = open(dir.path()).await;
                for part in parts.values_mut() {
                    part.leased_until.clear();
                    part.carried = None;
                }
            }
        }
        check(&records, &parts).await;
    }
    nothing_is_forgotten(&records, &parts, now).await;
}

async fn check(records: &dyn Records, parts: &BTreeMap<InspectionId, Part>) {
    for queue in Queue::ALL {
        let depth = records.depth(*queue).await.unwrap();
        let due = parts.values().filter(|part| part.due_on() == Some(*queue));
        assert_eq!(depth.waiting + depth.parked, due.count() as u64, "{queue}");
    }
    for (id, part) in parts {
        let record = records.inspection(*id).await.unwrap();
        assert_eq!(record.revision, part.revision);
        let expected = match part.due_on() {
            Some(Queue::Analysis) => matches!(record.upload, UploadState::NotDue),
            None => matches!(record.upload, UploadState::Verified { .. }),
            Some(Queue::Upload) => matches!(
                record.upload,
                UploadState::Waiting { .. } | UploadState::Parked { .. }
            ),
        };
        assert!(expected, "{part:?} stands as {:?}", record.upload);
    }
}

/// Once a person has retried and every lease is over, each part that is due is handed out.
async fn nothing_is_forgotten(
    records: &dyn Records,
    parts: &BTreeMap<InspectionId, Part>,
    now: UnixMillis,
) {
    let now = now.plus(LEASE);
    let until = now.plus(LEASE);
    for queue in Queue::ALL {
        records.retry(*queue, None, now).await.unwrap();
    }
    let (mut analysis, mut upload) = (vec![], vec![]);
    while let Some(work) = records.lease_analysis(now, until).await.unwrap() {
        analysis.push(work.lease.id);
    }
    while let Some(work) = records.lease_upload(now, until).await.unwrap() {
        upload.push(work.lease.id);
    }
    let due = |queue| {
        let due = parts
            .iter()
            .filter(|(_, part)| part.due_on() == Some(queue));
        due.map(|(id, _)| *id).collect::<Vec<_>>()
    };
    // The order is the contract's matter; here each part is handed out, and once.
    analysis.sort();
    upload.sort();
    assert_eq!(analysis, due(Queue::Analysis));
    assert_eq!(upload, due(Queue::Upload));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_interleaving_loses_a_part_hands_it_to_two_or_uploads_it_undecided(
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}
