//! Encodings, caching, conditional requests and ranges.

use std::fs::File;
use std::time::SystemTime;

use crate::running::{Running, write};

const SCRIPT: &str = "console.log('a long script that compresses well')";

fn site_with_compressed_script() -> Running {
    Running::serving(&[
        ("app.js", SCRIPT),
        ("app.js.br", "brotli bytes"),
        ("app.js.gz", "gzip bytes"),
        ("plain.js", "1"),
    ])
}

#[test]
fn a_compressed_file_beside_the_plain_one_is_sent_to_those_who_accept_it() {
    let site = site_with_compressed_script();
    for (accept, encoding, body) in [
        ("Accept-Encoding: gzip, br", Some("br"), "brotli bytes"),
        ("Accept-Encoding: gzip", Some("gzip"), "gzip bytes"),
        ("Accept-Encoding: br;q=0, gzip;q=0.1", Some("gzip"), "gzip bytes"),
        ("Accept-Encoding: zstd", None, SCRIPT),
        ("X-Nothing: 1", None, SCRIPT),
    ] {
        let answer = site.get_with("/app.js", &[accept]);
        assert_eq!(answer.header("content-encoding"), encoding, "{accept}");
        assert_eq!(answer.text(), body, "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accept}");
        assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    }
    assert_eq!(site.get("/plain.js").header("vary"), None);
}

#[test]
fn each_encoding_has_an_entity_tag_of_its_own() {
    let site = site_with_compressed_script();
    let tag = |accept| site.get_with("/app.js", &[accept]).etag().to_owned();
    let tags = [
        tag("Accept-Encoding: br"),
        tag("Accept-Encoding: gzip"),
        tag("Accept-Encoding: identity"),
    ];
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");

    let revalidate = |accept| {
        let condition = format!("If-None-Match: {}", tags[0]);
        site.get_with("/app.js", &[accept, &condition]).status
    };
    assert_eq!(revalidate("Accept-Encoding: br"), 304);
    assert_eq!(revalidate("Accept-Encoding: gzip"), 200, "that client holds the other encoding");
}

#[test]
fn a_changed_file_with_the_same_time_is_sent_again() {
    let served = |content: &str| {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "index.html", content.as_bytes());
        let file = File::options().write(true).open(directory.path().join("index.html")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        Running::over(directory)
    };
    let (before, after) = (served("version 1"), served("version 2"));
    let old = before.get("/");
    assert_eq!(old.header("last-modified"), None, "a time that never changes misleads clients");
    let condition = format!("If-None-Match: {}", old.etag());
    let since = "If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT";

    assert_eq!(before.get_with("/", &[&condition, since]).status, 304);
    assert_eq!(after.get_with("/", &[&condition, since]).text(), "version 2");
    assert_eq!(after.get_with("/", &[since]).text(), "version 2");
}

#[test]
fn a_304_repeats_what_a_cache_needs_and_has_no_body() {
    let site = site_with_compressed_script();
    let accept = "Accept-Encoding: br";
    let full = site.get_with("/app.js", &[accept]);
    let tag = full.etag();
    for condition in [
        format!("If-None-Match: {tag}"),
        format!("If-None-Match: W/{tag}"),
        format!("If-None-Match: \"other\", {tag}"),
        "If-None-Match: *".to_owned(),
    ] {
        let answer = site.get_with("/app.js", &[accept, &condition]);
        assert_eq!(answer.status, 304, "{condition}");
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(answer.header(name), full.header(name), "{condition}: {name}");
        }
        assert_eq!(answer.header("content-encoding"), None);
    }
    assert_eq!(site.get_with("/app.js", &["If-None-Match: \"other\""]).status, 200);
    assert_eq!(site.get_with("/missing.js", &["If-None-Match: *"]).status, 404);
}

#[test]
fn if_match_fails_for_another_version_and_for_a_weak_tag() {
    let site = Running::serving(&[("file.txt", "0123456789")]);
    let tag = site.get("/file.txt").etag().to_owned();
    for (condition, status) in [
        (format!("If-Match: {tag}"), 200),
        ("If-Match: *".to_owned(), 200),
        (format!("If-Match: \"other\", {tag}"), 200),
        ("If-Match: \"other\"".to_owned(), 412),
        (format!("If-Match: W/{tag}"), 412),
    ] {
        assert_eq!(site.get_with("/file.txt", &[&condition]).status, status, "{condition}");
    }
    let since = "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(site.get_with("/file.txt", &[since]).status, 200, "there is no date to compare");
}

#[test]
fn one_range_of_bytes_is_sent_as_partial_content() {
    let site = Running::serving(&[("file.txt", "0123456789")]);
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-999", "89", "bytes 8-9/10"),
        ("bytes=-999", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = site.get_with("/file.txt", &[&format!("Range: {range}")]);
        assert_eq!((answer.status, answer.text()), (206, body), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range), "{range}");
        assert_eq!(answer.etag(), site.get("/file.txt").etag());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_eq!(site.get("/file.txt").header("accept-ranges"), Some("bytes"));
}

#[test]
fn a_range_that_cannot_be_met_is_refused_with_the_size() {
    let site = Running::serving(&[("file.txt", "0123456789"), ("empty.txt", "")]);
    for (path, range, size) in [
        ("/file.txt", "bytes=10-", "bytes */10"),
        ("/file.txt", "bytes=99999999999999999999-", "bytes */10"),
        ("/file.txt", "bytes=-0", "bytes */10"),
        ("/empty.txt", "bytes=0-0", "bytes */0"),
    ] {
        let answer = site.get_with(path, &[&format!("Range: {range}")]);
        assert_eq!((answer.status, answer.header("content-range")), (416, Some(size)), "{range}");
    }
}

#[test]
fn a_range_that_may_be_ignored_is_answered_with_the_whole() {
    let site = Running::serving(&[("file.txt", "0123456789")]);
    for range in ["lines=1-2", "bytes=0-1,4-5", "bytes=5-2", "bytes=-", "bytes=a-b", "nonsense"] {
        let answer = site.get_with("/file.txt", &[&format!("Range: {range}")]);
        assert_eq!((answer.status, answer.text()), (200, "0123456789"), "{range}");
    }
    assert_eq!(site.request("HEAD /file.txt", &["Range: bytes=0-1"]).status, 200);
}

#[test]
fn an_interrupted_download_goes_on_only_with_the_same_version() {
    let site = Running::serving(&[("file.txt", "0123456789")]);
    let tag = site.get("/file.txt").etag().to_owned();
    for (condition, status) in [
        (format!("If-Range: {tag}"), 206),
        ("If-Range: \"other\"".to_owned(), 200),
        (format!("If-Range: W/{tag}"), 200),
        ("If-Range: Thu, 01 Jan 1970 00:00:00 GMT".to_owned(), 200),
        ("If-Range: nonsense".to_owned(), 200),
    ] {
        let answer = site.get_with("/file.txt", &["Range: bytes=5-", &condition]);
        assert_eq!(answer.status, status, "{condition}");
    }
}

#[test]
fn a_range_of_a_compressed_file_counts_the_compressed_bytes() {
    let site = site_with_compressed_script();
    let answer = site.get_with("/app.js", &["Accept-Encoding: gzip", "Range: bytes=0-3"]);
    assert_eq!((answer.status, answer.text()), (206, "gzip"));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-range"), Some("bytes 0-3/10"));
}

#[test]
fn a_fingerprinted_file_is_kept_for_a_year_and_a_page_is_revalidated() {
    let site = Running::serving(&[
        ("index.html", "home"),
        ("app.3f2c1ab9.js", "1"),
        ("assets/index-BX3kq9Zr.css", "a{}"),
        ("logo.png", "png"),
    ]);
    let year = "public, max-age=31536000, immutable";
    for (path, policy) in [
        ("/", "no-cache"),
        ("/deep/link", "no-cache"),
        ("/logo.png", "no-cache"),
        ("/app.3f2c1ab9.js", year),
        ("/assets/index-BX3kq9Zr.css", year),
        ("/app.00000000.js", "no-cache"),
    ] {
        assert_eq!(site.get(path).header("cache-control"), Some(policy), "{path}");
    }
}
