//! Ends requests that take too long.

use crate::problem::problem;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use inkstone_deployer::Refusal;
use std::time::Duration;

/// How long one request may take, its body included.
const REQUEST_TIME: Duration = Duration::from_mins(1);

/// Ends requests that never end. What changes something runs on: it is a task of its own.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
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
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
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
