//! MCP over Streamable HTTP (<https://modelcontextprotocol.io/specification>), without sessions.

mod answer;
mod body;
mod server;

use crate::ApiConfig;
use crate::auth::authenticate;
use crate::deadline::in_time;
use crate::metrics::Metrics;
use crate::problem::problem;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use body::{Bodies, bounded};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use inkstone_deployer::{Deployer, Refusal};
use inkstone_spec::printable;
use rmcp::model::ErrorCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use server::Server;
use std::sync::Arc;

/// What every message is written in.
const JSON: &str = "application/json";

/// The route. Who asks is settled before a body is read; the library then checks `Host` and `Origin`.
pub(crate) fn routes(deployer: Deployer, config: &ApiConfig, metrics: Arc<Metrics>) -> Router {
    let server = Server::new(deployer.clone(), config, metrics);
    let settings = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(config.max_body_bytes)
        .with_allowed_hosts(config.allowed_hosts.iter().cloned())
        .with_allowed_origins(config.allowed_origins.iter().cloned())
        .enforce_origin_validation();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        settings,
    );
    Router::new()
        .route_service("/mcp", service)
        .route_layer(from_fn_with_state(Bodies::new(config.max_body_bytes), bounded))
        .route_layer(from_fn(in_words))
        .route_layer(from_fn(in_time))
        .route_layer(from_fn_with_state(deployer, authenticate))
}

/// Says what the library refuses a whole request for, and what to do about it.
async fn in_words(request: Request, next: Next) -> Response {
    let (is_json, called) = {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let origin = header(ORIGIN).map(|origin| format!(" for a page of {origin}"));
        let host = header(HOST).unwrap_or_default();
        let is_json = header(CONTENT_TYPE).is_some_and(|value| value.starts_with(JSON));
        (is_json, printable(&format!("{host}{}", origin.unwrap_or_default())))
    };
    let response = next.run(request).await;
    match response.status() {
        StatusCode::FORBIDDEN => {
            let refusal = Refusal::new(
                "address_refused",
                format!("This server is not called {called}."),
                "Call it by its public URL, or start `inkstone serve` with --public-url (INKSTONE_PUBLIC_URL) set to the address that clients use.",
            );
            problem(StatusCode::FORBIDDEN, &refusal)
        }
        // The library answers so to bodies that it cannot read.
        StatusCode::UNSUPPORTED_MEDIA_TYPE if is_json => {
            let error = json!({
                "code": ErrorCode::PARSE_ERROR.0,
                "message": "The body is not one JSON-RPC message.",
            });
            let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        _ => response,
    }
}
