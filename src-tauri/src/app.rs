//! The station as the window works it: the camera that is shown, the order that is inspected, and who triggers.
//!
//! Invariant: no lock is held while anything is waited for, but that of the triggers that run by themselves: one set of
//! them is started after the other.

mod follow;

use crate::{
    cameras::{Cameras, Running},
    cli, demo_screen,
    dto::{CameraDto, CommandError, ErrorCode, HistoryRowDto, OrderDto, TriggersDto},
    housekeeping::Housekeeping,
    missed_parts::MissedParts,
    preview,
    settings::{CameraDriver, Environment, Settings},
    take_part::AtStation,
    triggers::{self, Sources, Triggers},
    wiring::{self, Installation},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wiko_camera::CameraFeed;
use wiko_core::{
    camera::{CameraState, Frame, Transport},
    history::HistoryRow,
    id::InspectionId,
    ports::Records,
    time::UnixMillis,
    trigger::TriggerSettings,
};
use wiko_pipeline::Order;

/// A frame waits no longer than it takes to change the order so often.
const ORDERS_KEPT: usize = 8;

/// The station with what the window adds: the camera that is shown and the order that is inspected.
pub struct App {
    /// The station.
    pub installation: Installation,
    /// Its cameras.
    pub cameras: Arc<Cameras>,
    /// What it does for its storage.
    pub housekeeping: Arc<Housekeeping>,
    report_ready: bool,
    view: Mutex<View>,
    frames: watch::Sender<Option<Arc<Frame>>>,
    states: watch::Sender<CameraState>,
    /// The camera that inspects, for whoever follows it.
    inspecting: watch::Sender<Running>,
    preview_url: String,
    operator: String,
    triggers: Triggers,
    missed_parts: MissedParts,
    sources: tokio::sync::Mutex<Option<Sources>>,
}

struct View {
    order: Order,
    /// Those before it, each with the time until which it held, newest last.
    orders_before: VecDeque<(UnixMillis, Order)>,
    camera: Running,
    forwarding: CancellationToken,
}

impl App {
    pub async fn open(
        settings: Settings,
        environment: Environment,
        report_ready: bool,
        operator: String,
    ) -> Result<Arc<Self>, cli::Failure> {
        let trigger_settings = triggers::load(&settings.data_dir)?;
        let secrets = wiring::window_secrets(&settings, &environment).await;
        let installation = Installation::open(settings, secrets).await?;
        let settings = &installation.settings;
        let order = Order {
            product_sku: settings.order.product_sku.clone(),
            stage: settings.order.stage,
            lot: None,
            serial: None,
            operator: String::new(),
        };
        let frames = watch::Sender::new(None);
        let states = watch::Sender::new(CameraState::Opening);
        let cameras = Arc::new(Cameras::load(
            installation.settings.clone(),
            installation.clock.clone(),
            installation.entropy.clone(),
        )?);
        cameras.start()?;
        let others = cameras.clone();
        let of_camera = move |id: &str| Some(others.running(id)?.feed.subscribe());
        let preview_url = preview::serve(frames.subscribe(), of_camera).await?;
        let camera = cameras.inspecting(&order)?;
        let forwarding = CancellationToken::new();
        forward(&camera.feed, &frames, &states, &forwarding);
        let housekeeping = Arc::new(Housekeeping::new(
            installation.records.clone(),
            installation.settings.clone(),
            installation.clock.clone(),
            installation.station.clock_trouble(),
        ));
        let missed_parts =
            MissedParts::load(installation.records.clone(), installation.clock.clone()).await?;
        let app = Arc::new_cyclic(|app| Self {
            missed_parts,
            triggers: Triggers::new(
                trigger_settings,
                installation.clock.clone(),
                Arc::new(AtStation(app.clone())),
                tokio::runtime::Handle::current(),
            ),
            sources: tokio::sync::Mutex::new(None),
            cameras,
            housekeeping,
            inspecting: watch::Sender::new(camera.clone()),
            view: Mutex::new(View {
                order,
                orders_before: VecDeque::new(),
                camera,
                forwarding,
            }),
            installation,
            report_ready,
            frames,
            states,
            preview_url,
            operator,
        });
        app.start_triggers(&mut *app.sources.lock().await).await;
        app.teach_demo();
        Ok(app)
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the window gets the live picture from.
    pub fn preview_url(&self) -> &str {
        &self.preview_url
    }

    /// Who is at the station, as records name the person.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// What says that a part is there.
    pub fn triggers(&self) -> &Triggers {
        &self.triggers
    }

    /// Starts those triggers that run by themselves, by the settings that hold; those that ran before have ended then.
    async fn start_triggers(&self, sources: &mut Option<Sources>) {
        let data_dir = &self.installation.settings.data_dir;
        let (before, cameras) = (sources.take(), self.inspecting.subscribe());
        let started = Sources::start(&self.triggers, cameras, data_dir, before).await;
        if let Some(Err(error)) = &started.http {
            tracing::error!(%error, "programs on this machine cannot trigger");
        }
        *sources = Some(started);
    }

    /// Keeps these settings of triggers and works by them from now on.
    pub async fn set_triggers(&self, settings: TriggerSettings) -> Result<(), CommandError> {
        let data_dir = self.installation.settings.data_dir.clone();
        // Locked while the file is written, so that who follows it takes none from before.
        let mut sources = self.sources.lock().await;
        if self.triggers.is_closed() {
            return Err(closing());
        }
        let saving = tokio::task::spawn_blocking(move || triggers::save(&data_dir, settings));
        let stopped = |error: tokio::task::JoinError| {
            CommandError::new(ErrorCode::StorageFault, error.to_string())
        };
        self.triggers.apply(saving.await.map_err(stopped)??);
        self.start_triggers(&mut sources).await;
        Ok(())
    }

    /// How triggers are set up, and what came of them.
    pub async fn triggers_dto(&self) -> TriggersDto {
        let sources = self.sources.lock().await;
        let data_dir = &self.installation.settings.data_dir;
        TriggersDto::new(&self.triggers, sources.as_ref(), data_dir)
    }

    /// What is being inspected, for the window.
    pub fn order_dto(&self) -> OrderDto {
        let order = &self.view().order;
        OrderDto {
            product_sku: order.product_sku.to_string(),
            stage: order.stage,
            lot: order.lot.clone(),
        }
    }

    /// Changes what is being inspected. The simulated camera shows the new parts.
    pub fn set_order(&self, form: &OrderDto) -> Result<(), CommandError> {
        let settings = &self.installation.settings;
        let order = Order {
            product_sku: settings.skus.find(&form.product_sku)?.clone(),
            stage: form.stage,
            lot: form.lot.clone().filter(|lot| !lot.trim().is_empty()),
            serial: None,
            operator: String::new(),
        };
        let other_part = {
            let before = &self.view().order;
            (&before.product_sku, before.stage) != (&order.product_sku, order.stage)
        };
        let simulated = settings.camera.driver == CameraDriver::Simulated;
        let camera = match other_part && (simulated || self.cameras.uses_roster()) {
            true => Some(self.cameras.inspecting(&order)?),
            false => None,
        };
        let now = self.installation.clock.now();
        let mut view = self.view();
        let before = std::mem::replace(&mut view.order, order);
        view.orders_before.push_back((now, before));
        if view.orders_before.len() > ORDERS_KEPT {
            view.orders_before.pop_front();
        }
        if let Some(camera) = camera {
            self.show(&mut view, camera);
        }
        drop(view);
        self.teach_demo();
        Ok(())
    }

    /// Looks again which camera is the one that inspects: set-up has changed something.
    pub fn choose_camera(&self) -> Result<(), CommandError> {
        let (has_entry, order) = {
            let view = self.view();
            (view.camera.entry.is_some(), view.order.clone())
        };
        // The one of `station.toml` has no settings that could have changed.
        if has_entry || self.cameras.uses_roster() {
            let camera = self.cameras.inspecting(&order)?;
            let mut view = self.view();
            // Where the order was changed meanwhile, its own camera is shown already.
            if view.order.stage == order.stage {
                self.show(&mut view, camera);
            }
        }
        Ok(())
    }

    /// Looks again where another camera than the one that inspects looks at the stage by now, or the same with another
    /// set-up.
    fn keep_inspecting(&self) -> Result<(), CommandError> {
        let (inspecting, stage) = {
            let view = self.view();
            (view.camera.clone(), view.order.stage)
        };
        let entry = self.cameras.at(stage);
        let feed = entry
            .as_ref()
            .and_then(|entry| Some(self.cameras.running(&entry.id)?.feed));
        let is_same = match (&entry, &feed) {
            (None, _) => inspecting.entry.is_none(),
            (_, Some(feed)) => inspecting.entry == entry && Arc::ptr_eq(feed, &inspecting.feed),
            (_, None) => false,
        };
        match is_same || !self.cameras.uses_roster() {
            true => Ok(()),
            false => self.choose_camera(),
        }
    }

    /// Shows and inspects with another camera from now on.
    fn show(&self, view: &mut View, camera: Running) {
        let same = Arc::ptr_eq(&camera.feed, &view.camera.feed);
        // Who follows it begins anew, which is for another camera or another kind of pictures alone.
        self.inspecting.send_if_modified(|inspecting| {
            let is_other = !same || inspecting.has_lines() != camera.has_lines();
            if is_other {
                inspecting.clone_from(&camera);
            }
            is_other
        });
        let before = std::mem::replace(&mut view.camera, camera);
        if same {
            return;
        }
        view.forwarding.cancel();
        view.forwarding = CancellationToken::new();
        // Nobody takes the picture of the camera before for one of this.
        self.frames.send_replace(None);
        forward(
            &view.camera.feed,
            &self.frames,
            &self.states,
            &view.forwarding,
        );
        // Its end may be waited for, which is nothing for a thread that serves the window.
        tauri::async_runtime::spawn_blocking(move || drop(before));
    }

    /// Every camera of the station, for the field tech.
    pub fn camera_dtos(&self) -> Vec<CameraDto> {
        let inspecting = self.view().camera.clone();
        let now = self.installation.clock.now();
        let driver = match self.installation.settings.camera.driver {
            CameraDriver::Simulated => Transport::Simulated,
            CameraDriver::Replay => Transport::Replay,
        };
        let dto = |id: String, running: &Running, inspects| {
            CameraDto::new(id, running, driver, inspects, now)
        };
        if !self.cameras.uses_roster() {
            let id = self.installation.settings.camera.id.clone();
            return vec![dto(id, &inspecting, true)];
        }
        let ids = self.cameras.entries().into_iter().map(|entry| entry.id);
        let running = ids.filter_map(|id| Some((self.cameras.running(&id)?, id)));
        let shown = |running: &Running| Arc::ptr_eq(&running.feed, &inspecting.feed);
        running
            .map(|(running, id)| dto(id, &running, shown(&running)))
            .collect()
    }

    /// The parts that passed and that nobody has seen.
    pub fn missed_parts(&self) -> &MissedParts {
        &self.missed_parts
    }

    /// The id of the camera that inspects; that of the stage where none looks at it.
    pub fn camera_id(&self) -> String {
        let view = self.view();
        match &view.camera.entry {
            Some(entry) => entry.id.clone(),
            None if self.cameras.uses_roster() => view.order.stage.to_string(),
            None => self.installation.settings.camera.id.clone(),
        }
    }

    /// True where cameras were set up and none of them looks at the stage of the order.
    pub fn stage_lacks_camera(&self) -> bool {
        self.view().camera.entry.is_none() && self.cameras.uses_roster()
    }

    /// The camera, and the order as `operator` inspects it.
    pub fn camera_and_order(&self, operator: &str) -> (Running, Order) {
        let view = self.view();
        (
            view.camera.clone(),
            Order {
                operator: operator.to_owned(),
                ..view.order.clone()
            },
        )
    }

    /// What was inspected when a frame was exposed at `exposed_at`, as `operator` inspects it; none where that is too long
    /// ago to be known.
    pub fn order_at(&self, exposed_at: UnixMillis, operator: &str) -> Option<Order> {
        let view = self.view();
        let mut held = view.orders_before.iter().enumerate();
        let order = match held.find(|(_, (until, _))| exposed_at < *until) {
            // What held before the oldest that is kept may have been another one.
            Some((0, _)) if view.orders_before.len() == ORDERS_KEPT => return None,
            Some((_, (_, order))) => order,
            None => &view.order,
        };
        Some(Order {
            operator: operator.to_owned(),
            ..order.clone()
        })
    }

    /// What the camera is doing.
    pub fn camera_state(&self) -> CameraState {
        *self.states.borrow()
    }

    /// Changes of what the camera is doing.
    pub fn camera_states(&self) -> watch::Receiver<CameraState> {
        self.states.subscribe()
    }

    /// A part as the history shows it; none where it cannot be read.
    pub async fn row(&self, id: InspectionId) -> Option<HistoryRowDto> {
        match self.installation.records.inspection(id).await {
            Ok(inspection) => Some(HistoryRowDto::from(&HistoryRow::of(&inspection))),
            Err(error) => {
                tracing::error!(%id, %error, "a part just captured cannot be read");
                None
            }
        }
    }

    /// Says on standard output that the window is drawn, where that was asked for.
    pub fn window_ready(&self) {
        if self.report_ready {
            use std::io::Write;
            let mut stdout = std::io::stdout().lock();
            let _ =
                writeln!(stdout, "{{\"event\":\"window_ready\"}}").and_then(|()| stdout.flush());
        }
    }

    /// On the demo profile, teaches the screen the parts that are shown, so that it can answer.
    fn teach_demo(&self) {
        if !self.installation.settings.demo {
            return;
        }
        let (_, order) = self.camera_and_order("");
        let (models, settings) = (
            self.installation.models.clone(),
            self.installation.settings.clone(),
        );
        let station = self.installation.station.clone();
        tauri::async_runtime::spawn(async move {
            match demo_screen::teach(&models, &settings, &order).await {
                // Parts that were captured meanwhile wait for it.
                Ok(true) => drop(station.retry(wiko_core::queue::Queue::Analysis, None).await),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the demo's screen could not learn"),
            }
        });
    }
}

/// Hands the frames and states of one camera to whoever watches the station's camera.
fn forward(
    feed: &Arc<CameraFeed>,
    frames: &watch::Sender<Option<Arc<Frame>>>,
    states: &watch::Sender<CameraState>,
    stop: &CancellationToken,
) {
    let (mut frame, mut state) = (feed.subscribe(), feed.subscribe_state());
    let (frames, states, stop) = (frames.clone(), states.clone(), stop.clone());
    tauri::async_runtime::spawn(async move {
        states.send_replace(*state.borrow_and_update());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = frame.changed() => {
                    if changed.is_err() {
                        // The thread is at its end: what it came to is the last word.
                        states.send_replace(*state.borrow_and_update());
                        return
                    }
                    frames.send_replace(frame.borrow_and_update().clone());
                }
                changed = state.changed() => {
                    if changed.is_err() { return }
                    states.send_replace(*state.borrow_and_update());
                }
            }
        }
    });
}

fn closing() -> CommandError {
    CommandError::new(ErrorCode::StorageFault, "the station is being closed")
}
