//! The live picture for the window: a WebSocket on loopback.
//!
//! Invariants:
//! - Only who knows this launch's token gets pictures, and only from this machine.
//! - The latest frame wins; one frame is in flight until the window has drawn it. A slow window gets
//!   fewer frames, never older ones, and holds up nobody.
//!
//! Why a WebSocket: Tauri events cannot carry bytes, and the custom scheme, an MJPEG `<img>` and raw
//! pixels were each slower or less steady (docs/decisions/live-preview.md).

use futures_util::{SinkExt, StreamExt};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::server::{ErrorResponse, Request, Response},
    http::StatusCode,
};
use wiko_core::camera::Frame;

/// The latest frame of the camera that is shown now.
pub type LatestFrame = watch::Receiver<Option<Arc<Frame>>>;

/// Frames wider than this are made smaller before they are sent.
const WIDEST_PX: u32 = 1920;

/// The longest edge of a frame that was made smaller.
const SMALLER_PX: u32 = 1280;

/// How long the window may take to draw a frame before it counts as gone.
const DRAW_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `frames` until the process ends, and those of another camera at the address with its id. Returns the address
/// that the window connects to.
pub async fn serve(
    frames: LatestFrame,
    of_camera: impl Fn(&str) -> Option<LatestFrame> + Clone + Send + Sync + 'static,
) -> std::io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let token: String = rand::random::<[u8; 16]>()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let path = format!("/preview/{token}");
    let url = format!("ws://{}{path}", listener.local_addr()?);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (frames, path) = (frames.clone(), path.clone());
                    let of_camera = of_camera.clone();
                    tokio::spawn(async move {
                        if let Err(error) = send_frames(stream, &path, frames, of_camera).await {
                            tracing::debug!(%error, "the preview ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a preview connection failed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
    Ok(url)
}

async fn send_frames(
    stream: TcpStream,
    path: &str,
    mut frames: LatestFrame,
    of_camera: impl Fn(&str) -> Option<LatestFrame>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    // The signature, its large error included, is the library's.
    #[allow(clippy::result_large_err)]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let camera = request.uri().path().strip_prefix(path);
        match camera.map(|rest| rest.strip_prefix('/')) {
            Some(None) if request.uri().path() == path => return Ok(response),
            Some(Some(id)) => {
                if let Some(those) = of_camera(id) {
                    frames = those;
                    return Ok(response);
                }
            }
            _ => {}
        }
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = StatusCode::FORBIDDEN;
        Err(refused)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, check).await?;
    let mut shown = None;
    loop {
        let frame = frames.borrow_and_update().clone();
        let fresh = frame.filter(|frame| shown != Some((frame.sequence, frame.exposed_at)));
        let Some(frame) = fresh else {
            tokio::select! {
                changed = frames.changed() => changed?,
                // The window says nothing while no frame is in flight, so this is its end.
                _ = socket.next() => return Ok(()),
            }
            continue;
        };
        shown = Some((frame.sequence, frame.exposed_at));
        socket
            .send(Message::binary(message_of(frame).await?))
            .await?;
        match tokio::time::timeout(DRAW_TIMEOUT, socket.next()).await {
            Ok(Some(Ok(Message::Text(_)))) => {}
            Ok(Some(Ok(_)) | None) | Err(_) => return Ok(()),
            Ok(Some(Err(error))) => return Err(error.into()),
        }
    }
}

/// Sequence and time of exposure, little endian, then the picture. A camera's JPEG goes through as it is.
async fn message_of(
    frame: Arc<Frame>,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let (sequence, exposed_at) = (frame.sequence, frame.exposed_at);
    let live = move || wiko_imaging::live_jpeg(&frame.picture, WIDEST_PX, SMALLER_PX);
    let picture = tokio::task::spawn_blocking(live).await??;
    let mut message = Vec::with_capacity(16 + picture.len());
    message.extend_from_slice(&sequence.to_le_bytes());
    message.extend_from_slice(&(exposed_at.0 as f64).to_le_bytes());
    message.extend_from_slice(&picture);
    Ok(message)
}
