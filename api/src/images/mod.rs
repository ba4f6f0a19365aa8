//! `/v2/`: the pull half of the OCI distribution API (distribution-spec 1.1), by digest only.
//!
//! Nodes pull what was deployed, and that is always a digest: there are no tags, no lists and no
//! uploads. Files go from the disk to the socket in pieces; no image is ever in memory.

mod door;
mod problem;
mod turns;
mod wanted;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::any;
use door::Login;
use futures_util::{StreamExt as _, stream};
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use inkstone_deployer::{Deployer, ImageFile, ImagePart};
use inkstone_spec::Digest;
use problem::Problem;
use std::time::Duration;
use tokio::sync::mpsc;
use tower_http::services::ServeFile;
use turns::{Turn, Turns};
use wanted::Wanted;

/// How long a client may take for one piece of a file.
const PIECE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long one file may take. Who is cut off goes on where it was, with a range.
const FILE_TIMEOUT: Duration = Duration::from_mins(30);
/// How many pieces wait for the client.
const PIECES: usize = 2;

/// What the API says that it is (docker's registry API, which clients look for).
const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("docker-distribution-api-version"),
    HeaderValue::from_static("registry/2.0"),
);
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="inkstone""#);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// A digest never means anything else; only who has the credential may keep it.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What every pull shares.
#[derive(Clone)]
struct Images {
    deployer: Deployer,
    turns: Turns,
}

/// The routes.
pub(crate) fn routes(deployer: Deployer) -> Router {
    Router::new()
        .route("/v2/", any(answer))
        .route("/v2/{*path}", any(answer))
        .with_state(Images { deployer, turns: Turns::new() })
}

async fn answer(
    State(images): State<Images>,
    path: Option<Path<String>>,
    request: Request,
) -> Response {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    let mut response = images.pull(&path, request).await.unwrap_or_else(Problem::response);
    let (name, value) = VERSION;
    response.headers_mut().insert(name, value);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, METHODS);
    }
    response
}

impl Images {
    async fn pull(&self, path: &str, request: Request) -> Result<Response, Problem> {
        let login = Login::from_headers(request.headers())?;
        let puller = self
            .deployer
            .puller(&login.user, &login.password)
            .await
            .map_err(|refusal| Problem::refused(&refusal))?
            .ok_or(Problem::Unauthorized)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::ReadOnly);
        }
        if !self.deployer.keeps_images() {
            return Err(Problem::KeptElsewhere);
        }
        if path.is_empty() {
            let mut response = Response::new(Body::from("{}"));
            response.headers_mut().insert(CONTENT_TYPE, JSON);
            return Ok(response);
        }
        let Wanted { service, part, digest } = path.parse()?;
        let turn = self.turns.enter(&service.workspace).await.ok_or(Problem::Busy)?;
        let file = self
            .deployer
            .image_file(&puller, &service, part, &digest)
            .await
            .map_err(|refusal| Problem::refused(&refusal))?
            .ok_or(Problem::Unknown(part))?;
        send(file, part, &digest, request, turn).await
    }
}

/// The file, or the part of it that the request asks for.
async fn send(
    file: ImageFile,
    part: ImagePart,
    digest: &Digest,
    mut request: Request,
    turn: Turn,
) -> Result<Response, Problem> {
    let tag = format!("\"{digest}\"");
    let headers = request.headers_mut();
    let has_it = lists(headers, &IF_NONE_MATCH, &tag);
    // A part of something else is of no use (RFC 9110, 13.1.5).
    if part == ImagePart::Manifest
        || headers.get(IF_RANGE).is_some_and(|it| it.as_bytes() != tag.as_bytes())
    {
        headers.remove(RANGE);
    }
    let mut response = if has_it {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let found = ServeFile::new(&file.path).try_call(request).await;
        let found = found.map_err(|error| Problem::unreadable(&file, &error))?;
        if found.status() == StatusCode::NOT_FOUND {
            return Err(Problem::Unknown(part));
        }
        found.map(|content| in_turn(Body::new(content), turn))
    };
    let header = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::Unknown(part));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, header(&file.media_type)?);
    headers.insert(CONTENT_DIGEST, header(digest.as_str())?);
    headers.insert(ETAG, header(&tag)?);
    headers.insert(CACHE_CONTROL, FOREVER);
    if part == ImagePart::Manifest {
        headers.remove(ACCEPT_RANGES);
    }
    Ok(response)
}

/// Whether a header with a list of entity tags has this one.
fn lists(headers: &HeaderMap, name: &HeaderName, tag: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|listed| listed.trim().trim_start_matches("W/"))
        .any(|listed| listed == tag || listed == "*")
}

/// Hands a body on piece by piece. The turn ends with the last one, or when the client takes too long:
/// nobody keeps others waiting by being slow.
fn in_turn(content: Body, turn: Turn) -> Body {
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let mut content = content.into_data_stream();
        let send = async {
            while let Some(piece) = content.next().await {
                match tokio::time::timeout(PIECE_TIMEOUT, sender.send(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => break,
                }
            }
        };
        let _ = tokio::time::timeout(FILE_TIMEOUT, send).await;
        drop(turn);
    });
    Body::from_stream(stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (piece, pieces))
    }))
}
