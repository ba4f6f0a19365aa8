//! A `main` on another host that breaks a law: it is told, nothing is written on top of it, and what is
//! live is there to be read.

use crate::harness::{Git, World, wait_for};
use serde_json::json;
use std::process::Command;

#[test]
fn a_main_that_others_broke_stops_what_writes_and_not_what_reads() {
    let host = tempfile::tempdir().unwrap();
    let made =
        Command::new("git").args(["init", "-q", "--bare", "-b", "main"]).arg(host.path()).status();
    assert!(made.unwrap().success());
    let url = format!("file://{}", host.path().display());
    let mut world = World::with(&[("INKSTONE_STATE_REMOTE", &url)]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();

    let operator = Git::clone(&url, &world.server.folder().join("operator"));
    let file = "clusters/eu-central-1/main/default/services/site/service.yaml";
    operator.write(file, &operator.read(file).replace("replicas: 1", "replicas: 99"));
    operator.commit("far too many");
    operator.push("origin");
    wait_for("the metric", || {
        world.server.get("/metrics").contains("inkstone_state_unpublished 1").then_some(())
    });
    assert_eq!(world.service()["replicas"], 1, "what is live");
    assert_eq!(world.agent.ok("list_services", json!({}))["services"][0]["name"], "site");
    let error = world.agent.refused("update_service", json!({"name": "site", "replicas": 2}));
    assert_eq!(error["code"], "state_repo_unchecked", "{error}");
    assert!(error["suggestion"].as_str().unwrap().contains("inkstone doctor"), "{error}");

    world.server.inkstone_ok(&["state", "restore"]);
    wait_for("the change to be taken", || {
        let answer = world.agent.call("update_service", json!({"name": "site", "replicas": 2}));
        answer["result"]["structuredContent"]["changed"].as_bool()
    });
    assert!(world.server.get("/metrics").contains("inkstone_state_unpublished 0"));
}
