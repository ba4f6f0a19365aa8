//! A hold keeps a service where it is until it is lifted; what arrives meanwhile waits and says so.

use crate::harness::{Git, World, wait_for};
use serde_json::{Value, json};

const FILE: &str = "clusters/eu-central-1/main/default/services/site/service.yaml";
const HOLD: &str = "  hold:\n    reason: until the migration is done\n    by: olga\n    since: 2026-11-21T12:00:00Z\n";

const SPEC: &str = "\nspec:\n";

fn edit(operator: &Git, from: &str, to: &str) {
    prepare(operator, from, to);
    operator.push("origin");
}

fn prepare(operator: &Git, from: &str, to: &str) {
    operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    let text = operator.read(FILE);
    assert!(text.contains(from), "{from:?} in {text}");
    operator.write(FILE, &text.replacen(from, to, 1));
    operator.commit("edit by hand");
}

fn hold(operator: &Git) {
    edit(operator, SPEC, &format!("{SPEC}{HOLD}"));
}

fn lift(operator: &Git) {
    edit(operator, HOLD, "");
}

/// Waits until the newest deployment waits for the hold to be lifted.
fn wait_for_the_hold(world: &mut World) -> Value {
    wait_for("the deployment to be put back", || {
        let deployment = world.service()["deployment"].clone();
        let waits = deployment["status"] == "queued"
            && deployment["step"] == "on hold: until the migration is done";
        waits.then_some(deployment)
    })
}

#[test]
fn a_hold_keeps_a_service_where_it_is_until_it_is_lifted() {
    let mut world = World::deployed();
    let first = world.site.head();
    let operator = world.server.clone_state("operator");
    hold(&operator);
    let service = world.service();
    let shown = json!({"reason": "until the migration is done", "by": "olga", "since": "2026-11-21T12:00:00Z"});
    assert_eq!(service["hold"], shown);
    assert!(service["next"].as_str().unwrap().contains("update_service"), "{service}");

    // What arrives waits, is superseded by what is newer, and outlives a restart.
    let said = world.push("two");
    assert!(said.contains("on hold: until the migration is done"), "{said}");
    let two = wait_for_the_hold(&mut world);
    world.push("three");
    let three = wait_for_the_hold(&mut world);
    assert_ne!(two["id"], three["id"]);
    world.server.stop();
    world.server.start_again();
    world.agent.reconnect();
    let still = wait_for_the_hold(&mut world);
    assert_eq!(still["id"], three["id"]);
    let redeployed = world.agent.ok("redeploy_service", json!({"name": "site"}));
    assert_eq!(redeployed["superseded"], json!([three["id"]]));
    assert!(redeployed["next"].as_str().unwrap().contains("on hold: until the migration is done"));
    wait_for_the_hold(&mut world);
    assert_eq!(world.service()["release"]["source_commit"], first);
    assert_eq!(world.deploys().len(), 1);

    lift(&operator);
    let ended = world.wait_for_end(&redeployed["deployment"]["id"]);
    assert_eq!(ended["status"], "committed", "{ended}");
    let service = world.service();
    assert_eq!(service["release"]["source_commit"], world.site.head());
    assert_eq!(service["hold"], json!(null));
    assert_eq!(world.deploys().len(), 2);
}

#[test]
fn a_hold_that_comes_while_an_image_is_built_counts() {
    let mut world = World::deployed();
    let operator = world.server.clone_state("operator");
    world.write_large();
    prepare(&operator, SPEC, &format!("{SPEC}{HOLD}"));
    world.server.forget_log();
    world.push("two");
    world.server.wait_for_log("step=\"building\"");
    operator.push("origin");
    wait_for_the_hold(&mut world);
    assert_eq!(world.deploys().len(), 1);
    lift(&operator);
    world.wait_for_head();
    assert_eq!(world.deploys().len(), 2);
}

#[test]
fn a_revert_of_the_hold_lifts_it() {
    let mut world = World::deployed();
    let operator = world.server.clone_state("operator");
    hold(&operator);
    world.push("two");
    wait_for_the_hold(&mut world);
    operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    world.wait_for_head();
}
