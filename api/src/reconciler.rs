//! `/reconciler/`: what a reconciler that runs elsewhere asks for and tells.

use crate::auth::authenticate;
use crate::deadline::in_time;
use crate::identity::Identity;
use crate::problem::problem;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Query, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use inkstone_deployer::{Deployer, Refusal};
use inkstone_spec::{CommitId, ProjectRef, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The largest report, in bytes.
const MAX_REPORT_BYTES: usize = 1024 * 1024;
/// As what a reconciler calls.
const TOOL: &str = "inkstone reconcile";

/// Where `live` was when the caller last heard of it.
#[derive(Deserialize)]
struct After {
    after: Option<CommitId>,
}

/// Where `live` is.
#[derive(Serialize)]
struct Live {
    commit: CommitId,
}

/// What is wrong with the environments of a project's services; all others are well.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    /// `workspace/project`.
    project: String,
    problems: BTreeMap<ServiceName, String>,
}

/// The routes: `GET /reconciler/live?after=COMMIT` answers when `live` is elsewhere, or after 25 seconds;
/// `POST /reconciler/report` takes what could not be done.
pub(crate) fn routes(deployer: Deployer) -> Router {
    Router::new()
        .route("/reconciler/live", get(live))
        .route("/reconciler/report", post(report))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .route_layer(from_fn_with_state(deployer.clone(), authenticate))
        .route_layer(from_fn(in_time))
        .with_state(deployer)
}

async fn live(
    State(deployer): State<Deployer>,
    Extension(identity): Extension<Identity>,
    after: Result<Query<After>, QueryRejection>,
) -> Response {
    let after = match after {
        Ok(Query(After { after })) => after,
        Err(rejection) => return malformed(&rejection.body_text()),
    };
    match deployer.live_after(&identity.caller(TOOL), after.as_ref()).await {
        Ok(commit) => Json(Live { commit }).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

async fn report(
    State(deployer): State<Deployer>,
    Extension(identity): Extension<Identity>,
    report: Request,
) -> Response {
    let caller = identity.caller(TOOL);
    // Before anything of it is read.
    if let Err(refusal) = deployer.may_report(&caller) {
        return refused(&refusal);
    }
    let Report { project, problems } = match Json::from_request(report, &()).await {
        Ok(Json(report)) => report,
        Err(rejection) => return malformed(&rejection.body_text()),
    };
    let project: ProjectRef = match project.parse() {
        Ok(project) => project,
        Err(invalid) => return refused(&Refusal::from(invalid)),
    };
    match deployer.reconciled(&caller, &project, problems) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn malformed(why: &str) -> Response {
    let suggestion = "Use an inkstone reconcile of the server's version.";
    refused(&Refusal::new(
        "invalid_argument",
        format!("This is no message of a reconciler: {why}."),
        suggestion,
    ))
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        "internal" => StatusCode::INTERNAL_SERVER_ERROR,
        "invalid_argument" => StatusCode::BAD_REQUEST,
        "not_found" => StatusCode::NOT_FOUND,
        _ => StatusCode::FORBIDDEN,
    };
    problem(status, refusal)
}
