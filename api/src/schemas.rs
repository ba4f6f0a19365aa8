//! The JSON Schemas of the intent files, for editors: `GET /schemas/<file>`.

use crate::problem::problem;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use inkstone_deployer::Refusal;
use inkstone_spec::schema::{Published, all};
use std::sync::Arc;

/// How long an editor may keep a schema: they change with the server's version only.
const CACHE: &str = "public, max-age=3600";

/// The route.
pub(crate) fn routes() -> Router {
    let published: Arc<[Published]> = all().into();
    Router::new().route(
        "/schemas/{file}",
        get(move |Path(file): Path<String>| async move { schema(&published, &file) }),
    )
}

fn schema(published: &[Published], file: &str) -> Response {
    if let Some(schema) = published.iter().find(|schema| schema.file == file) {
        let headers = [(CONTENT_TYPE, "application/schema+json"), (CACHE_CONTROL, CACHE)];
        return (headers, schema.text.clone()).into_response();
    }
    let files: Vec<_> = published.iter().map(|schema| schema.file).collect();
    let refusal = Refusal::new(
        "not_found",
        "There is no such schema.",
        format!("Use one of {}.", files.join(", ")),
    );
    problem(StatusCode::NOT_FOUND, &refusal)
}
