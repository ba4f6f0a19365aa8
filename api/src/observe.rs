//! What is seen of every request: its id, its span, its line in the log, its place in the metrics.

use crate::RequestId;
use crate::metrics::Metrics;
use crate::request_id::HEADER;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use inkstone_deployer::in_request;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument as _;

/// The route of requests that match none.
const NO_ROUTE: &str = "none";

/// Gives the request its id and watches it to its end.
pub(crate) async fn observe(
    State(metrics): State<Arc<Metrics>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
    let route = route.to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let work = in_request(id.to_string(), next.run(request));
    let mut response = work.instrument(span.clone()).await;
    if let Some(value) = id.header_value() {
        response.headers_mut().insert(HEADER, value);
    }
    let (status, took) = (response.status(), started.elapsed());
    span.in_scope(|| tracing::debug!(status = status.as_u16(), ?took, "answered"));
    metrics.request(route, status);
    response
}
