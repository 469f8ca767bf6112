//! What changes all the time, put together for the window, and events turned into updates.

use crate::{
    dto::{
        AnalysisDto, CloudDto, CloudLink as LinkDto, HistoryRowDto, LiveDto, StationUpdate,
        VerdictDto,
    },
    window::App,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;
use wiko_core::{
    event::StationEvent,
    ports::{Records, StoreError},
    queue::{Obstacle, Queue, QueueDepth},
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
        camera: app.installation.settings.camera.id.clone(),
        camera_state: app.camera_state(),
        storage_fault: records.fault(),
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
    let mut events = app.installation.station.subscribe();
    let mut link = app.installation.station.link();
    let mut camera = app.camera_states();
    let mut last: Option<LiveDto> = None;
    loop {
        let due = tokio::time::sleep(AT_LEAST_EVERY);
        tokio::pin!(due);
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => {
                    if let Some(update) = update(&app, event).await {
                        send(update);
                    }
                    // More may follow at once; the counts can wait a little for them.
                    let settle = tokio::time::sleep(AT_MOST_EVERY);
                    tokio::pin!(settle);
                    loop {
                        tokio::select! {
                            () = &mut settle => break,
                            event = events.recv() => match event {
                                Ok(event) => if let Some(update) = update(&app, event).await {
                                    send(update);
                                },
                                Err(RecvError::Lagged(_)) => {}
                                Err(RecvError::Closed) => return,
                            }
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            changed = link.changed() => if changed.is_err() { return },
            changed = camera.changed() => if changed.is_err() { return },
            () = &mut due => {}
        }
        match live(&app).await {
            Ok(now) if last.as_ref() != Some(&now) => {
                last = Some(now.clone());
                send(StationUpdate::Live { live: now });
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the counts cannot be read"),
        }
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
        StationEvent::OperatorDecided { id, .. } | StationEvent::Uploaded { id } => {
            StationUpdate::Changed { id: id.to_string() }
        }
        // The counts that follow each event hold the camera's state and the fault.
        StationEvent::Camera { .. } | StationEvent::StorageFault { .. } => return None,
    })
}

/// A part as the history shows it.
pub fn row_of(inspection: &wiko_core::inspection::Inspection) -> HistoryRowDto {
    let worst = inspection.analysis().and_then(|analysis| analysis.worst());
    HistoryRowDto {
        id: inspection.capture.id.to_string(),
        sequence: inspection.sequence as f64,
        captured_at: inspection.capture.captured_at.0 as f64,
        stage: inspection.capture.stage,
        product_sku: inspection.capture.product_sku.to_string(),
        lot: inspection.capture.lot.clone(),
        verdict: inspection.verdict(),
        severity: worst.map(|finding| finding.severity),
        defect_type: worst.map(|finding| finding.defect_type),
        findings: inspection
            .analysis()
            .map_or(0, |analysis| analysis.findings.len() as u32),
        operator_call: inspection
            .operator_decisions
            .last()
            .map(|decision| decision.call),
        uploaded: matches!(
            inspection.upload,
            wiko_core::inspection::UploadState::Verified { .. }
        ),
    }
}
