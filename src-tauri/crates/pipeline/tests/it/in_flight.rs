//! Several parts are analyzed at once, and their answers come in any order: each part gets its own, and the order in
//! which parts were captured stays what people see.

use super::*;
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{mpsc, oneshot};
use wiko_core::{
    analysis::Analysis,
    history::HistoryFilter,
    id::InspectionId,
    image::ImageFacts,
    inspection::Decision,
    ports::{AnalysisError, AnalysisRequest},
};

const PARTS: u64 = 48;
const IN_FLIGHT: usize = 8;

/// A request that waits for the test to answer it.
struct Held {
    image: ImageFacts,
    answer: oneshot::Sender<Analysis>,
}

/// Hands each request to the test and waits for its answer.
struct GatedAnalyzer {
    requests: mpsc::UnboundedSender<Held>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl GatedAnalyzer {
    fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Held>) {
        let (requests, held) = mpsc::unbounded_channel();
        let analyzer = Self {
            requests,
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        (Arc::new(analyzer), held)
    }
}

#[async_trait::async_trait]
impl Analyzer for GatedAnalyzer {
    fn provider(&self) -> Provider {
        Provider::Claude
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let at_once = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(at_once, Ordering::SeqCst);
        let (answer, answered) = oneshot::channel();
        let image = request.image.facts();
        self.requests.send(Held { image, answer }).unwrap();
        let analysis = answered.await.unwrap();
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(analysis)
    }
}

/// Where the defect of part `n` lies; every third part has none.
fn truth(n: u64) -> Option<BoxPx> {
    (!n.is_multiple_of(3)).then_some(BoxPx {
        x: 10 + n as u32,
        y: 20,
        width: 30,
        height: 40,
    })
}

/// What an analyzer says that saw part `n`.
fn answer_about(n: u64, image: &ImageFacts) -> Analysis {
    let mut analysis = match truth(n) {
        None => builders::good(image),
        Some(box_px) => {
            let found = builders::finding(DefectType::BladeScratch, Severity::Minor, box_px);
            builders::defective(image, vec![found])
        }
    };
    analysis.appraiser.provider = Provider::Claude;
    analysis
}

fn is_its_own(n: u64, image: &ImageFacts, decision: &Decision) {
    let analysis = decision.analysis.as_ref().unwrap();
    assert_eq!(analysis.image_sha256, image.sha256, "part {n}");
    let found: Vec<_> = analysis.findings.iter().map(|found| found.box_px).collect();
    assert_eq!(found, Vec::from_iter(truth(n)), "part {n}");
    let expected = match truth(n) {
        None => VerdictCode::Pass,
        Some(_) => VerdictCode::Fail,
    };
    assert_eq!(decision.verdict, expected, "part {n}");
}

#[tokio::test]
async fn answers_in_any_order_reach_their_own_parts_and_leave_the_order_of_capture_alone() {
    let (analyzer, mut requests) = GatedAnalyzer::new();
    let with = |settings| StationSettings {
        analyses_in_flight: IN_FLIGHT,
        ..settings
    };
    let bench = bench_over(with, vec![analyzer.clone()], None).await;
    let mut events = bench.station.subscribe();
    let mut parts = vec![];
    for n in 0..PARTS / 2 {
        parts.push(bench.station.capture(&order(), &shot(n)).await.unwrap().id);
    }
    let running = Running::of(&bench.station);
    let mut held = vec![];
    while held.len() < IN_FLIGHT {
        held.push(next(&mut requests).await);
    }
    // Each capture wakes the queue, which must leave all of them waiting.
    for n in PARTS / 2..PARTS {
        parts.push(bench.station.capture(&order(), &shot(n)).await.unwrap().id);
    }
    assert!(requests.try_recv().is_err(), "a ninth was asked about");

    let shown: HashMap<_, _> = (0..PARTS)
        .map(|n| (shot(n).image.facts().sha256, n))
        .collect();
    for step in 0.. {
        let answered = held.remove(step * 5 % held.len());
        let n = shown[&answered.image.sha256];
        let analysis = answer_about(n, &answered.image);
        answered.answer.send(analysis).unwrap();
        let asked = step + 1 + held.len();
        if asked < PARTS as usize {
            held.push(next(&mut requests).await);
        } else if held.is_empty() {
            break;
        }
    }
    let told = told_until_decided(&mut events, &parts).await;
    running.stopped().await;

    assert_eq!(analyzer.most.load(Ordering::SeqCst), IN_FLIGHT);
    assert_eq!(told.captured, parts);
    let order_of_answers: Vec<_> = told.decided.iter().map(|(id, _)| *id).collect();
    assert_ne!(
        order_of_answers, parts,
        "they came in order: this proves nothing"
    );
    for (id, decision) in &told.decided {
        let n = parts.iter().position(|part| part == id).unwrap() as u64;
        is_its_own(n, &shot(n).image.facts(), decision);
    }
    for (n, id) in parts.iter().enumerate() {
        let record = bench.station.records().inspection(*id).await.unwrap();
        is_its_own(n as u64, &record.image, &record.decision.unwrap());
    }
    let filter = HistoryFilter::default();
    let page = bench.station.records().history(&filter, None, 100).await;
    let newest_first: Vec<_> = page.unwrap().rows.iter().map(|row| row.id).collect();
    parts.reverse();
    assert_eq!(newest_first, parts);
}

async fn next(requests: &mut mpsc::UnboundedReceiver<Held>) -> Held {
    let request = tokio::time::timeout(PATIENCE, requests.recv()).await;
    request.unwrap().unwrap()
}

struct Told {
    captured: Vec<InspectionId>,
    decided: Vec<(InspectionId, Decision)>,
}

/// What is told until all of `parts` are decided, each once and after its capture.
async fn told_until_decided(
    events: &mut tokio::sync::broadcast::Receiver<StationEvent>,
    parts: &[InspectionId],
) -> Told {
    let mut told = Told {
        captured: vec![],
        decided: vec![],
    };
    let all = async {
        while told.decided.len() < parts.len() {
            match events.recv().await.unwrap() {
                StationEvent::Captured { capture, .. } => told.captured.push(capture.id),
                StationEvent::Decided { id, decision } => {
                    assert!(told.captured.contains(&id));
                    assert!(told.decided.iter().all(|(known, _)| *known != id));
                    told.decided.push((id, decision));
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    told
}
