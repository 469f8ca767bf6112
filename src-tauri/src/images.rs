//! Pictures for the window, by record id: `wiko-image://localhost/ID`, and `…/ID/thumb` for a small one.
//!
//! Invariant: a path never comes from the window, only an id; so the window can read recorded pictures
//! and nothing else.

use crate::window::App;
use std::sync::Arc;
use tauri::http::{Request, Response, StatusCode, header};
use wiko_core::{
    id::InspectionId,
    ports::{Records, StoreError},
};

/// Name of the scheme.
pub const SCHEME: &str = "wiko-image";

/// Longest edge of a small picture, for lists.
const THUMB_PX: u32 = 320;

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
    let image = app.installation.records.image(id).await.map_err(|error| {
        let status = match error {
            StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.to_string())
    })?;
    if !thumb {
        return Ok((image.facts.format.media_type(), image.bytes.to_vec()));
    }
    let failed = |reason: String| (StatusCode::INTERNAL_SERVER_ERROR, reason);
    let small = tokio::task::spawn_blocking(move || wiko_imaging::thumbnail(&image, THUMB_PX))
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|refusal| failed(refusal.to_string()))?;
    Ok(("image/jpeg", small))
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
