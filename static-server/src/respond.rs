//! From a request to its response.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use headers::{ETag, HeaderMapExt as _};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use tower_http::services::ServeFile;
use tower_http::services::fs::ServeFileSystemResponseBody;

use crate::accept;
use crate::cache::REVALIDATE;
use crate::conditional::{self, Extent, Verdict};
use crate::route::{Route, route};
use crate::site::{Asset, Identity, Representation, Site};

/// Text that is at hand, or a file that is streamed.
pub(crate) type Body = Either<Full<Bytes>, ServeFileSystemResponseBody>;

/// Answers one request.
pub(crate) async fn respond<B>(site: Arc<Site>, request: Request<B>) -> Response<Body> {
    let mut response = answer(&site, &request).await;
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn answer<B>(site: &Site, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response =
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let file = match route(site, request.uri().path()) {
        Route::Found(asset) => found(request, asset).await,
        Route::Moved(path) => Ok(moved(&path, request.uri().query())),
        Route::Application(index) => application(request, index).await,
        Route::NotFoundPage(page) => not_found_page(request, page).await,
        Route::NotFound => Ok(not_found()),
    };
    file.unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "cannot read this file"))
}

async fn found<B>(request: &Request<B>, asset: &Asset) -> io::Result<Response<Body>> {
    let encoding = accept::encoding(request.headers(), asset.encodings());
    let representation = asset.representation(encoding);
    let Identity { etag, length } = representation.identity().await?;
    let headers = request.headers();
    let mut response = match conditional::judge(headers, etag) {
        Verdict::Failed => {
            return Ok(text(StatusCode::PRECONDITION_FAILED, "this is not the version asked for"));
        }
        Verdict::NotModified => empty(StatusCode::NOT_MODIFIED),
        Verdict::Send => match conditional::extent(request.method(), headers, etag, *length) {
            Extent::Beyond => return Ok(beyond(*length)),
            extent => {
                let mut response = read(representation, request.method(), &extent).await?;
                describe(response.headers_mut(), asset, encoding);
                response
            }
        },
    };
    revalidation(response.headers_mut(), asset, etag);
    Ok(response)
}

/// What a 200, a 206 and a 304 all say (section 15.4.5).
fn revalidation(headers: &mut HeaderMap, asset: &Asset, etag: &ETag) {
    headers.typed_insert(etag.clone());
    headers.insert(header::CACHE_CONTROL, asset.cache_control.clone());
    if asset.encodings().next().is_some() {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

fn describe(headers: &mut HeaderMap, asset: &Asset, encoding: Option<accept::Encoding>) {
    headers.insert(header::CONTENT_TYPE, asset.content_type.clone());
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
}

/// The bytes of a file, or a part of them. The date that the library adds goes: it is the same in
/// every image, so a client that trusted it would keep a page that has changed.
async fn read(
    representation: &Representation,
    method: &Method,
    extent: &Extent,
) -> io::Result<Response<Body>> {
    let mut request = Request::new(Full::<Bytes>::default());
    *request.method_mut() = method.clone();
    if let Extent::Part { first, last } = extent {
        let range = HeaderValue::try_from(format!("bytes={first}-{last}"));
        request.headers_mut().insert(header::RANGE, range.map_err(io::Error::other)?);
    }
    let mut response = ServeFile::new(&representation.path).try_call(request).await?;
    response.headers_mut().remove(header::LAST_MODIFIED);
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response.map(Either::Right)),
        status => Err(io::Error::other(format!("reading the file answered {status}"))),
    }
}

fn beyond(length: u64) -> Response<Body> {
    let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "the file ends before this range");
    if let Ok(size) = HeaderValue::try_from(format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, size);
    }
    response
}

/// The index, for a path that a single-page application routes. Only those that accept HTML get it.
async fn application<B>(request: &Request<B>, index: &Asset) -> io::Result<Response<Body>> {
    let mut response =
        if accept::html(request.headers()) { found(request, index).await? } else { not_found() };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

async fn not_found_page<B>(request: &Request<B>, page: &Asset) -> io::Result<Response<Body>> {
    let encoding = accept::encoding(request.headers(), page.encodings());
    let mut response =
        read(page.representation(encoding), request.method(), &Extent::Whole).await?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.remove(header::ACCEPT_RANGES);
    describe(headers, page, encoding);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
    if page.encodings().next().is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    Ok(response)
}

fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "nothing is here")
}

fn moved(path: &str, query: Option<&str>) -> Response<Body> {
    let target = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
    let Ok(location) = HeaderValue::try_from(target) else { return not_found() };
    let mut response = text(StatusCode::MOVED_PERMANENTLY, "this page has moved");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
