//! What goes over the wire.

use crate::support::{Client, Server, WRITER, authorization};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use std::fmt::Write as _;
use std::io::Write as _;
use tower::ServiceExt as _;

async fn get(server: &Server, path: &str, protocol: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::get(path).header("authorization", authorization(WRITER));
    if let Some(protocol) = protocol {
        request = request.header("git-protocol", protocol);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = server.app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn post(
    server: &Server,
    service: &str,
    encoding: &str,
    body: impl Into<Body>,
) -> (StatusCode, String) {
    let request = Request::post(format!("/git/main/site.git/{service}"))
        .header("authorization", authorization(WRITER))
        .header("content-type", format!("application/x-{service}-request"))
        .header("content-encoding", encoding)
        .body(body.into())
        .unwrap();
    let response = server.app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await;
    let body = body.unwrap_or_else(|_| "(cut off)".into());
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn protocol_v2_is_spoken_when_asked_for() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    client.ok(&dir, &["push", "-q", &site, "main"]).await;

    let mut command = client.command(&dir, &["-c", "protocol.version=2", "ls-remote", &site]);
    let output = command.env("GIT_TRACE_PACKET", "1").output().await.unwrap();
    let trace = crate::support::stderr(&output);
    assert!(trace.contains("git< version 2"), "{trace}");
    assert!(trace.contains("command=ls-refs"), "{trace}");

    let listing = "/git/main/site.git/info/refs?service=git-upload-pack";
    let (_, v2) = get(&server, listing, Some("version=2")).await;
    assert!(v2.starts_with("000eversion 2\n"), "{v2}");
    let (_, v0) = get(&server, listing, None).await;
    assert!(v0.starts_with("001e# service=git-upload-pack\n0000"), "{v0}");
    let (_, push) =
        get(&server, "/state.git/info/refs?service=git-receive-pack", Some("version=2")).await;
    assert!(push.starts_with("001f# service=git-receive-pack\n0000"), "{push}");

    for version in ["0", "1", "2"] {
        let back = format!("back{version}");
        let protocol = format!("protocol.version={version}");
        client.ok(client.home.path(), &["-c", &protocol, "clone", "-q", &site, &back]).await;
    }
}

#[tokio::test]
async fn a_fetch_with_many_haves_is_gzipped_by_git_and_understood() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    client.ok(&dir, &["push", "-q", &site, "main"]).await;
    let home = client.home.path();
    client.ok(home, &["clone", "-q", &site, "other"]).await;
    let other = home.join("other");
    let mut stream = String::new();
    for number in 1..=200 {
        let _ = write!(
            stream,
            "commit refs/heads/local\ncommitter Ada <a@example.com> {} +0000\ndata 1\nx\n",
            4_000_000_000_u64 + number
        );
    }
    std::fs::write(home.join("stream"), stream).unwrap();
    let status = client
        .command(&other, &["fast-import", "--quiet"])
        .stdin(std::fs::File::open(home.join("stream")).unwrap())
        .status();
    assert!(status.await.unwrap().success());
    let commit = client.commit(&dir, "more.html", b"more").await;
    client.ok(&dir, &["push", "-q", &site, "main"]).await;

    let mut command = client.command(&other, &["fetch", "origin"]);
    let output = command.env("GIT_TRACE_CURL", "1").output().await.unwrap();
    let trace = crate::support::stderr(&output);
    assert!(output.status.success(), "{trace}");
    assert!(trace.to_lowercase().contains("content-encoding: gzip"), "git sent it plain");
    assert_eq!(client.ok(&other, &["rev-parse", "origin/main"]).await, commit);
}

#[tokio::test]
async fn broken_and_bloated_gzip_is_refused() {
    let server = Server::start().await;
    let (status, said) = post(&server, "git-upload-pack", "gzip", "not gzip").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{said}");
    let (status, said) = post(&server, "git-upload-pack", "br", "x").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{said}");
    // A want list that is 100 kB as sent and 100 MB as meant.
    let line = b"0032want aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    let bomb = gzip(&line.repeat(2_000_000));
    assert!(bomb.len() < 1_000_000);
    let (status, said) = post(&server, "git-upload-pack", "gzip", bomb).await;
    assert!(status == StatusCode::PAYLOAD_TOO_LARGE || said == "(cut off)", "{status} {said}");
}

#[tokio::test]
async fn the_dumb_protocol_is_refused_in_words_and_the_same_for_every_repository() {
    let server = Server::start().await;
    for repo in ["git/main/site.git", "git/other/secret.git", "git/main/none.git", "state.git"] {
        for file in
            ["info/refs", "info/refs?service=git-upload-archive", "HEAD", "objects/info/packs"]
        {
            let (status, said) = get(&server, &format!("/{repo}/{file}"), None).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{repo}/{file}");
            assert!(said.contains("smart HTTP"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_request_that_git_would_not_make_is_refused() {
    let server = Server::start().await;
    let listing = "/git/main/site.git/info/refs?service=git-upload-pack";
    let (status, _) = get(&server, listing, Some("version=2;id")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let request = Request::post("/git/main/site.git/git-receive-pack")
        .header("authorization", authorization(WRITER))
        .header("content-type", "text/plain")
        .body(Body::from("0000"))
        .unwrap();
    let response = server.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _) = get(&server, "/git/main/site.git/git-receive-pack", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_push_certificate_cannot_move_a_ref_behind_the_sinks_back() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    let head = server.main().await.unwrap();
    let zero = "0".repeat(40);
    let mut body = String::new();
    for line in [
        "push-cert\0report-status".to_owned(),
        "certificate version 0.1\n".to_owned(),
        "pusher me 1 +0000\n".to_owned(),
        "\n".to_owned(),
        format!("{zero} {head} refs/heads/sneaked\n"),
        "push-cert-end\n".to_owned(),
    ] {
        let _ = write!(body, "{:04x}{line}", line.len() + 4);
    }
    body.push_str("0000");
    let (status, said) = post(&server, "git-receive-pack", "identity", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{said}");
    assert!(said.contains("signed pushes are not taken"), "{said}");
    let repo = crate::support::repo("main/site");
    assert_eq!(server.repos.branches(&repo).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_without_side_band_gets_the_bare_report_and_the_sink_is_told() {
    let server = Server::start().await;
    *server.sink.lines.lock().unwrap() = vec!["queued".into()];
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    let head = server.main().await.unwrap();
    let line = format!("{} {head} refs/heads/copy\0report-status", "0".repeat(40));
    let body = format!("{:04x}{line}0000", line.len() + 4);
    let body = [body.as_bytes(), &empty_pack()].concat();
    let (status, said) = post(&server, "git-receive-pack", "identity", body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(said, "000eunpack ok\n0017ok refs/heads/copy\n0000");
    assert_eq!(server.sink.last(), [("refs/heads/copy".into(), None, Some(head))]);
}

#[tokio::test]
async fn ref_names_that_could_be_taken_for_options_or_paths_stay_names() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    client.ok(&dir, &["push", "-q", &site, "main"]).await;
    let head = server.main().await.unwrap();
    let zero = "0".repeat(40);
    let names =
        ["--upload-pack=id", "-x", "refs/heads/../../../HEAD", "refs/heads/*", "HEAD", "refs/x/y"];
    for name in names {
        let line = format!("{zero} {head} {name}\0report-status");
        let body = format!("{:04x}{line}0000", line.len() + 4);
        let body = [body.as_bytes(), &empty_pack()].concat();
        let (status, said) = post(&server, "git-receive-pack", "identity", body).await;
        assert_eq!(status, StatusCode::OK);
        assert!(said.contains(&format!("ng {name}")), "{name}: {said}");
    }
    assert_eq!(server.sink.pushes().len(), 1);
}

/// A pack without objects: header, version 2, count 0, and the SHA-1 of these.
fn empty_pack() -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend(hex("029d08823bd8a8eab510ad6ac75c823cfd3ed31e"));
    pack
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
