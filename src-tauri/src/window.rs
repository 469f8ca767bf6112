//! The window: Tauri's side of the station.
//!
//! Invariants:
//! - One station a data directory: a second start shows the first one's window.
//! - The window shows only what is built in; it opens no other address.
//! - No lock is held while anything is waited for.

use crate::{
    access::{Gate, Session},
    cameras::{self, Cameras, Running},
    cli, commands, demo_screen,
    dto::{
        CameraDto, CameraWarningDto, CameraWarningKind, CommandError, ErrorCode, HistoryRowDto,
        OrderDto, StationUpdate, TriggersDto,
    },
    housekeeping::Housekeeping,
    images, live, log, preview,
    settings::{CameraDriver, Environment, Settings},
    take_part::AtStation,
    triggers::{self, Sources, Triggers},
    wiring::{self, Installation},
};
use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tauri::{Manager, WebviewUrl, WebviewWindowBuilder};
use tauri_specta::Event;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wiko_camera::CameraFeed;
use wiko_core::{
    audit::AuditCategory,
    camera::{CameraState, Frame, Transport},
    history::HistoryRow,
    id::InspectionId,
    image::Sha256,
    ports::Records,
    role::Role,
    trigger::TriggerSettings,
};
use wiko_pipeline::Order;

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
    sources: tokio::sync::Mutex<Option<Sources>>,
}

struct View {
    order: Order,
    camera: Running,
    forwarding: CancellationToken,
}

impl App {
    async fn open(
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
        let app = Arc::new_cyclic(|app| Self {
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
        app.start_triggers().await;
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
    async fn start_triggers(&self) {
        let mut sources = self.sources.lock().await;
        if let Some(before) = sources.take() {
            before.stop().await;
        }
        let data_dir = &self.installation.settings.data_dir;
        let started = Sources::start(&self.triggers, self.inspecting.subscribe(), data_dir).await;
        if let Some(Err(error)) = &started.http {
            tracing::error!(%error, "programs on this machine cannot trigger");
        }
        *sources = Some(started);
    }

    /// Keeps these settings of triggers and works by them from now on.
    pub async fn set_triggers(&self, settings: TriggerSettings) -> Result<(), CommandError> {
        let data_dir = self.installation.settings.data_dir.clone();
        let saving = tokio::task::spawn_blocking(move || triggers::save(&data_dir, settings));
        let stopped = |error: tokio::task::JoinError| {
            CommandError::new(ErrorCode::StorageFault, error.to_string())
        };
        self.triggers.apply(saving.await.map_err(stopped)??);
        self.start_triggers().await;
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
        let mut view = self.view();
        let other_part =
            (&view.order.product_sku, view.order.stage) != (&order.product_sku, order.stage);
        let simulated = settings.camera.driver == CameraDriver::Simulated;
        if other_part && (simulated || self.cameras.uses_roster()) {
            self.show(&mut view, self.cameras.inspecting(&order)?);
        }
        view.order = order;
        drop(view);
        self.teach_demo();
        Ok(())
    }

    /// Looks again which camera is the one that inspects: set-up has changed something.
    pub fn choose_camera(&self) -> Result<(), CommandError> {
        let mut view = self.view();
        // The one of `station.toml` has no settings that could have changed.
        if view.camera.entry.is_some() || self.cameras.uses_roster() {
            let camera = self.cameras.inspecting(&view.order)?;
            self.show(&mut view, camera);
        }
        Ok(())
    }

    /// Shows and inspects with another camera from now on.
    fn show(&self, view: &mut View, camera: Running) {
        let same = Arc::ptr_eq(&camera.feed, &view.camera.feed);
        self.inspecting.send_replace(camera.clone());
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

    /// What is amiss with cameras that give frames all the same.
    pub fn camera_warnings(&self) -> Vec<CameraWarningDto> {
        let mut warnings = self.cameras.warnings();
        // Of what passes by, a part that came too soon was seen by nobody.
        let missed =
            self.triggers.counts().iter().any(|count| {
                count.source.tells_of_passing_parts() && count.busy + count.failed > 0
            });
        let parts_missed = CameraWarningDto {
            camera: self.camera_id(),
            kind: CameraWarningKind::PartsMissed,
        };
        if missed && !warnings.contains(&parts_missed) {
            warnings.insert(0, parts_missed);
        }
        warnings
    }

    /// The id of the camera that inspects.
    pub fn camera_id(&self) -> String {
        match &self.view().camera.entry {
            Some(entry) => entry.id.clone(),
            None => self.installation.settings.camera.id.clone(),
        }
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
                    if changed.is_err() { return }
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

/// One name a data directory, so that a demo and a station can be open side by side.
fn instance_name(data_dir: &Path) -> String {
    let path = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let hash = Sha256::of(path.as_os_str().as_encoded_bytes()).to_string();
    format!("com.wiko.station.d{}", &hash[..16])
}

/// Shows the window until it is closed.
pub fn run(
    settings: Settings,
    environment: Environment,
    report_ready: bool,
) -> Result<ExitCode, cli::Failure> {
    let _log = log::start(&settings.data_dir)?;
    let session = Session {
        role: if settings.demo {
            Role::Admin
        } else {
            Role::FieldTech
        },
        operator: if settings.demo { "demo" } else { "local" }.to_owned(),
    };
    let instance = instance_name(&settings.data_dir);
    // The station opens while GTK and WebKit start. Where another window has this data directory, its
    // lock refuses, and the single instance below ends this process before anyone looks.
    let opening = std::thread::Builder::new().spawn(move || {
        tauri::async_runtime::block_on(async {
            let operator = session.operator.clone();
            let app = App::open(settings, environment, report_ready, operator).await?;
            let gate = Gate::new(session, app.clone());
            gate.note(AuditCategory::SignIn, "window", "opened")
                .await
                .map_err(|error| error.message)?;
            Ok::<_, cli::Failure>((gate, app))
        })
    })?;
    let specta = commands::builder();
    let invoke = specta.invoke_handler();
    let tauri = tauri::Builder::default()
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(instance)
                .callback(|handle, _, _| {
                    if let Some(window) = handle.get_webview_window("main") {
                        let _ = window.unminimize();
                        let _ = window.set_focus();
                    }
                })
                .build(),
        )
        .invoke_handler(invoke)
        .register_asynchronous_uri_scheme_protocol(images::SCHEME, |context, request, responder| {
            let app = context
                .app_handle()
                .state::<Gate>()
                .enter(Role::Operator)
                .map(|(app, _)| app.clone());
            tauri::async_runtime::spawn(async move {
                match app {
                    Ok(app) => responder.respond(images::answer(app, request).await),
                    Err(error) => responder.respond(images::forbidden(&error)),
                }
            });
        })
        .build(tauri::generate_context!())?;
    // WebKit's processes start while the station opens. What the page asks is answered by this thread
    // once it runs, so no question comes before the station is there. Shown only then: behind the dialog
    // that says why it did not open, the page would ask in vain.
    let window = WebviewWindowBuilder::new(&tauri, "main", WebviewUrl::default())
        .title("Wiko")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1024.0, 700.0)
        .disable_drag_drop_handler()
        .zoom_hotkeys_enabled(false)
        .visible(false)
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"))
        .build()?;
    let opened = opening
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let (gate, app) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            let _ = window.destroy();
            return Err(failure);
        }
    };
    window.show()?;
    specta.mount_events(&tauri);
    tauri.manage(gate);
    let stop = CancellationToken::new();
    tauri.manage(stop.clone());
    let station = app.installation.station.clone();
    tauri::async_runtime::spawn(async move { station.run(stop).await });
    let (keeping, events) = (app.clone(), app.installation.station.subscribe());
    let stopped = tauri.state::<CancellationToken>().inner().clone();
    let stop = stopped.clone();
    tauri::async_runtime::spawn(async move {
        keeping.housekeeping.keep_storage(events, stop).await;
    });
    let keeping = app.clone();
    tauri::async_runtime::spawn(async move { keeping.housekeeping.keep_backups(stopped).await });
    let handle = tauri.handle().clone();
    let send = move |update: StationUpdate| {
        if let Err(error) = update.emit(&handle) {
            tracing::error!(%error, "the window could not be told");
        }
    };
    tauri::async_runtime::spawn(cameras::keep_drift(
        app.cameras.clone(),
        app.installation.records.clone(),
    ));
    tauri::async_runtime::spawn(live::tell_triggers(app.clone(), send.clone()));
    tauri::async_runtime::spawn(live::tell(app, send));
    tauri.run(|handle, event| {
        if let tauri::RunEvent::Exit = event {
            // Work in flight goes on from its queue at the next start.
            if let Some(stop) = handle.try_state::<CancellationToken>() {
                stop.cancel();
            }
        }
    });
    Ok(ExitCode::SUCCESS)
}
