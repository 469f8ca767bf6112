//! The window: Tauri's side of the station.
//!
//! Invariants:
//! - One station a data directory: a second start shows the first one's window.
//! - The window shows only what is built in; it opens no other address.

use crate::{
    access::{Gate, Session},
    app::App,
    cameras, cli, commands,
    dto::StationUpdate,
    images, live, log,
    settings::{Environment, Settings},
};
use std::{path::Path, process::ExitCode};
use tauri::{Manager, WebviewUrl, WebviewWindowBuilder};
use tauri_specta::Event;
use tokio_util::sync::CancellationToken;
use wiko_core::{audit::AuditCategory, image::Sha256, role::Role, trigger::TriggerSettings};

/// One name a data directory, so that a demo and a station can be open side by side.
fn instance_name(data_dir: &Path) -> String {
    let path = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let hash = Sha256::of(path.as_os_str().as_encoded_bytes()).to_string();
    format!("com.wiko.station.d{}", &hash[..16])
}

/// How long cameras may take to be let go of at the end.
const LET_GO_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

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
    let changed = {
        let send = send.clone();
        move |settings: TriggerSettings| {
            send(StationUpdate::Triggers {
                settings: settings.into(),
            });
        }
    };
    tauri::async_runtime::spawn(app.clone().follow_set_up(changed));
    tauri::async_runtime::spawn(app.clone().keep_missed_parts());
    let closing = app.clone();
    #[cfg(unix)]
    tauri::async_runtime::spawn(exit_on_signal(tauri.handle().clone()));
    tauri::async_runtime::spawn(live::tell_triggers(app.clone(), send.clone()));
    tauri::async_runtime::spawn(live::tell(app, send));
    tauri.run(move |handle, event| {
        if let tauri::RunEvent::Exit = event {
            tauri::async_runtime::block_on(closing.close(LET_GO_WITHIN));
            // Work in flight goes on from its queue at the next start.
            if let Some(stop) = handle.try_state::<CancellationToken>() {
                stop.cancel();
            }
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Ends as when the window is closed where the system says so: at a service's stop, a logout or a shutdown.
#[cfg(unix)]
async fn exit_on_signal(handle: tauri::AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ];
    let mut signals = Vec::new();
    for kind in kinds {
        match signal(kind) {
            Ok(signal) => signals.push(signal),
            Err(error) => tracing::error!(%error, ?kind, "a signal cannot be heard"),
        }
    }
    if signals.is_empty() {
        return;
    }
    let any = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(any).await;
    tracing::info!("the station is ended by the system");
    handle.exit(0);
}
