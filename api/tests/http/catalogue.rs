//! The catalogue as an agent reads it.

use crate::fixture::{Server, hello};
use serde_json::{Value, json};

/// What the whole catalogue may cost an agent.
const MAX_TOKENS: usize = 6_000;

async fn tools(server: &Server) -> Vec<Value> {
    let answer = server.rpc(&server.key, "tools/list", json!({})).await;
    answer["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_catalogue_has_every_tool_in_the_order_of_their_use() {
    let server = Server::start().await;
    let tools = tools(&server).await;
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "whoami",
            "list_workspaces",
            "list_projects",
            "create_project",
            "create_repo",
            "list_repos",
            "get_git_token",
            "create_service",
            "list_services",
            "get_service",
            "get_service_history",
            "update_service",
            "redeploy_service",
            "rollback_service",
            "cancel_deployment",
            "delete_service",
            "delete_project",
            "delete_repo",
        ]
    );
}

#[tokio::test]
async fn the_catalogue_costs_an_agent_less_than_its_budget() {
    let server = Server::start().await;
    let answer = server.rpc(&server.key, "tools/list", json!({})).await;
    // JSON takes a tokenizer about four bytes a token; counting with fewer errs to the safe side.
    let bytes = answer["result"].to_string().len();
    let tokens = bytes * 2 / 7;
    println!("the catalogue has {bytes} bytes: at most {tokens} tokens of {MAX_TOKENS}");
    assert!(tokens < MAX_TOKENS, "{tokens}");
}

#[tokio::test]
async fn every_tool_says_what_it_is_and_what_it_does_to_what_is_there() {
    let server = Server::start().await;
    for tool in tools(&server).await {
        let name = tool["name"].as_str().unwrap();
        assert!(!tool["title"].as_str().unwrap().is_empty(), "{name}");
        assert!(!tool["description"].as_str().unwrap().is_empty(), "{name}");
        let hints = &tool["annotations"];
        let reads = ["whoami", "list_", "get_service"].iter().any(|read| name.starts_with(read));
        assert_eq!(hints["readOnlyHint"], reads, "{name}");
        assert_eq!(hints["openWorldHint"], false, "{name}");
        if !reads {
            let removes = ["update_service", "cancel_deployment"].contains(&name)
                || name.starts_with("delete_");
            let undoes = name == "rollback_service";
            assert_eq!(hints["destructiveHint"], removes || undoes, "{name}");
            assert_eq!(hints["idempotentHint"], removes, "{name}");
            let key = &tool["inputSchema"]["properties"]["idempotency_key"];
            assert_eq!(key["type"], "string", "{name} can be called again safely");
        }
    }
}

#[tokio::test]
async fn every_schema_is_closed_to_what_it_does_not_name_and_needs_no_looking_up() {
    let server = Server::start().await;
    for tool in tools(&server).await {
        let (input, output) = (&tool["inputSchema"], &tool["outputSchema"]);
        assert_eq!(input["type"], "object", "{tool}");
        assert_eq!(input["additionalProperties"], false, "{tool}");
        for (name, argument) in input["properties"].as_object().unwrap() {
            let one = argument["type"].is_string();
            let or_null = argument["type"][0].is_string() && argument["type"][1] == "null";
            assert!(one || or_null, "{name}: {argument}");
            assert!(!argument["description"].as_str().unwrap().is_empty(), "{name}: {argument}");
        }
        assert_eq!(output["type"], "object", "{tool}");
        assert!(!output["properties"].as_object().unwrap().is_empty(), "{tool}");
        assert!(!output.to_string().contains("\"null\""), "{output}");
        for noise in ["$ref", "$defs", "$schema", "anyOf", "oneOf"] {
            assert!(!tool.to_string().contains(&format!("\"{noise}\"")), "{noise} in {tool}");
        }
    }
}

#[tokio::test]
async fn an_agent_is_told_the_way_before_it_calls_anything() {
    let server = Server::start().await;
    let answer = server.rpc(&server.key, "initialize", hello()).await;
    let result = &answer["result"];
    assert_eq!(result["serverInfo"]["name"], "inkstone");
    let instructions = result["instructions"].as_str().unwrap();
    let steps = ["create_repo", "git push", "create_service", "get_service"];
    let places: Vec<_> = steps.iter().map(|step| instructions.find(step).unwrap()).collect();
    assert!(places.is_sorted(), "{instructions}");
}
