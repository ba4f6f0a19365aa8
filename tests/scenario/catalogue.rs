//! What a client sees of the server before it calls anything.

use crate::harness::{Mcp, Server};
use serde_json::json;

#[test]
fn the_catalogue_is_complete_described_and_typed() {
    let server = Server::start();
    let mut agent = Mcp::connect(&server);
    let answer = agent.ask(&json!({"op": "list_tools"}));
    let tools = answer["result"]["tools"].as_array().unwrap().clone();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cancel_deployment",
            "create_project",
            "create_repo",
            "create_service",
            "delete_project",
            "delete_repo",
            "delete_service",
            "get_git_token",
            "get_service",
            "get_service_history",
            "list_projects",
            "list_repos",
            "list_services",
            "list_workspaces",
            "redeploy_service",
            "rollback_service",
            "update_service",
            "whoami",
        ]
    );
    for tool in &tools {
        let name = &tool["name"];
        assert!(tool["title"].as_str().is_some_and(|t| !t.is_empty()), "{name} has a title");
        assert!(tool["description"].as_str().unwrap().contains("xample"), "{name} has an example");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name} says what it answers");
        assert_eq!(
            tool["inputSchema"]["additionalProperties"], false,
            "{name} refuses what it does not know"
        );
        assert!(
            tool["annotations"]["readOnlyHint"].is_boolean(),
            "{name} says whether it changes anything"
        );
    }
}

#[test]
fn health_schemas_and_metrics_need_no_key_and_everything_else_does() {
    let server = Server::start();
    assert_eq!(server.status("/healthz"), 200);
    assert_eq!(server.status("/readyz"), 200);
    assert!(server.get("/metrics").contains("# TYPE"));
    assert!(server.get("/schemas/service.schema.json").contains("\"sourceCommit\""));
    assert_eq!(server.status("/state.git/info/refs?service=git-upload-pack"), 401);
    assert_eq!(server.status("/git/main/site.git/info/refs?service=git-upload-pack"), 401);
    assert_eq!(server.status("/mcp"), 401);
}
