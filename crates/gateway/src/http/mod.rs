//! The HTTP interfaces: what devices call (protocol section 5) and what relying sides call (section 9).

use std::sync::Arc;

use axum::Router;

use crate::service::Gateway;

/// Everything but `/metrics` and `/openapi.json`.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().with_state(gateway)
}
