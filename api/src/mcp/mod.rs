//! MCP over Streamable HTTP (<https://modelcontextprotocol.io/specification>), without sessions.

mod answer;
mod body;
mod server;

use crate::ApiConfig;
use crate::auth::authenticate;
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
use std::time::Duration;

/// How long one request may take, its body included.
const REQUEST_TIME: Duration = Duration::from_mins(1);
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

/// Ends requests that never end. What changes something runs on: it is a task of its own.
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_TIME, next.run(request)).await.unwrap_or_else(|_| {
        let refusal = Refusal::new(
            "timeout",
            format!("The request took longer than {} seconds.", REQUEST_TIME.as_secs()),
            "What it started may still be done: look with get_service before trying again.",
        );
        problem(StatusCode::GATEWAY_TIMEOUT, &refusal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_ended() {
        let router = Router::new()
            .route("/", get(std::future::pending::<StatusCode>))
            .route_layer(from_fn(in_time));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    }
}
