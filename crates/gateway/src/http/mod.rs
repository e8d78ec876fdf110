//! The HTTP interfaces: what devices call (protocol section 5) and what relying sides call (section 9).
//!
//! Invariants: what changes something is not interrupted when the caller goes away; every body has a limit before it is read; every error is a JSON object with a code of section 8; no
//! answer may be cached.

pub(crate) mod device;
pub(crate) mod health;
pub(crate) mod relying;
mod reply;
pub(crate) mod schema;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use countersign_protocol::{
    ErrorCode, Issuer,
    wire::{CONFIGURATION_PATH, MAX_BODY},
};

use tracing::Instrument as _;

use self::reply::failed;
use crate::service::{Gateway, Refusal};

/// Paths below the issuer's URL.
pub(crate) mod path {
    /// The issuer's public keys as a JWK set.
    pub(crate) const JWKS: &str = "/.well-known/jwks.json";
    /// What an enrolment code offers.
    pub(crate) const PREVIEW: &str = "/v1/device/enrolment/preview";
    /// Enrolment.
    pub(crate) const ENROLMENT: &str = "/v1/device/enrolment";
    /// The WebSocket.
    pub(crate) const STREAM: &str = "/v1/device/stream";
    /// The long poll.
    pub(crate) const POLL: &str = "/v1/device/poll";
    /// Decisions.
    pub(crate) const DECISIONS: &str = "/v1/device/decisions";
    /// The device itself.
    pub(crate) const DEVICE: &str = countersign_protocol::wire::DEVICE_PATH;
    /// A device's change of key.
    pub(crate) const ROTATION: &str = "/v1/device/rotation";
    /// Approvals of relying sides.
    pub(crate) const APPROVALS: &str = "/v1/approvals";
    /// One approval.
    pub(crate) const APPROVAL: &str = "/v1/approvals/{txn}";
    /// What CIBA servers hand over.
    pub(crate) const CIBA: &str = "/v1/ciba/authentications";
}

/// Everything but `/metrics` and `/openapi.json`.
///
/// If the issuer's URL has a path, all of it but health is below that path.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let devices = Router::new()
        .route(CONFIGURATION_PATH, get(device::configuration))
        .route(path::JWKS, get(device::jwks))
        .route(path::PREVIEW, post(device::preview))
        .route(path::ENROLMENT, post(device::enrol))
        .route(path::STREAM, get(stream::upgrade))
        .route(path::POLL, get(device::poll))
        .route(path::DECISIONS, post(device::decide))
        .route(path::ROTATION, post(device::rotate))
        .route(path::DEVICE, delete(device::revoke))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&gateway),
            device::give_nonce,
        ));
    let relying = Router::new()
        .route(path::APPROVALS, post(relying::create))
        .route(path::APPROVAL, get(relying::read).delete(relying::cancel))
        .route(path::CIBA, post(relying::ciba));
    let health = Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready));
    let interfaces = devices.merge(relying).layer(middleware::from_fn(to_the_end));
    let prefix = prefix(gateway.issuer());
    let all = if prefix.is_empty() {
        interfaces
    } else {
        Router::new().nest(&prefix, interfaces)
    };
    all.merge(health)
        .fallback(async || {
            failed(
                &Refusal::new(ErrorCode::NotFound, "there is nothing at this address"),
                None,
            )
        })
        .method_not_allowed_fallback(async || {
            let refusal = Refusal::new(
                ErrorCode::InvalidRequest,
                "this address does not take this method",
            );
            let mut response = failed(&refusal, None);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response
        })
        .layer(middleware::from_fn(never_cached))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(gateway)
}

/// The issuer's path: empty, or `/…` without a slash at the end.
fn prefix(issuer: &Issuer) -> String {
    let rest = issuer.as_str().trim_start_matches("https://");
    rest.find('/')
        .and_then(|at| rest.get(at..))
        .unwrap_or_default()
        .to_owned()
}

/// Lets what changes something end even if the caller goes away: once it is stored, whoever has to know is told.
async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(error = %error, "a request did not end");
            failed(
                &Refusal::new(
                    ErrorCode::Internal,
                    "the gateway has a fault or is ending; try again",
                ),
                None,
            )
        }
    }
}

async fn never_cached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The whole body, if it is not longer than allowed.
fn body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::new(
                ErrorCode::TooLarge,
                format!("the body is longer than {MAX_BODY} bytes"),
            )
        } else {
            Refusal::new(ErrorCode::InvalidRequest, "the body did not arrive")
        }
    })
}
