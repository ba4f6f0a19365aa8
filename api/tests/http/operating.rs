//! What operators, monitoring and editors read.

use crate::fixture::{Server, mcp_request};
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_keeps_its_id_through_every_answer() {
    let server = Server::start().await;
    for path in ["/healthz", "/nowhere", "/mcp"] {
        let request = Request::get(path).header("x-request-id", "trace-42").body(Body::empty());
        let answer = server.send(request.unwrap()).await;
        assert_eq!(answer.headers["x-request-id"], "trace-42", "{path}");
    }
    let answer = server.send(mcp_request(&server.key, "tools/list", &json!({}))).await;
    assert_eq!(answer.headers["x-request-id"].len(), 36, "one is made where none came");
    let request = Request::get("/healthz").header("x-request-id", "a b\"c").body(Body::empty());
    let answer = server.send(request.unwrap()).await;
    assert_ne!(answer.headers["x-request-id"], "a b\"c");
}

#[tokio::test]
async fn a_server_that_can_work_says_so() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json(), json!({"status": "ready", "database": true, "state_repo": true}));
}

#[tokio::test]
async fn a_server_without_its_database_lives_but_is_not_ready() {
    let server = Server::start().await;
    server.deployer.store().close().await;
    assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["database"], false);
    assert_eq!(server.get("/metrics").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let answer = server.send(mcp_request(&server.key, "tools/list", &json!({}))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "internal");
}

#[tokio::test]
async fn metrics_count_requests_calls_and_the_queue() {
    let server = Server::start().await;
    server.call("create_repo", json!({"name": "site"})).await;
    server.commit_source("site");
    server.call("create_service", json!({"name": "site", "repo": "site"})).await;
    server.refusal("get_service", json!({"name": "other"})).await;
    server.get("/nowhere/s3cr3t").await;
    let answer = server.get("/metrics").await;
    assert!(answer.headers[CONTENT_TYPE].to_str().unwrap().contains("openmetrics"));
    for line in [
        r#"inkstone_http_requests_total{route="/mcp",status="200"} 3"#,
        r#"inkstone_http_requests_total{route="none",status="404"} 1"#,
        r#"inkstone_tool_calls_total{tool="create_service",outcome="ok"} 1"#,
        r#"inkstone_tool_calls_total{tool="get_service",outcome="not_found"} 1"#,
        r#"inkstone_tool_call_duration_seconds_count{tool="get_service"} 1"#,
        r#"inkstone_queue_deployments{status="queued"} 1"#,
        r#"inkstone_queue_deployments{status="building"} 0"#,
        "inkstone_tool_calls_under_way 0",
        "inkstone_queue_oldest_seconds ",
        r#"inkstone_state_repo_objects{kept="loose"} "#,
        "inkstone_state_repo_size_bytes ",
    ] {
        assert!(answer.body.contains(line), "{line} is not in\n{}", answer.body);
    }
    assert!(!answer.body.contains("s3cr3t"), "no label is made of what a caller sent");
}

#[tokio::test]
async fn the_schemas_of_the_intent_files_are_served() {
    let server = Server::start().await;
    let answer = server.get("/schemas/service.schema.json").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/schema+json");
    let schema: Value = answer.json();
    assert_eq!(schema["type"], "object");
    for path in ["/schemas/other.json", "/schemas/..%2f..%2fetc%2fpasswd"] {
        let missing = server.get(path).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.json()["code"], "not_found");
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_says_where_things_are() {
    let server = Server::start().await;
    let answer = server.get("/").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["suggestion"].as_str().unwrap().contains("/mcp"));
}
