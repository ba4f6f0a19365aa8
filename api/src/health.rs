//! Whether the process lives (`/healthz`) and whether it can do its work (`/readyz`).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use inkstone_deployer::Deployer;
use serde_json::json;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// How long the database and the state repo may take to answer.
const READY_TIME: Duration = Duration::from_secs(5);

/// The routes.
pub(crate) fn routes(deployer: Deployer) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "alive"}))))
        .route("/readyz", get(ready))
        .with_state(deployer)
}

async fn ready(State(deployer): State<Deployer>) -> Response {
    let state = {
        let deployer = deployer.clone();
        tokio::task::spawn_blocking(move || deployer.state().heads().map_err(|e| e.to_string()))
    };
    let (database, state_repo) = tokio::join!(
        answers("the database", deployer.store().has_keys()),
        answers("the state repo", async {
            state.await.unwrap_or_else(|error| Err(error.to_string()))
        }),
    );
    let (status, word) = if database && state_repo {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    let body = json!({"status": word, "database": database, "state_repo": state_repo});
    (status, Json(body)).into_response()
}

/// Whether `check` succeeds in time. Why not is for the log, not for whoever asks.
async fn answers<T, E: Display>(what: &str, check: impl Future<Output = Result<T, E>>) -> bool {
    match tokio::time::timeout(READY_TIME, check).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, what, "does not answer");
            false
        }
        Err(_) => {
            tracing::error!(what, "does not answer in time");
            false
        }
    }
}
