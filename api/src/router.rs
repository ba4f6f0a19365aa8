//! The routes, and what stands in front of all of them.

use crate::metrics::Metrics;
use crate::observe::observe;
use crate::problem::problem;
use crate::{ApiConfig, health, images, mcp, metrics, reconciler, schemas};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use http::StatusCode;
use inkstone_deployer::{Deployer, Refusal};
use std::sync::Arc;

/// The whole HTTP surface: `/mcp`, `/v2/`, `/reconciler/`, `/schemas/<file>`, `/healthz`, `/readyz`, `/metrics`, and the routes
/// of `beside` (the git server), which get the same request ids, log and metrics.
pub fn router(deployer: Deployer, config: &ApiConfig, beside: Router) -> Router {
    let counted = Arc::new(Metrics::new());
    Router::new()
        .merge(mcp::routes(deployer.clone(), config, Arc::clone(&counted)))
        .merge(images::routes(deployer.clone()))
        .merge(reconciler::routes(deployer.clone()))
        .merge(schemas::routes())
        .merge(health::routes(deployer.clone()))
        .merge(metrics::routes(deployer, Arc::clone(&counted)))
        .merge(beside)
        .fallback(nothing_here)
        .layer(from_fn_with_state(counted, observe))
}

async fn nothing_here() -> Response {
    let refusal = Refusal::new(
        "not_found",
        "There is nothing at this path.",
        "MCP is at /mcp, source repositories at /git/<workspace>/<repo>.git, the state repo at /state.git, images at /v2/.",
    );
    problem(StatusCode::NOT_FOUND, &refusal)
}
