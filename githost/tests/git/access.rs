//! Who may do what, and what the others are told.

use crate::support::{Client, READER, Server, WRITER};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;

#[tokio::test]
async fn without_a_good_token_there_is_a_challenge_and_git_says_why() {
    let server = Server::start().await;
    let request = Request::get("/git/main/site.git/info/refs?service=git-upload-pack");
    let request = request.body(Body::empty()).unwrap();
    let response = server.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Basic realm=\"inkstone\"");

    let client = Client::new();
    for path in ["git/main/site.git", "git/other/secret.git", "git/main/none.git", "state.git"] {
        let url = server.url("mlg_wrong", path);
        let said = client.fails(client.home.path(), &["clone", &url, "x"]).await;
        assert!(said.contains("remote: This needs a valid credential"), "{path}: {said}");
        assert!(said.contains("Authentication failed"), "{path}: {said}");
        assert!(!said.contains("mlg_wrong"), "{said}");
    }
}

#[tokio::test]
async fn a_read_token_clones_but_does_not_push() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let url = server.url(READER, "git/main/site.git");
    let said = client.fails(&dir, &["push", &url, "main"]).await;
    assert!(said.contains("remote: This token may only read: ask for one"), "{said}");
    assert!(said.contains("403"), "{said}");
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
    client.ok(client.home.path(), &["clone", "-q", &url, "back"]).await;
}

#[tokio::test]
async fn a_foreign_an_absent_and_an_impossible_repository_get_the_same_answer() {
    let server = Server::start().await;
    let mut answers = Vec::new();
    for path in [
        "git/other/secret.git",
        "git/other/none.git",
        "git/main/none.git",
        "git/main/site",
        "git/main/Site.git",
        "git/main/-x.git",
        "git/main/--upload-pack=id.git",
        "git/main/...git",
        "git/main/..%2fsite.git",
        "git/main/..%2f..%2fother%2fsecret.git",
        "git/..%2fmain/site.git",
        "git/main%00/site.git",
        "git/main/site%0a.git",
        "git/-main/site.git",
    ] {
        for service in ["git-upload-pack", "git-receive-pack"] {
            let request = Request::get(format!("/{path}/info/refs?service={service}"))
                .header("authorization", crate::support::authorization(WRITER))
                .body(Body::empty())
                .unwrap();
            let response = server.app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let headers = format!("{:?}", response.headers());
            let body = to_bytes(response.into_body(), 10_000).await.unwrap();
            answers.push((path, headers, body));
        }
    }
    let (_, headers, body) = &answers[0];
    for answer in &answers {
        assert_eq!((&answer.1, &answer.2), (headers, body), "{}", answer.0);
    }

    let client = Client::new();
    let url = server.url(WRITER, "git/other/secret.git");
    let said = client.fails(client.home.path(), &["clone", &url, "x"]).await;
    assert!(said.contains("remote: No such repository, or this credential may not"), "{said}");
    assert!(said.contains("not found"), "{said}");
}

#[tokio::test]
async fn when_nobody_can_tell_the_client_is_asked_to_come_back() {
    let server = Server::start().await;
    let client = Client::new();
    let url = server.url("mlg_lost", "git/main/site.git");
    let said = client.fails(client.home.path(), &["clone", &url, "x"]).await;
    assert!(said.contains("remote: The server cannot check the credential now"), "{said}");
    assert!(said.contains("503"), "{said}");
}
