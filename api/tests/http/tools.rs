//! What tools answer.

use crate::fixture::{Server, mcp_request};
use http::StatusCode;
use inkstone_spec::DeploymentId;
use serde_json::{Value, json};

#[tokio::test]
async fn the_way_from_nothing_to_a_queued_deployment_and_back() {
    let server = Server::start().await;
    let repo = server.call("create_repo", json!({"name": "site"})).await;
    let remote = repo["git_remote"].as_str().unwrap();
    assert!(remote.starts_with("https://x-git-token:mlg_"), "{remote}");
    assert!(remote.ends_with("@deploy.example.com/git/main/site.git"), "{remote}");
    let source = server.commit_source("site");
    let created = server
        .call(
            "create_service",
            json!({"name": "site", "repo": "site", "publish_directory": "dist"}),
        )
        .await;
    assert_eq!(created["service"], "default/site");
    assert_eq!(created["deployment"]["status"], "queued");
    assert_eq!(created["deployment"]["source_commit"], source);

    let seen = server.call("get_service", json!({"name": "site"})).await;
    assert_eq!(seen["deployment"]["id"], created["deployment"]["id"]);
    assert_eq!(seen["memory"], "256Mi");
    let listed = server.call("list_services", json!({"project": "default"})).await;
    assert_eq!(listed["services"][0]["name"], "site");

    let id = &created["deployment"]["id"];
    let cancelled = server.call("cancel_deployment", json!({"deployment_id": id})).await;
    assert_eq!(cancelled["outcome"], "cancelled");
    let again = server.call("redeploy_service", json!({"name": "site"})).await;
    assert_ne!(again["deployment"]["id"], *id);

    let deleted = server.call("delete_service", json!({"name": "site"})).await;
    assert_eq!(deleted["deleted"], true);
    let deleted = server.call("delete_service", json!({"name": "site"})).await;
    assert_eq!(deleted["deleted"], false, "deleting what is gone is no error");
    let refusal = server.refusal("get_service", json!({"name": "site"})).await;
    assert_eq!(refusal["code"], "not_found");
}

#[tokio::test]
async fn every_answer_is_as_its_schema_says() {
    let server = Server::start().await;
    let list = server.rpc(&server.key, "tools/list", json!({})).await;
    let tools = list["result"]["tools"].as_array().unwrap();
    let call = async |name: &str, arguments: Value| {
        let answer = server.call(name, arguments).await;
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        conforms(&answer, &tool["outputSchema"], name);
        answer
    };
    call("whoami", json!({})).await;
    call("list_workspaces", json!({})).await;
    call("create_project", json!({"name": "shop"})).await;
    call("list_projects", json!({})).await;
    call("create_repo", json!({"name": "site"})).await;
    call("get_git_token", json!({"name": "site"})).await;
    server.commit_source("site");
    call("list_repos", json!({})).await;
    let service = json!({
        "name": "site", "repo": "site", "project": "shop", "port": 3000,
        "env_vars": [{"key": "A", "value": "1"}],
    });
    call("create_service", service).await;
    let again = call("redeploy_service", json!({"name": "site", "project": "shop"})).await;
    call("list_services", json!({"limit": 1})).await;
    let shown =
        json!({"name": "site", "project": "shop", "include_env": true, "deploy_log_lines": 5});
    call("get_service", shown).await;
    call("cancel_deployment", json!({"deployment_id": again["deployment"]["id"]})).await;
    call("delete_service", json!({"name": "site", "project": "shop"})).await;
}

/// The value has what the schema requires, nothing that it does not name, and the types that it says, as
/// deep as the schema goes.
fn conforms(value: &Value, schema: &Value, at: &str) {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert_eq!(schema["type"], found, "{at}");
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{at} lacks {required}");
    }
    for (at_index, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(item, &schema["items"], &format!("{at}[{at_index}]"));
    }
    let Some(properties) = schema.get("properties") else { return };
    for (name, field) in value.as_object().into_iter().flatten() {
        conforms(field, &properties[name], &format!("{at}.{name}"));
    }
}

#[tokio::test]
async fn a_tool_that_does_not_exist_is_a_protocol_error() {
    let server = Server::start().await;
    let params = json!({"name": "drop_tables", "arguments": {}});
    let answer = server.rpc(&server.key, "tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(answer["error"]["message"].as_str().unwrap().contains("create_service"), "{answer}");
}

#[tokio::test]
async fn arguments_that_are_no_object_run_no_tool() {
    let server = Server::start().await;
    for arguments in [json!([]), json!("name"), json!(7)] {
        let params = json!({"name": "create_project", "arguments": arguments});
        let answer = server.send(mcp_request(&server.key, "tools/call", &params)).await;
        let refused = answer.status.is_client_error() || answer.json().get("error").is_some();
        assert!(refused, "{} {}", answer.status, answer.body);
    }
    let projects = server.call("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_arguments_are_tool_errors_that_say_what_to_do() {
    let server = Server::start().await;
    for (tool, arguments, expected) in [
        ("create_repo", json!({"name": "../x"}), "`name` is refused"),
        ("create_repo", json!({}), "`name` is missing"),
        ("create_repo", json!({"name": 7}), "`name` must be a string, not a number"),
        ("create_repo", json!({"name": "x", "private": true}), "`private` is not an argument"),
        ("list_services", json!({"limit": "ten"}), "`limit` must be a whole number, not a string"),
        ("list_services", json!({"limit": 101}), "limit"),
        ("list_services", json!({"limit": 0}), "limit"),
        ("get_service", json!({"name": "x", "deploy_log_lines": 501}), "deploy_log_lines"),
    ] {
        let refusal = server.refusal(tool, arguments).await;
        assert_eq!(refusal["code"], "invalid_argument");
        assert!(refusal["message"].as_str().unwrap().contains(expected), "{refusal}");
    }
    let refusal = server.refusal("list_services", json!({"cursor": "forged"})).await;
    assert_eq!(refusal["code"], "invalid_cursor");
    let repos = server.call("list_repos", json!({})).await;
    assert_eq!(repos["repos"], json!([]), "nothing was made");
}

#[tokio::test]
async fn what_is_not_there_is_never_made_on_the_fly() {
    let server = Server::start().await;
    server.call("create_repo", json!({"name": "site"})).await;
    let service = |more: Value| {
        let mut all = json!({"name": "site", "repo": "site"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for (more, code) in [
        (json!({"project": "shop"}), "not_found"),
        (json!({"workspace": "nowhere"}), "not_found"),
        (json!({"repo": "other"}), "not_found"),
        (json!({"region": "mars-1"}), "unknown_region"),
    ] {
        assert_eq!(server.refusal("create_service", service(more)).await["code"], code);
    }
    server.call("create_service", service(json!({"region": "eu-central-1"}))).await;
    let refusal = server.refusal("create_service", service(json!({}))).await;
    assert_eq!(refusal["code"], "service_exists");
    assert_eq!(refusal["state"]["service"], "default/site");
}

#[tokio::test]
async fn values_of_the_environment_are_shown_to_who_asks_and_may() {
    let server = Server::start().await;
    let secret = "s3cr3t\nwith \u{1b}[31mcolour";
    server.call("create_repo", json!({"name": "site"})).await;
    let created = server
        .call_as(
            &server.key,
            "create_service",
            json!({"name": "site", "repo": "site", "env_vars": [{"key": "TOKEN", "value": secret}]}),
        )
        .await;
    assert!(!created.to_string().contains("s3cr3t"), "{created}");
    let names = server.call("get_service", json!({"name": "site"})).await;
    assert_eq!(names["env_vars"], json!([{"key": "TOKEN"}]));
    let values = server.call("get_service", json!({"name": "site", "include_env": true})).await;
    assert_eq!(values["env_vars"], json!([{"key": "TOKEN", "value": secret}]), "as it was given");
    let reader = server.key("reader", "read", "main").await;
    let denied =
        server.call_as(&reader, "get_service", json!({"name": "site", "include_env": true})).await;
    assert_eq!(denied["structuredContent"]["code"], "missing_scope");
    assert!(!denied.to_string().contains("s3cr3t"), "{denied}");
}

#[tokio::test]
async fn a_build_log_reaches_nobody_with_escapes_or_hidden_text_in_it() {
    let server = Server::start().await;
    server.call("create_repo", json!({"name": "site"})).await;
    server.commit_source("site");
    let created = server.call("create_service", json!({"name": "site", "repo": "site"})).await;
    let id: DeploymentId = created["deployment"]["id"].as_str().unwrap().parse().unwrap();
    let lines = ["\u{1b}[2J\u{1b}[1;31mred\u{1b}[0m", "a\u{202e}b\u{200b}c\r", "\u{e0049}plain"];
    let lines = lines.map(str::to_owned);
    server.deployer.store().append_log(&id, &lines, 1).await.unwrap();
    let shown = server.call("get_service", json!({"name": "site", "deploy_log_lines": 10})).await;
    let logs = shown["deployment"]["logs"].as_array().unwrap();
    assert!(logs.ends_with(&[json!("red"), json!("abc"), json!("plain")]), "{logs:?}");
    let without = server.call("get_service", json!({"name": "site"})).await;
    assert!(without["deployment"].get("logs").is_none());
}

#[tokio::test]
async fn notifications_are_taken_without_an_answer() {
    let server = Server::start().await;
    let mut request = mcp_request(&server.key, "x", &json!({}));
    let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    *request.body_mut() = body.to_string().into();
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(answer.body.is_empty());
}
