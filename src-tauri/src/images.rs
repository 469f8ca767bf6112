//! Pictures for the window, by record id: `wiko-image://localhost/ID`, and `…/ID/thumb` for a small one.
//!
//! Invariant: a path never comes from the window, only an id; so the window can read recorded pictures
//! and nothing else.

use crate::app::App;
use std::sync::Arc;
use tauri::http::{Request, Response, StatusCode, header};
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};
use wiko_core::{
    id::InspectionId,
    ports::{Records, StoreError},
};

/// Name of the scheme.
pub const SCHEME: &str = "wiko-image";

/// Longest edge of a small picture, for lists.
const THUMB_PX: u32 = 320;

/// Small pictures made at once. A long list asks for hundreds, and each takes a decoded picture's memory.
static THUMBS: Semaphore = Semaphore::const_new(2);

/// Answers a request of the window.
pub async fn answer(app: Arc<App>, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    match picture(&app, request.uri().path()).await {
        Ok((media_type, bytes)) => respond(StatusCode::OK, media_type, bytes),
        Err((status, reason)) => respond(status, "text/plain; charset=utf-8", reason.into_bytes()),
    }
}

async fn picture(app: &App, path: &str) -> Result<(&'static str, Vec<u8>), (StatusCode, String)> {
    let (id, thumb) = match path.trim_start_matches('/').split_once('/') {
        None => (path.trim_start_matches('/'), false),
        Some((id, "thumb")) => (id, true),
        Some(_) => return Err((StatusCode::NOT_FOUND, "no such picture".to_owned())),
    };
    let id: InspectionId = id
        .parse()
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}")))?;
    let turn = match thumb {
        // Never closed; where it were, the picture would be made all the same.
        true => THUMBS.acquire().await.ok(),
        false => None,
    };
    let image = app.installation.records.image(id).await.map_err(|error| {
        let status = match error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            StoreError::ImageRemoved { .. } => StatusCode::GONE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.to_string())
    })?;
    if !thumb {
        return Ok((image.facts().format.media_type(), image.bytes().to_vec()));
    }
    let failed = |reason: String| (StatusCode::INTERNAL_SERVER_ERROR, reason);
    let small = in_turn(turn, move || wiko_imaging::thumbnail(&image, THUMB_PX))
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|refusal| failed(refusal.to_string()))?;
    Ok(("image/jpeg", small))
}

/// Works on another thread and gives the turn back when it is done, also where nobody waits any more.
async fn in_turn<T: Send + 'static>(
    turn: Option<tokio::sync::SemaphorePermit<'static>>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    })
    .await
}

fn respond(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(media_type),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    // A recorded picture never changes; the hash in its record says so.
    let cache = if status == StatusCode::OK {
        "private, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static(cache),
    );
    response
}

/// Refuses a request for want of the role.
pub fn forbidden(error: &crate::dto::CommandError) -> Response<Vec<u8>> {
    let reason = error.message.clone().into_bytes();
    respond(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn at_most_two_small_pictures_are_made_at_once_also_where_the_window_gave_up_waiting() {
        static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let make = || {
            let now = UNDER_WAY.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        };
        let asked: Vec<_> = (0..12)
            .map(|number| {
                tokio::spawn(async move {
                    let made = in_turn(THUMBS.acquire().await.ok(), make);
                    let patience = Duration::from_millis(if number % 3 == 0 { 1 } else { 5000 });
                    let _ = tokio::time::timeout(patience, made).await;
                })
            })
            .collect();
        for each in asked {
            each.await.unwrap();
        }
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
    }
}
