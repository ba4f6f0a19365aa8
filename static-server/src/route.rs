//! Which file answers a URL path. Pure: a path and the table of the site, nothing else.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use crate::site::{Asset, Site};

const INDEX: &str = "index.html";
const NOT_FOUND: &str = "404.html";

/// What is escaped in a redirect's path: everything that is not plainly a path (RFC 3986,
/// section 3.3), and the backslash, which browsers read as a slash.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What answers a path.
#[derive(Debug)]
pub(crate) enum Route<'site> {
    /// The file itself, a directory's index, or a page asked for without its `.html`.
    Found(&'site Asset),
    /// The page is at this path.
    Moved(String),
    /// Nothing is here; a client that accepts HTML gets the index, whose script does the routing.
    Application(&'site Asset),
    /// Nothing is here; this page says so.
    NotFoundPage(&'site Asset),
    /// Nothing is here.
    NotFound,
}

/// Finds what answers a percent-encoded path, as hosts of static sites do: the exact file, the
/// index of a directory, `page.html` for `/page`, a redirect to where relative links work, and else
/// `404.html` or, without one, the index of a single-page application.
pub(crate) fn route<'site>(site: &'site Site, path: &str) -> Route<'site> {
    let Some(path) = path.strip_prefix('/') else { return Route::NotFound };
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let at = |suffix: &str| site.get(&[&decoded, suffix.as_bytes()].concat());
    let is_directory = decoded.is_empty() || decoded.ends_with(b"/");

    let found = if is_directory { at(INDEX) } else { at("").or_else(|| at(".html")) };
    if let Some(asset) = found {
        return Route::Found(asset);
    }
    if let Some(page) = decoded.strip_suffix(b"/") {
        if site.get(&[page, b".html"].concat()).is_some() {
            return Route::Moved(absolute(page));
        }
    } else if at("/index.html").is_some() {
        return Route::Moved(absolute(&[&decoded, b"/".as_slice()].concat()));
    }
    if let Some(page) = site.get(NOT_FOUND.as_bytes()) {
        return Route::NotFoundPage(page);
    }
    match site.get(INDEX.as_bytes()) {
        Some(index) if is_application_path(&decoded) => Route::Application(index),
        _ => Route::NotFound,
    }
}

/// Whether a path may be one that a single-page application routes: no file name at its end, and
/// nothing hidden or upward on the way, so that a scanner for `/.git/config` is told the truth.
fn is_application_path(path: &[u8]) -> bool {
    let mut names = path.rsplit(|byte| *byte == b'/');
    names.next().is_some_and(|last| !last.contains(&b'.'))
        && names.all(|name| !name.starts_with(b"."))
}

fn absolute(path: &[u8]) -> String {
    format!("/{}", percent_encode(path, PATH))
}
