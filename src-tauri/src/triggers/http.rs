//! Triggers of programs on this machine, such as the gateway of a PLC, by HTTP.
//!
//! `POST /trigger` with `Authorization: Bearer <token>`, and where wanted `{"serial": "…", "lot": "…"}`, takes a part
//! and answers once it is safe on disk: 200 `{"id": "…", "sha256": "…"}`. Where none was taken it answers with
//! `{"code": "…", "message": "…"}`: 409 where the station refused, 4xx where the request is wrong. `GET /healthz`
//! answers 200 while the station runs, whatever its camera does.
//!
//! Invariants:
//! - It listens on 127.0.0.1 alone, asks for the token before it reads a body, and answers only what was sent to this
//!   machine by name: a page in a browser that had its own name point here gets nothing, and no page is allowed in.
//! - Headers and bodies have a size and a time; a client that stalls holds up nobody. One request a connection.
//! - A client that goes away undoes nothing: the part is taken, and is in the history.
//!
//! Why not `axum::serve`: it sets no time for headers, so that a client that sends none would be waited for for ever.

use super::{Refused, Taken, Token, TokenError, Triggers};
use crate::dto::ErrorCode;
use axum::{
    Json, Router,
    body::{Body, Bytes, HttpBody},
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use wiko_core::trigger::{Trigger, TriggerRefusal, TriggerSource, mark};

/// The largest body.
const BODY_BYTES: usize = 4096;

/// The least that hyper reads headers into.
const HEADER_BYTES: usize = 8192;

/// More headers than any gateway sends.
const HEADERS: usize = 64;

/// Connections at once; others wait to be accepted.
const CONNECTIONS: usize = 32;

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// From the connection to the end of the headers.
    pub headers: Duration,
    /// From there to the end of the body.
    pub body: Duration,
    /// From there until the part is safe on disk.
    pub taking: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(5),
            body: Duration::from_secs(5),
            taking: Duration::from_secs(30),
        }
    }
}

/// HTTP cannot trigger.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The port is not to be had.
    #[error(
        "triggers by HTTP: port {port} cannot be had ({error}): end the program that has it, or set another http_port"
    )]
    Bind {
        /// The port.
        port: u16,
        /// Why.
        error: io::Error,
    },
    /// There is no token that can be trusted.
    #[error("triggers by HTTP: {0}")]
    Token(#[from] TokenError),
}

/// The server, bound and not yet serving.
pub struct HttpTrigger {
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
    triggers: Triggers,
    limits: TimeLimits,
}

impl HttpTrigger {
    /// Binds 127.0.0.1 at `port`, 0 for any, with the token of `data_dir`.
    pub async fn bind(triggers: Triggers, port: u16, data_dir: &Path) -> Result<Self, HttpError> {
        let token = Token::load_or_create(data_dir)?;
        let failed = |error| HttpError::Bind { port, error };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            token,
            triggers,
            limits: TimeLimits::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(test)]
    pub(super) fn with_limits(mut self, limits: TimeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves until the task is dropped.
    pub async fn serve(self) {
        let limits = self.limits;
        let mut server = hyper::server::conn::http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .keep_alive(false)
            .max_headers(HEADERS)
            .max_buf_size(HEADER_BYTES);
        let router = router(Arc::new(Served {
            token: self.token,
            port: self.address.port(),
            triggers: self.triggers,
            limits,
        }));
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let Ok(place) = free.clone().acquire_owned().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection of the trigger port failed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let service = TowerToHyperService::new(router.clone());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            connections.spawn(async move {
                let _place = place;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection of the trigger port broke off");
                }
            });
        }
    }
}

struct Served {
    token: Token,
    port: u16,
    triggers: Triggers,
    limits: TimeLimits,
}

fn router(served: Arc<Served>) -> Router {
    Router::new()
        .route("/trigger", post(trigger))
        .route("/healthz", get(healthz))
        .fallback(async || Fault::NotFound)
        .method_not_allowed_fallback(async || Fault::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            served.clone(),
            of_this_machine,
        ))
        .with_state(served)
}

/// Lets through what names this machine, so that no other name that was made to point here does.
async fn of_this_machine(
    State(served): State<Arc<Served>>,
    request: Request,
    next: Next,
) -> Response {
    if names_this_machine(request.uri(), request.headers(), served.port) {
        next.run(request).await
    } else {
        Fault::WrongHost.into_response()
    }
}

fn names_this_machine(uri: &Uri, headers: &HeaderMap, port: u16) -> bool {
    let is_here = |name: &Authority| {
        // What stands before an `@` is no part of the host, and no client of ours sends it.
        !name.as_str().contains('@')
            && (name.host() == "127.0.0.1" || name.host().eq_ignore_ascii_case("localhost"))
            && name.port().is_none_or(|named| named.as_u16() == port)
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host = Authority::try_from(host.as_bytes());
    host.is_ok_and(|host| is_here(&host)) && uri.authority().is_none_or(is_here)
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// What may be sent along.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TriggerForm {
    serial: Option<String>,
    lot: Option<String>,
    /// For a part that was refused before, and for no other.
    again: bool,
}

async fn trigger(
    State(served): State<Arc<Served>>,
    request: Request,
) -> Result<Json<Taken>, Fault> {
    if !bears_token(request.headers(), &served.token) {
        return Err(Fault::Unauthorized);
    }
    let came_at = served.triggers.inner.clock.now();
    let read = read_body(request, served.limits.body).await;
    let form = read
        .and_then(|body| form_of(&body))
        .inspect_err(|_| served.triggers.not_understood())?;
    let trigger = Trigger {
        serial: form.serial,
        lot: form.lot,
        is_again: form.again,
        ..Trigger::plain(TriggerSource::Http, came_at)
    };
    match tokio::time::timeout(served.limits.taking, served.triggers.take(trigger)).await {
        Ok(came) => Ok(Json(came?)),
        Err(_) => Err(Fault::NotYetSafe),
    }
}

fn bears_token(headers: &HeaderMap, token: &Token) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(|v| v.as_bytes());
    let Some((scheme, rest)) = given.and_then(|given| given.split_at_checked(7)) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer ") && token.is(rest.trim_ascii())
}

async fn read_body(request: Request<Body>, within: Duration) -> Result<Bytes, Fault> {
    // What announces itself as too large is not waited for.
    if request.body().size_hint().lower() > BODY_BYTES as u64 {
        return Err(Fault::TooLarge);
    }
    match tokio::time::timeout(within, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(refused)) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Fault::TooLarge)
        }
        Ok(Err(refused)) => Err(Fault::Malformed(refused.body_text())),
        Err(_) => Err(Fault::TooSlow),
    }
}

fn form_of(body: &[u8]) -> Result<TriggerForm, Fault> {
    if body.trim_ascii().is_empty() {
        return Ok(TriggerForm::default());
    }
    let form: TriggerForm =
        serde_json::from_slice(body).map_err(|error| Fault::Malformed(error.to_string()))?;
    let checked = |given: Option<String>| given.as_deref().map(mark).transpose();
    let bad = |error: wiko_core::trigger::BadMark| Fault::Malformed(error.to_string());
    Ok(TriggerForm {
        serial: checked(form.serial).map_err(bad)?,
        lot: checked(form.lot).map_err(bad)?,
        again: form.again,
    })
}

/// No part was taken for this request, and why.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("send the token: Authorization: Bearer <the text of trigger.token>")]
    Unauthorized,
    #[error("send it to 127.0.0.1 or localhost by this name and port")]
    WrongHost,
    #[error("there is POST /trigger and GET /healthz")]
    NotFound,
    #[error("/trigger takes POST, /healthz takes GET")]
    MethodNotAllowed,
    #[error("the body is longer than {BODY_BYTES} bytes")]
    TooLarge,
    #[error("the body did not come in time: send it at once")]
    TooSlow,
    #[error(
        "the body must be empty or {{\"serial\": \"…\", \"lot\": \"…\", \"again\": true}}, any left out: {0}"
    )]
    Malformed(String),
    #[error("the part is not safe on disk yet: do not move it, and look at the station")]
    NotYetSafe,
    #[error("{0}")]
    Refused(#[from] Refused),
}

/// The code of a refusal or of a fault.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Code {
    Trigger(TriggerRefusal),
    Station(ErrorCode),
    Request(&'static str),
}

#[derive(serde::Serialize)]
struct NotTaken {
    code: Code,
    message: String,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let request = |status, code| (status, Code::Request(code));
        let (status, code) = match &self {
            Self::Unauthorized => request(StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::WrongHost => request(StatusCode::FORBIDDEN, "wrong_host"),
            Self::NotFound => request(StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => request(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::TooLarge => request(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow => request(StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Malformed(_) | Self::Refused(Refused::OtherCode(_)) => {
                request(StatusCode::BAD_REQUEST, "malformed")
            }
            Self::NotYetSafe => request(StatusCode::GATEWAY_TIMEOUT, "not_yet_safe"),
            Self::Refused(Refused::BrokenOff) => {
                request(StatusCode::INTERNAL_SERVER_ERROR, "broken_off")
            }
            Self::Refused(Refused::Trigger(refusal)) => {
                (StatusCode::CONFLICT, Code::Trigger(*refusal))
            }
            Self::Refused(Refused::Failed(error)) => {
                (StatusCode::CONFLICT, Code::Station(error.code))
            }
        };
        let message = self.to_string();
        let mut response = (status, Json(NotTaken { code, message })).into_response();
        if matches!(self, Self::Unauthorized) {
            let bearer = header::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
