//! Errors outside MCP: the same three parts as a tool error has, as JSON.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use inkstone_deployer::Refusal;
use serde_json::json;

/// A response with `{code, message, suggestion}`.
pub(crate) fn problem(status: StatusCode, refusal: &Refusal) -> Response {
    let body = json!({
        "code": refusal.code,
        "message": refusal.message,
        "suggestion": refusal.suggestion,
    });
    (status, Json(body)).into_response()
}
