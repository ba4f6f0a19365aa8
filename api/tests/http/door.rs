//! Who gets in, from where, with what.

use crate::fixture::{Server, hello, mcp_request, refusal_of};
use axum::body::Body;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use inkstone_spec::ApiKey;
use serde_json::json;

#[tokio::test]
async fn a_request_without_a_key_is_told_how_to_send_one() {
    let server = Server::start().await;
    let mut request = mcp_request("", "tools/list", &json!({}));
    request.headers_mut().remove(AUTHORIZATION);
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers[WWW_AUTHENTICATE], r#"Bearer realm="inkstone""#);
    let body = answer.json();
    assert_eq!(body["code"], "unauthenticated");
    assert!(body["suggestion"].as_str().unwrap().contains("Authorization: Bearer"));
}

#[tokio::test]
async fn unknown_malformed_and_revoked_keys_get_the_same_answer() {
    let server = Server::start().await;
    let revoked = server.key("gone", "read", "main").await;
    let store = server.deployer.store();
    assert!(store.revoke_key(&"gone".parse().unwrap(), 1).await.unwrap());
    let unknown = ApiKey::from_random([9; 32]);
    let mut answers = Vec::new();
    for key in [revoked.as_str(), unknown.expose(), "dk_live_0123", "mlg_x"] {
        let answer = server.send(mcp_request(key, "tools/list", &json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        assert!(!answer.body.contains(key), "{}", answer.body);
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn no_identity_outlives_its_request() {
    let server = Server::start().await;
    let reader = server.key("reader", "read", "acme").await;
    let answer = server.send(mcp_request(&server.key, "initialize", &hello())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.headers.contains_key("mcp-session-id"));
    let first = server.call_as(&server.key, "whoami", json!({})).await;
    let second = server.call_as(&reader, "whoami", json!({})).await;
    assert_eq!(first["structuredContent"]["key"], "bootstrap");
    assert_eq!(second["structuredContent"]["key"], "reader");
    assert_eq!(second["structuredContent"]["default_workspace"], "acme");
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_to_this_server_is_refused() {
    let server = Server::start().await;
    for (host, expected) in [
        ("localhost", StatusCode::OK),
        ("127.0.0.1:8787", StatusCode::OK),
        ("[::1]:8787", StatusCode::OK),
        ("deploy.example.com", StatusCode::OK),
        ("evil.example", StatusCode::FORBIDDEN),
        ("localhost.evil.example", StatusCode::FORBIDDEN),
        ("deploy.example.com.evil.example", StatusCode::FORBIDDEN),
    ] {
        let mut request = mcp_request(&server.key, "tools/list", &json!({}));
        request.headers_mut().insert(HOST, HeaderValue::from_static(host));
        let answer = server.send(request).await;
        assert_eq!(answer.status, expected, "{host}");
        if expected == StatusCode::FORBIDDEN {
            let told = answer.json();
            assert_eq!(told["message"], format!("This server is not called {host}."));
            assert!(told["suggestion"].as_str().unwrap().contains("--public-url"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let server = Server::start().await;
    for (origin, expected) in [
        ("https://deploy.example.com", StatusCode::OK),
        ("http://localhost:5173", StatusCode::OK),
        ("http://deploy.example.com", StatusCode::FORBIDDEN),
        ("https://deploy.example.com:8443", StatusCode::FORBIDDEN),
        ("https://evil.example", StatusCode::FORBIDDEN),
        ("https://deploy.example.com.evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
    ] {
        let mut request = mcp_request(&server.key, "tools/list", &json!({}));
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
        assert_eq!(server.send(request).await.status, expected, "{origin}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = Server::start_with(|config| config.max_body_bytes = 1_000).await;
    let params = json!({"name": "whoami", "arguments": {"x": "y".repeat(1_000)}});
    let answer = server.send(mcp_request(&server.key, "tools/call", &params)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("1000"), "{}", answer.body);
}

#[tokio::test]
async fn a_small_body_of_many_values_is_refused_before_it_is_understood() {
    let server = Server::start().await;
    let many = vec![json!([]); 20_000];
    let params = json!({"name": "whoami", "arguments": {"x": many}});
    let answer = server.send(mcp_request(&server.key, "tools/call", &params)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("10000 values"), "{}", answer.body);
    let text = "[[],".repeat(20_000);
    let params = json!({"name": "whoami", "arguments": {"x": text}});
    let answer = server.send(mcp_request(&server.key, "tools/call", &params)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_one_mcp_message_is_refused() {
    let server = Server::start().await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#;
    for body in ["", "{", "null", "\u{0}", batch, &deep] {
        let mut request = mcp_request(&server.key, "tools/list", &json!({}));
        *request.body_mut() = Body::from(body.to_owned());
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:.40}");
        let told = answer.json();
        assert_eq!((&told["error"]["code"], &told["id"]), (&json!(-32700), &json!(null)));
    }
    let mut request = mcp_request(&server.key, "tools/list", &json!({}));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert_eq!(server.send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn there_is_no_stream_to_get_and_no_session_to_delete() {
    let server = Server::start().await;
    for method in [Method::GET, Method::DELETE] {
        let mut request = mcp_request(&server.key, "tools/list", &json!({}));
        *request.method_mut() = method;
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers[ALLOW], "POST");
    }
}

#[tokio::test]
async fn headers_that_disagree_with_the_body_are_refused() {
    let server = Server::start().await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (name, expected) in
        [("whoami", StatusCode::OK), ("delete_service", StatusCode::BAD_REQUEST)]
    {
        let params = json!({"name": "whoami", "arguments": {}, "_meta": meta});
        let mut request = mcp_request(&server.key, "tools/call", &params);
        let headers = request.headers_mut();
        headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
        headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
        headers.insert("mcp-name", HeaderValue::from_static(name));
        let answer = server.send(request).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_call_again() {
    let server = Server::start_with(|config| {
        config.calls_per_second = 1;
        config.calls_burst = 2;
    })
    .await;
    for _ in 0..2 {
        server.call("whoami", json!({})).await;
    }
    let refusal = server.refusal("whoami", json!({})).await;
    assert_eq!(refusal["code"], "rate_limited");
    assert!(refusal["suggestion"].as_str().unwrap().contains("Wait "), "{refusal}");
    let other = server.key("calm", "read", "main").await;
    let answer = server.call_as(&other, "whoami", json!({})).await;
    assert_eq!(answer["structuredContent"]["key"], "calm");
}

#[tokio::test]
async fn a_key_does_what_its_scopes_allow_and_nothing_in_other_workspaces() {
    let server = Server::start().await;
    let reader = server.key("reader", "read", "main").await;
    let refusal =
        refusal_of(&server.call_as(&reader, "create_project", json!({"name": "shop"})).await);
    assert_eq!(refusal["code"], "missing_scope");
    let names = |workspace: &str| json!({"workspace": workspace});
    let foreign = refusal_of(&server.call_as(&reader, "list_projects", names("acme")).await);
    let absent = refusal_of(&server.call_as(&reader, "list_projects", names("nowhere")).await);
    let text = foreign.to_string().replace("acme", "nowhere");
    assert_eq!(text, absent.to_string(), "a foreign workspace and an absent one look the same");
    let projects = server.call("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
}
