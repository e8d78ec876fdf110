//! Whether the gateway lives, and whether it can work.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{reply::answer, schema::Failure};
use crate::service::{Gateway, ServiceError};

/// How the gateway is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// The store can be written.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, description = "The store cannot be written.", body = Failure),
))]
pub(crate) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let ready = gateway
        .store()
        .ready()
        .await
        .map(|()| Health { status: "ok" })
        .map_err(ServiceError::Store);
    answer(StatusCode::OK, ready, None)
}
