//! Which file answers which path.

use std::os::unix::fs::symlink;

use crate::running::{Running, write};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

#[test]
fn a_file_is_served_with_its_type_and_never_sniffed() {
    let site = Running::serving(&[
        ("index.html", "<h1>home</h1>"),
        ("style.css", "body{}"),
        ("app.wasm", "\0asm"),
        ("LICENSE", "free"),
    ]);
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/app.wasm", "application/wasm"),
        ("/LICENSE", "application/octet-stream"),
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    assert_eq!(site.get("/").text(), "<h1>home</h1>");
}

#[test]
fn a_head_request_says_what_a_get_would_and_sends_no_body() {
    let site = Running::serving(&[("index.html", "<h1>home</h1>")]);
    let (get, head) = (site.get("/"), site.request("HEAD /", &[]));
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some("13"));
    assert_eq!(head.etag(), get.etag());
    assert!(head.body.is_empty());
}

#[test]
fn a_page_is_found_without_its_html_suffix_and_a_directory_by_its_index() {
    let site = Running::serving(&[
        ("about.html", "about"),
        ("docs/index.html", "docs"),
        ("docs/start.html", "start"),
        ("both.html", "page"),
        ("both/index.html", "directory"),
    ]);
    assert_eq!(site.get("/about").text(), "about");
    assert_eq!(site.get("/docs/").text(), "docs");
    assert_eq!(site.get("/docs/start").text(), "start");
    assert_eq!(site.get("/both").text(), "page");
    assert_eq!(site.get("/both/").text(), "directory");
}

#[test]
fn a_path_whose_relative_links_would_break_is_redirected_and_keeps_its_query() {
    let site = Running::serving(&[
        ("docs/index.html", "docs"),
        ("about.html", "about"),
        ("a b/ü?/index.html", "odd"),
        (r"\evil.test/index.html", "odd"),
    ]);
    for (path, location) in [
        ("/docs", "/docs/"),
        ("/docs?page=2", "/docs/?page=2"),
        ("/about/", "/about"),
        ("/a%20b/%C3%BC%3F", "/a%20b/%C3%BC%3F/"),
        (r"/\evil.test", "/%5Cevil.test/"),
    ] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.header("location")), (301, Some(location)), "{path}");
    }
    assert_eq!(site.get("//evil.test/").status, 404);
}

#[test]
fn an_unknown_path_gets_the_index_where_the_browser_asks_for_a_page() {
    let site = Running::serving(&[("index.html", "app"), ("app.js", "1")]);
    for path in ["/", "/settings", "/users/42", "/users/", "/v1.2/users"] {
        let answer = site.get_with(path, &[BROWSER]);
        assert_eq!((answer.status, answer.text()), (200, "app"), "{path}");
    }
    let asset = site.get_with("/missing.js", &[BROWSER]);
    assert_eq!(asset.status, 404, "a missing script must not be answered with a page");
    let data = site.get_with("/api/users", &["Accept: application/json"]);
    assert_eq!(data.status, 404);
    assert_eq!(data.header("vary"), Some("Accept"), "a cache must not give one for the other");
}

#[test]
fn a_not_found_page_of_the_site_wins_over_the_index() {
    let site = Running::serving(&[("index.html", "home"), ("404.html", "lost")]);
    for path in ["/settings", "/missing.js"] {
        let answer = site.get_with(path, &[BROWSER, "Range: bytes=0-0"]);
        assert_eq!((answer.status, answer.text()), (404, "lost"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    assert_eq!(site.get("/").text(), "home");
}

#[test]
fn a_site_without_index_or_not_found_page_answers_404() {
    let site = Running::serving(&[("a/file.txt", "text")]);
    for path in ["/", "/a", "/a/", "/nothing"] {
        assert_eq!(site.get_with(path, &[BROWSER]).status, 404, "{path}");
    }
}

#[test]
fn nothing_outside_the_directory_is_ever_served() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.txt", b"secret");
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "file.txt", b"public");
    symlink(outside.path(), directory.path().join("linked")).unwrap();
    symlink(outside.path().join("secret.txt"), directory.path().join("secret.txt")).unwrap();
    let name = outside.path().file_name().unwrap().to_str().unwrap().to_owned();
    let site = Running::over(directory);
    for path in [
        format!("/../{name}/secret.txt"),
        format!("/..%2f{name}%2fsecret.txt"),
        format!("/%2e%2e/{name}/secret.txt"),
        format!("/a/../../{name}/secret.txt"),
        format!("/{}/secret.txt", outside.path().display()),
        "/linked/secret.txt".to_owned(),
        "/secret.txt".to_owned(),
        "/file.txt%00.html".to_owned(),
        "/./file.txt".to_owned(),
        "//file.txt".to_owned(),
        r"/..\file.txt".to_owned(),
    ] {
        let answer = site.get(&path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
}

#[test]
fn hidden_files_are_not_served_except_the_well_known_directory() {
    let site = Running::serving(&[
        ("index.html", "app"),
        (".env", "TOKEN=1"),
        (".git/config", "[core]"),
        ("docs/.htpasswd", "root"),
        ("docs/.well-known/file", "not here"),
        (".well-known/security.txt", "Contact: mailto:a@site.test"),
        (".well-known/.env", "TOKEN=1"),
    ]);
    for path in [
        "/.env",
        "/.git/config",
        "/%2Eenv",
        "/docs/.htpasswd",
        "/docs/.well-known/file",
        "/.well-known/.env",
    ] {
        assert_eq!(site.get_with(path, &[BROWSER]).status, 404, "{path}");
    }
    assert_eq!(site.get("/.well-known/security.txt").status, 200);
}

#[test]
fn a_method_that_changes_something_is_refused_with_those_that_do_not() {
    let site = Running::serving(&[("index.html", "home")]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = site.request(&format!("{method} /"), &["Content-Length: 0"]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}
