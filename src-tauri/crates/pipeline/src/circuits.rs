//! The circuits of a station's services, shared by both queues.
//!
//! Invariants:
//! - Whoever sends to a service has a [`Pass`]. What came of it is told with the pass; a pass that is dropped
//!   untold, whatever the reason, gives its place back.
//! - People are told once that a circuit opened, and once that it closed, however many parts wait for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, broadcast};
use wiko_core::{
    backoff,
    circuit::{Circuit, CircuitReport, Held, Sent, Turn},
    event::StationEvent,
    ports::{Clock, Entropy, Hindered},
    queue::Obstacle,
    service::Service,
    time::ClockReading,
};

pub(crate) struct Circuits {
    circuits: Mutex<Vec<(Service, Circuit)>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    events: broadcast::Sender<StationEvent>,
    /// Knocked at when work that was held may go on.
    knocks: Vec<Arc<Notify>>,
}

impl Circuits {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        events: broadcast::Sender<StationEvent>,
        knocks: Vec<Arc<Notify>>,
    ) -> Self {
        let now = clock.now();
        let closed = |service: &Service| (*service, Circuit::new(now));
        Self {
            circuits: Mutex::new(Service::ALL.iter().map(closed).collect()),
            clock,
            entropy,
            events,
            knocks,
        }
    }

    fn circuits(&self) -> MutexGuard<'_, Vec<(Service, Circuit)>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As they are shown, in the order of the services.
    pub(crate) fn reports(&self) -> Vec<CircuitReport> {
        let at = self.clock.reading();
        let circuits = self.circuits();
        let report = |(service, circuit): &(Service, Circuit)| circuit.report(*service, &at);
        circuits.iter().map(report).collect()
    }

    /// Why a service is not to be asked now, where it is not.
    pub(crate) fn held(&self, service: Service) -> Option<Held> {
        let at = self.clock.reading();
        let circuits = self.circuits();
        let (_, circuit) = circuits.iter().find(|(known, _)| *known == service)?;
        circuit.admits(&at).err()
    }

    /// How long the services are not asked, where one of them is not. While a probe is under way, whose end
    /// is knocked about, as long as anything may be waited for.
    pub(crate) fn longest_wait(&self, services: &[Service]) -> Option<Duration> {
        let held = services.iter().filter_map(|service| self.held(*service));
        held.map(|held| held.wait.unwrap_or(backoff::LONGEST)).max()
    }

    /// True while a service is known not to do what it is asked.
    pub(crate) fn troubled(&self, service: Service) -> bool {
        let reports = self.reports();
        let of = |report: &&CircuitReport| report.service == service;
        reports
            .iter()
            .find(of)
            .is_some_and(|it| it.obstacle.is_some())
    }

    /// Lets one request go to all of the services, or to none.
    pub(crate) fn pass<const N: usize>(
        self: &Arc<Self>,
        services: [Service; N],
    ) -> Result<[Pass; N], Held> {
        if let Some(held) = services.iter().find_map(|service| self.held(*service)) {
            return Err(held);
        }
        let mut refused = None;
        let passes = services.map(|service| {
            let sent = self.change(service, |circuit, at| circuit.send(at));
            let sent = sent.unwrap_or_else(|| Err(unknown(service)));
            Pass {
                circuits: self.clone(),
                service,
                sent: sent.map_err(|held| refused = Some(held)).ok(),
            }
        });
        match refused {
            // Somebody was faster.
            Some(held) => {
                passes.into_iter().for_each(Pass::unused);
                Err(held)
            }
            None => Ok(passes),
        }
    }

    /// A person says that these may be asked again: new credentials, or a retry.
    pub(crate) fn reset(&self, services: &[Service]) {
        for service in services {
            self.turn(*service, |circuit, at| circuit.reset(at));
        }
    }

    /// The service gave a sign of life without being sent a part.
    pub(crate) fn alive(&self, service: Service) {
        if self.change(service, |circuit, at| circuit.alive(at)) == Some(true) {
            self.knock();
        }
    }

    fn change<T>(
        &self,
        service: Service,
        change: impl FnOnce(&mut Circuit, &ClockReading) -> T,
    ) -> Option<T> {
        let at = self.clock.reading();
        let mut circuits = self.circuits();
        let circuit = circuits.iter_mut().find(|(known, _)| *known == service);
        circuit.map(|(_, circuit)| change(circuit, &at))
    }

    /// Makes a change and tells people where it turned the circuit.
    fn turn(
        &self,
        service: Service,
        change: impl FnOnce(&mut Circuit, &ClockReading) -> Option<Turn>,
    ) {
        let turned = self.change(service, |circuit, at| {
            change(circuit, at).map(|turn| (turn, circuit.report(service, at)))
        });
        let Some(Some((turn, report))) = turned else {
            return;
        };
        match turn {
            Turn::Opened => {
                tracing::warn!(%service, obstacle = ?report.obstacle, reason = report.reason, "not asked for a while");
            }
            Turn::Closed => {
                tracing::info!(%service, "asked again");
                self.knock();
            }
        }
        // An error means that nobody listens, which is fine: the reports know.
        let _ = self.events.send(StationEvent::CircuitTurned(report));
    }

    fn knock(&self) {
        for knock in &self.knocks {
            knock.notify_one();
        }
    }
}

/// A service that has no circuit is a fault of the station; nothing is sent there.
fn unknown(service: Service) -> Held {
    Held {
        met: Hindered {
            service: Some(service),
            obstacle: Obstacle::NeedsPerson,
            reason: format!("{service} has no circuit: a fault of the station, please report it"),
            retry_after: None,
        },
        wait: None,
    }
}

/// One request that may go to a service.
pub(crate) struct Pass {
    circuits: Arc<Circuits>,
    service: Service,
    sent: Option<Sent>,
}

impl Pass {
    /// Where it may go.
    pub(crate) fn service(&self) -> Service {
        self.service
    }

    /// There was nothing to send.
    pub(crate) fn unused(mut self) {
        if let Some(sent) = self.sent.take() {
            self.circuits
                .change(self.service, |circuit, _| circuit.untold(&sent));
        }
    }

    /// The service answered, whatever it said of the part.
    pub(crate) fn answered(mut self) {
        if let Some(sent) = self.sent.take() {
            self.circuits
                .turn(self.service, |circuit, at| circuit.answered(&sent, at));
        }
    }

    /// The trouble is the service's own.
    pub(crate) fn failed(mut self, met: &Hindered) {
        if let Some(sent) = self.sent.take() {
            let jitter = self.circuits.entropy.jitter();
            self.circuits.turn(self.service, |circuit, at| {
                circuit.failed(&sent, at, met, jitter)
            });
            // Where it was the probe, its end is what the others wait for.
            self.circuits.knock();
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            let freed = self.circuits.change(self.service, |circuit, at| {
                let before = circuit.admits(at).is_err();
                circuit.untold(&sent);
                before && circuit.admits(at).is_ok()
            });
            if freed == Some(true) {
                self.circuits.knock();
            }
        }
    }
}
