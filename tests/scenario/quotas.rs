//! What a workspace was granted holds, however many ask at once.

use crate::harness::{Mcp, World};
use serde_json::json;
use std::sync::Barrier;

/// Clients that ask at the same moment.
const CLIENTS: usize = 6;
/// Repositories that each asks for.
const EACH: usize = 3;
/// Repositories that the workspace may have. One it has already.
const QUOTA: usize = 4;

#[test]
fn a_quota_of_repos_holds_under_creates_at_once() {
    let mut world = World::new();
    let operator = world.server.clone_state("operator");
    let file = "clusters/eu-central-1/main/workspace.yaml";
    let text = operator.read(file);
    let granted = text.lines().find(|line| line.trim().starts_with("repos:")).unwrap();
    operator.write(file, &text.replace(granted.trim(), &format!("repos: {QUOTA}")));
    operator.commit("grant fewer repos");
    operator.push("origin");

    let agents: Vec<_> = (0..CLIENTS).map(|_| Mcp::connect(&world.server)).collect();
    let start = Barrier::new(CLIENTS);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let start = &start;
        let asking = agents.into_iter().enumerate().map(|(client, mut agent)| {
            scope.spawn(move || {
                start.wait();
                let name = |number| json!({"name": format!("r{client}-{number}")});
                (0..EACH).map(|n| agent.call("create_repo", name(n))).collect::<Vec<_>>()
            })
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|answer| answer["result"]["isError"] != true).count();
    assert_eq!(made, QUOTA - 1);
    for answer in answers.iter().filter(|answer| answer["result"]["isError"] == true) {
        assert_eq!(answer["result"]["structuredContent"]["code"], "quota_exceeded", "{answer}");
    }
    let repos = world.agent.ok("list_repos", json!({}));
    assert_eq!(repos["repos"].as_array().unwrap().len(), QUOTA);
}
