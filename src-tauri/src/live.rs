//! What changes all the time, put together for the window, and events turned into updates.

use crate::{
    app::App,
    dto::{
        AnalysisDto, BudgetDto, CircuitDto, ClockTroubleDto, CloudDto, CloudLink as LinkDto,
        LiveDto, MissedPartsDto, StationUpdate, VerdictDto,
    },
    triggers::{Refused, TriggerOutcome},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    watch,
};
use wiko_core::{
    event::StationEvent,
    ports::{Records, StoreError},
    queue::{Obstacle, Queue, QueueDepth},
    trigger::{TriggerRefusal, TriggerSource},
};
use wiko_pipeline::CloudLink;

/// Counts are read again at most so often, however many parts come.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);

/// Counts are read again at least so often: shifts change, and clocks tick.
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// What changes all the time, as it is now.
pub async fn live(app: &App) -> Result<LiveDto, StoreError> {
    let station = &app.installation.station;
    let (shift, tally) = station.shift_tally().await?;
    let records = &app.installation.records;
    let budget = BudgetDto::from(station.budget().await?);
    let contained = records.contained(false, 0).await?.open as f64;
    Ok(LiveDto {
        shift: shift.code,
        shift_started_at: shift.starts_at.0 as f64,
        tally: tally.into(),
        analysis_queue: records.depth(Queue::Analysis).await?.into(),
        // Without a cloud nothing waits for it.
        upload_queue: match station.has_cloud() {
            true => records.depth(Queue::Upload).await?.into(),
            false => QueueDepth::default().into(),
        },
        cloud: cloud(&station.link().borrow()),
        circuits: station.circuits().iter().map(CircuitDto::from).collect(),
        budget,
        contained,
        clock_trouble: station.clock_trouble().borrow().map(ClockTroubleDto::from),
        camera: app.camera_id(),
        camera_state: app.camera_state(),
        stage_lacks_camera: app.stage_lacks_camera(),
        camera_warnings: app.cameras.warnings(),
        missed_parts: app
            .missed_parts()
            .open()
            .into_iter()
            .map(MissedPartsDto::from)
            .collect(),
        kept_serial: app.triggers().kept_serial(),
        storage_fault: records.fault(),
        no_room: records
            .check_free_space()
            .err()
            .map(|error| error.to_string()),
        backup_failed: app.housekeeping.backup_failed(),
    })
}

fn cloud(link: &CloudLink) -> CloudDto {
    let plain = |link| CloudDto {
        link,
        reason: String::new(),
    };
    match link {
        CloudLink::NotConfigured => plain(LinkDto::NotConfigured),
        CloudLink::Unknown => plain(LinkDto::Unknown),
        CloudLink::Connected => plain(LinkDto::Connected),
        CloudLink::Hindered(hindered) => CloudDto {
            link: match hindered.obstacle {
                Obstacle::Transient => LinkDto::Offline,
                Obstacle::Credentials => LinkDto::CredentialsRefused,
                Obstacle::NeedsPerson => LinkDto::NeedsPerson,
            },
            reason: hindered.reason.clone(),
        },
    }
}

/// Tells the window of everything that happens, until the process ends.
pub async fn tell(app: Arc<App>, send: impl Fn(StationUpdate) + Send + 'static) {
    let events = app.installation.station.subscribe();
    let watched = Watched {
        link: app.installation.station.link(),
        camera: app.camera_states(),
        serial: app.triggers().subscribe_serial(),
        missed: app.missed_parts().subscribe(),
    };
    follow(&*app, events, watched, AT_MOST_EVERY, send).await;
}

/// Tells the window of triggers that took no part and that nobody at the window gave, until the process ends.
pub async fn tell_triggers(app: Arc<App>, send: impl Fn(StationUpdate) + Send) {
    let mut outcomes = app.triggers().subscribe();
    loop {
        match outcomes.recv().await {
            Ok(outcome) => {
                if let Some(update) = trigger_failed(outcome) {
                    send(update);
                }
            }
            Err(RecvError::Lagged(_)) => send(StationUpdate::Reload),
            Err(RecvError::Closed) => return,
        }
    }
}

fn trigger_failed(outcome: TriggerOutcome) -> Option<StationUpdate> {
    let TriggerOutcome { source, result } = outcome;
    let refused = result.err()?;
    let is_told_otherwise = match source {
        // Who pressed or scanned is answered.
        TriggerSource::Key
        | TriggerSource::Pedal
        | TriggerSource::OnScreen
        | TriggerSource::Barcode => true,
        // A tick that finds the station busy is no part.
        TriggerSource::Interval => matches!(refused, Refused::Trigger(_)),
        // Each frame is a part: one that came too soon was seen by nobody.
        TriggerSource::CameraLine => false,
        // Two words for one part are one; they are counted, and who asked is answered.
        TriggerSource::PartPresent | TriggerSource::Http => {
            matches!(refused, Refused::Trigger(TriggerRefusal::Bounce))
        }
    };
    (!is_told_otherwise).then(|| StationUpdate::TriggerFailed {
        source,
        error: refused.into(),
    })
}

/// Where updates come from: the station; in tests, a fake.
trait Told: Sync {
    /// What changes all the time, as it is now.
    fn live(&self) -> impl Future<Output = Result<LiveDto, StoreError>> + Send;
    /// What the window is told of an event; none where the counts that follow say it all.
    fn update(&self, event: StationEvent) -> impl Future<Output = Option<StationUpdate>> + Send;
    /// The fault that stops capture. Known also where nothing can be read any more.
    fn fault(&self) -> Option<String>;
}

impl Told for App {
    async fn live(&self) -> Result<LiveDto, StoreError> {
        live(self).await
    }

    async fn update(&self, event: StationEvent) -> Option<StationUpdate> {
        update(self, event).await
    }

    fn fault(&self) -> Option<String> {
        self.installation.records.fault()
    }
}

/// What is told of at each change, beside events.
struct Watched<Link, Camera, Serial, Missed> {
    link: watch::Receiver<Link>,
    camera: watch::Receiver<Camera>,
    serial: watch::Receiver<Serial>,
    missed: watch::Receiver<Missed>,
}

impl<Link, Camera, Serial, Missed> Watched<Link, Camera, Serial, Missed> {
    async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.link.changed() => changed,
            changed = self.camera.changed() => changed,
            changed = self.serial.changed() => changed,
            changed = self.missed.changed() => changed,
        }
    }
}

async fn follow<Link, Camera, Serial, Missed>(
    told: &impl Told,
    mut events: Receiver<StationEvent>,
    mut watched: Watched<Link, Camera, Serial, Missed>,
    at_most_every: Duration,
    send: impl Fn(StationUpdate) + Send,
) {
    let mut last: Option<LiveDto> = None;
    loop {
        let due = tokio::time::sleep(AT_LEAST_EVERY);
        tokio::pin!(due);
        tokio::select! {
            event = events.recv() => {
                // More may follow at once; the counts can wait a little for them.
                let settle = tokio::time::sleep(at_most_every);
                tokio::pin!(settle);
                let mut event = event;
                loop {
                    match pass_on(told, event, &send).await {
                        Next::More => {}
                        Next::CountsNow => break,
                        Next::End => return,
                    }
                    event = tokio::select! {
                        () = &mut settle => break,
                        event = events.recv() => event,
                    };
                }
            }
            changed = watched.changed() => if changed.is_err() { return },
            () = &mut due => {}
        }
        let now = match told.live().await {
            Ok(now) => Some(now),
            Err(error) => {
                tracing::error!(%error, "the counts cannot be read");
                // The disk that cannot be read is the very thing that the window must tell of.
                last.clone().map(|last| LiveDto {
                    storage_fault: told.fault().or_else(|| Some(error.to_string())),
                    ..last
                })
            }
        };
        if let Some(now) = now
            && last.as_ref() != Some(&now)
        {
            last = Some(now.clone());
            send(StationUpdate::Live { live: now });
        }
    }
}

/// What comes after an event.
enum Next {
    /// Others, before the counts are read.
    More,
    /// The counts, at once.
    CountsNow,
    /// Nothing: the station is gone.
    End,
}

async fn pass_on(
    told: &impl Told,
    event: Result<StationEvent, RecvError>,
    send: &(impl Fn(StationUpdate) + Send),
) -> Next {
    match event {
        // Capture has stopped: nobody loads another part while the counts settle.
        Ok(StationEvent::StorageFault { .. }) => Next::CountsNow,
        Ok(event) => {
            if let Some(update) = told.update(event).await {
                send(update);
            }
            Next::More
        }
        Err(RecvError::Lagged(lost)) => {
            tracing::warn!(lost, "the window fell behind and reads the station again");
            send(StationUpdate::Reload);
            Next::More
        }
        Err(RecvError::Closed) => Next::End,
    }
}

async fn update(app: &App, event: StationEvent) -> Option<StationUpdate> {
    Some(match event {
        StationEvent::Captured { capture, image } => StationUpdate::Captured {
            row: app.row(capture.id).await?,
            image_width_px: image.width_px,
            image_height_px: image.height_px,
        },
        StationEvent::Screened { id, screening } => StationUpdate::Screened {
            id: id.to_string(),
            screening: AnalysisDto::from(&screening),
        },
        StationEvent::Decided { id, decision } => StationUpdate::Decided {
            id: id.to_string(),
            verdict: VerdictDto::decided(&decision),
            analysis: decision.analysis.as_ref().map(AnalysisDto::from),
        },
        StationEvent::Delayed {
            id,
            queue,
            obstacle,
            reason,
        } => StationUpdate::Delayed {
            id: id.to_string(),
            queue,
            obstacle,
            reason,
        },
        StationEvent::OperatorDecided { id, .. }
        | StationEvent::ContainmentAcknowledged { id }
        | StationEvent::Uploaded { id } => StationUpdate::Changed { id: id.to_string() },
        // The counts that follow hold the circuits, the clock's trouble and the fault.
        StationEvent::CircuitTurned(_)
        | StationEvent::ClockTroubled(_)
        | StationEvent::StorageFault { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::{broadcast, mpsc};
    use wiko_core::{camera::CameraState, history::Tally};

    /// A station whose counts stand still.
    #[derive(Default)]
    struct Still {
        fault: Mutex<Option<String>>,
        unreadable: Mutex<bool>,
    }

    impl Told for Still {
        async fn live(&self) -> Result<LiveDto, StoreError> {
            if *self.unreadable.lock().unwrap() {
                return Err(StoreError::Fault {
                    reason: "input/output error".into(),
                });
            }
            Ok(LiveDto {
                shift: "A".into(),
                shift_started_at: 0.0,
                tally: Tally::default().into(),
                analysis_queue: QueueDepth::default().into(),
                upload_queue: QueueDepth::default().into(),
                cloud: cloud(&CloudLink::Unknown),
                circuits: vec![],
                budget: BudgetDto {
                    state: wiko_core::spending::BudgetState::Within,
                    spent_usd: 0.0,
                    budget_usd: 500.0,
                    sample_every: 20,
                },
                contained: 0.0,
                clock_trouble: None,
                camera: "simulated".into(),
                camera_state: CameraState::Streaming,
                stage_lacks_camera: false,
                camera_warnings: vec![],
                missed_parts: vec![],
                kept_serial: None,
                storage_fault: self.fault(),
                no_room: None,
                backup_failed: None,
            })
        }

        async fn update(&self, _: StationEvent) -> Option<StationUpdate> {
            None
        }

        fn fault(&self) -> Option<String> {
            self.fault.lock().unwrap().clone()
        }
    }

    struct Window {
        station: Arc<Still>,
        events: broadcast::Sender<StationEvent>,
        link: watch::Sender<()>,
        updates: mpsc::UnboundedReceiver<StationUpdate>,
    }

    /// A window that follows a station, once the events of `before` were sent.
    fn window(before: impl IntoIterator<Item = StationEvent>, at_most_every: Duration) -> Window {
        let station = Arc::new(Still::default());
        let (events, receiver) = broadcast::channel(2);
        for event in before {
            events.send(event).unwrap();
        }
        let link = watch::Sender::new(());
        let watched = Watched {
            link: link.subscribe(),
            camera: link.subscribe(),
            serial: link.subscribe(),
            missed: link.subscribe(),
        };
        let (send, updates) = mpsc::unbounded_channel();
        let told = station.clone();
        tokio::spawn(async move {
            let send = |update| drop(send.send(update));
            follow(&*told, receiver, watched, at_most_every, send).await;
        });
        Window {
            station,
            events,
            link,
            updates,
        }
    }

    fn uploaded() -> StationEvent {
        StationEvent::Uploaded {
            id: wiko_core::id::InspectionId::new(wiko_core::time::UnixMillis(0), [0; 10]),
        }
    }

    fn fault() -> StationEvent {
        StationEvent::StorageFault {
            error: wiko_core::ports::StoreError::DiskFull {
                data_dir: "/data".into(),
                reserve: None,
            },
        }
    }

    async fn live_update(window: &mut Window) -> LiveDto {
        match window.updates.recv().await {
            Some(StationUpdate::Live { live }) => live,
            other => panic!("no counts, but {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_window_that_fell_behind_is_told_to_read_again() {
        let mut window = window(std::iter::repeat_n(uploaded(), 5), AT_MOST_EVERY);
        let first = window.updates.recv().await;
        assert!(matches!(first, Some(StationUpdate::Reload)), "{first:?}");
    }

    #[tokio::test]
    async fn a_storage_fault_is_told_without_waiting_for_the_counts_to_settle() {
        let mut window = window([], Duration::from_secs(3600));
        window.link.send_replace(());
        assert_eq!(live_update(&mut window).await.storage_fault, None);
        *window.station.fault.lock().unwrap() = Some("the disk is full".into());
        window.events.send(uploaded()).unwrap();
        window.events.send(fault()).unwrap();
        let told = tokio::time::timeout(Duration::from_secs(60), live_update(&mut window)).await;
        let told = told.unwrap().storage_fault;
        assert_eq!(told.as_deref(), Some("the disk is full"));
    }

    #[tokio::test]
    async fn a_fault_is_told_also_where_the_records_cannot_be_read() {
        let mut window = window([], AT_MOST_EVERY);
        window.link.send_replace(());
        live_update(&mut window).await;
        *window.station.unreadable.lock().unwrap() = true;
        window.events.send(fault()).unwrap();
        let told = live_update(&mut window).await;
        assert!(told.storage_fault.unwrap().contains("input/output error"));
    }
}
