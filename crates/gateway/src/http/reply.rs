//! Answers: values as JSON, and errors as [`ErrorBody`].

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use countersign_protocol::{ErrorBody, ErrorCode, Timestamp};
use serde::Serialize;

use crate::service::{Refusal, ServiceError, ServiceResult};

/// A value, or why not. `time` is issuer time, for devices.
pub(super) fn answer<T: Serialize>(
    status: StatusCode,
    result: ServiceResult<T>,
    time: Option<Timestamp>,
) -> Response {
    match result {
        Ok(value) => (status, Json(value)).into_response(),
        Err(error) => failure(&error, time),
    }
}

/// Why not.
pub(super) fn failure(error: &ServiceError, time: Option<Timestamp>) -> Response {
    failed(&refusal(error), time)
}

/// What the caller is told about an error. Faults of the gateway's own are in its log and nowhere else.
pub(super) fn refusal(error: &ServiceError) -> Refusal {
    match error {
        ServiceError::Refused(refusal) => refusal.clone(),
        ServiceError::Store(_) | ServiceError::Random(_) | ServiceError::Sign(_) => {
            let code = error.code();
            tracing::error!(code = %code, error = %error, "a request failed");
            let message = if code == ErrorCode::Unavailable {
                "the gateway cannot store anything at the moment; try again"
            } else {
                "the gateway has a fault; its log says more under this request's id"
            };
            Refusal::new(code, message)
        }
    }
}

/// A refusal as a response.
pub(super) fn failed(refusal: &Refusal, time: Option<Timestamp>) -> Response {
    let body = ErrorBody {
        error: refusal.code,
        message: refusal.message.clone(),
        time,
        attempts_left: refusal.attempts_left,
        receipt: refusal.receipt.clone(),
    };
    let status =
        StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 section 11.6.1 wants a challenge with every 401.
        let scheme = if time.is_some() {
            "Countersign-Proof"
        } else {
            "Bearer"
        };
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
