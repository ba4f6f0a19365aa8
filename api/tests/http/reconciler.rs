//! What a reconciler that runs elsewhere asks for and tells.

use crate::fixture::Server;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::json;

fn live(key: &str, after: &str) -> Request<Body> {
    Request::get(format!("/reconciler/live{after}"))
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::empty())
        .unwrap()
}

fn report(key: &str, body: &serde_json::Value) -> Request<Body> {
    Request::post("/reconciler/report")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn who_asks_is_told_when_live_moves_and_not_before() {
    let server = Server::start().await;
    let first = server.send(live(&server.key, "")).await.json()["commit"].clone();
    let elsewhere = format!("?after={}", "1".repeat(40));
    assert_eq!(server.send(live(&server.key, &elsewhere)).await.json()["commit"], first);

    let after = format!("?after={}", first.as_str().unwrap());
    let mut waiting = Box::pin(server.send(live(&server.key, &after)));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "live has not moved yet");
    let made = server.call("create_project", json!({"name": "shop"})).await;
    assert_eq!(waiting.await.json()["commit"], made["commit"]);
}

#[tokio::test]
async fn only_who_may_read_everything_is_told_and_only_who_may_see_values_is_believed() {
    let server = Server::start().await;
    let problems = json!({"project": "main/default", "problems": {"site": "no identity opens it"}});
    assert_eq!(server.send(report(&server.key, &problems)).await.status, StatusCode::NO_CONTENT);

    let tenant = server.key("tenant", "read,env:read,admin", "main").await;
    let reader = server.key_for_all("reader", "read").await;
    for refused in [live(&tenant, ""), report(&tenant, &problems), report(&reader, &problems)] {
        assert_eq!(server.send(refused).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(server.send(live(&reader, "")).await.status, StatusCode::OK);
    let nobody = Request::get("/reconciler/live").body(Body::empty()).unwrap();
    assert_eq!(server.send(nobody).await.status, StatusCode::UNAUTHORIZED);
    let strange = json!({"project": "main/../x", "problems": {}});
    assert_eq!(server.send(report(&server.key, &strange)).await.status, StatusCode::BAD_REQUEST);
}
