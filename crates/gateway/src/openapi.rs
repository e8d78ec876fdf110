//! The schema of the HTTP interfaces, at `/openapi.json`.

use axum::{Json, Router, routing::get};
use utoipa::OpenApi;

/// The document. Operations and types are described where they are.
#[derive(Debug, OpenApi)]
#[openapi(info(
    title = "Countersign gateway",
    description = "Ask people on their own computers to approve what matters, and get a signed answer."
))]
pub struct Document;

/// Serves the document.
pub fn router() -> Router {
    Router::new().route("/openapi.json", get(async || Json(Document::openapi())))
}
