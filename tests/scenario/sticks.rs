//! Law 4: a revert is complete and it sticks. Whatever happens by itself afterwards brings nothing back.

use crate::harness::{Git, World, wait_for};
use serde_json::{Value, json};

const FILE: &str = "clusters/eu-central-1/main/default/services/site/service.yaml";

/// A site with two releases, of which an operator has reverted the second.
struct Reverted {
    world: World,
    operator: Git,
    first: String,
    second: String,
}

fn reverted() -> Reverted {
    let mut world = World::deployed();
    let first = world.site.head();
    world.push("two");
    world.wait_for_head();
    let second = world.site.head();
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    assert_eq!(world.service()["release"]["source_commit"], first);
    Reverted { world, operator, first, second }
}

impl Reverted {
    /// Moves the branch of the source repository; returns what the pusher reads.
    fn move_branch(&self, to: &str) -> String {
        let World { site, remote, .. } = &self.world;
        site.run(&["push", "--force", remote, &format!("{to}:main")])
    }

    /// Nothing was deployed since the revert.
    fn assert_it_sticks(&mut self) {
        let state = self.world.server.state();
        assert_eq!(
            state.lines(&["rev-parse", "main", "live"]),
            [self.operator.head(), self.operator.head()]
        );
        let service = self.world.service();
        assert_eq!(service["release"]["source_commit"], self.first, "{service}");
    }

    /// The operator changes the service's intent by hand.
    fn edit(&self, from: &str, to: &str) {
        self.operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
        let text = self.operator.read(FILE);
        assert!(text.contains(from), "{from:?} in {text}");
        self.operator.write(FILE, &text.replacen(from, to, 1));
        self.operator.commit("edit by hand");
        self.operator.push("origin");
        self.operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    }

    fn hold(&self) {
        self.edit("\nspec:\n", &format!("\nspec:\n{HOLD}"));
    }

    fn lift(&self) {
        self.edit(HOLD, "");
    }

    /// What becomes of a deployment that waits for the hold to be lifted.
    fn end_after_lifting(&mut self, id: &Value) -> Value {
        self.lift();
        self.world.wait_for_end(id)
    }
}

const HOLD: &str =
    "  hold:\n    reason: to look at it\n    by: olga\n    since: 2026-11-21T12:00:00Z\n";

#[test]
fn the_same_commit_pushed_again_and_an_older_one_do_not_bring_a_reverted_release_back() {
    let mut sticks = reverted();
    let said = sticks.move_branch(&sticks.first);
    assert!(said.contains("skipped: Source commit"), "{said}");
    assert!(said.contains(&format!("is part of {}", &sticks.second[..7])), "{said}");
    sticks.assert_it_sticks();
    let said = sticks.move_branch(&sticks.second);
    let revert = sticks.operator.head();
    let revert = &revert[..7];
    let names = [
        "main/default/site: skipped: ",
        &sticks.second[..7],
        &format!("git revert {revert}"),
        "override_revert",
    ];
    for part in names {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    sticks.assert_it_sticks();

    // A newer one deploys as ever.
    let said = sticks.world.push("three");
    assert!(said.contains("queued at"), "{said}");
    sticks.world.wait_for_head();
    assert_eq!(sticks.world.deploys().len(), 3);

    // Undone in turn, it does not stand for what was undone before it.
    sticks.operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    sticks.operator.run(&["revert", "--no-edit", "HEAD"]);
    sticks.operator.push("origin");
    let said = sticks.move_branch(&sticks.second);
    assert!(said.contains(&format!("git revert {revert}`")), "{said}");
    sticks.operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    sticks.operator.run(&["revert", "--no-edit", revert]);
    sticks.operator.push("origin");
    assert_eq!(sticks.world.service()["release"]["source_commit"], sticks.second);

    // A delete that was taken back is nothing that could be reverted to have it again.
    let agent = &mut sticks.world.agent;
    agent.ok("delete_service", json!({"name": "site"}));
    let to = json!({"name": "site", "to_commit": revert});
    agent.ok("rollback_service", to);
    let error = agent.refused("redeploy_service", json!({"name": "site"}));
    assert_eq!(error["code"], "reverted");
    let ways = error["suggestion"].as_str().unwrap();
    assert!(ways.contains("revert what undid it"), "{ways}");
}

#[test]
fn a_restart_does_not_bring_a_reverted_release_back() {
    let mut sticks = reverted();
    sticks.world.server.stop();
    sticks.world.server.start_again();
    sticks.world.agent.reconnect();
    sticks.world.push("three");
    sticks.world.wait_for_head();
    assert_eq!(sticks.world.deploys().len(), 3, "{:?}", sticks.world.deploys());
}

#[test]
fn a_revert_sticks_when_the_database_is_lost_right_after_it() {
    let mut sticks = reverted();
    sticks.world.server.forget_log();
    sticks.world.lose_database();
    // What the start finds is the head of the branch: the commit that was reverted.
    sticks.world.server.wait_for_log("skipped");
    sticks.assert_it_sticks();
    let said = sticks.move_branch(&sticks.first);
    assert!(said.contains("skipped"), "{said}");
    let said = sticks.move_branch(&sticks.second);
    assert!(said.contains("skipped"), "{said}");
    sticks.assert_it_sticks();
    sticks.world.push("three");
    sticks.world.wait_for_head();
    assert_eq!(sticks.world.deploys().len(), 3);
}

#[test]
fn a_build_in_flight_of_a_commit_that_is_reverted_ends_cancelled() {
    let mut world = World::deployed();
    world.write_large();
    world.push("two");
    world.wait_for_head();
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    world.server.forget_log();
    let redeployed = world.agent.ok("redeploy_service", json!({"name": "site"}));
    world.server.wait_for_log("step=\"building\"");
    operator.push("origin");
    let ended = world.wait_for_end(&redeployed["deployment"]["id"]);
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert_eq!(ended["error"]["code"], "reverted", "{ended}");
    assert_eq!(world.server.state().lines(&["rev-parse", "main"]), [operator.head()]);
}

#[test]
fn redeploying_what_was_reverted_is_refused_and_an_override_brings_it_back() {
    let mut sticks = reverted();
    let service = sticks.world.service();
    assert_eq!(service["deployment"]["undone"], true, "{service}");
    let next = service["next"].as_str().unwrap();
    assert!(next.contains("redeploy_service with name \"site\", override_revert true"), "{next}");
    let error = sticks.world.agent.refused("redeploy_service", json!({"name": "site"}));
    assert_eq!(error["code"], "reverted");
    let ways = error["suggestion"].as_str().unwrap();
    let revert = &sticks.operator.head()[..7];
    assert!(ways.contains(&format!("git revert {revert}")), "{ways}");
    assert!(ways.contains("override_revert"), "{ways}");
    sticks.assert_it_sticks();
    sticks.world.agent.ok("redeploy_service", json!({"name": "site", "override_revert": true}));
    let service = sticks.world.wait_for_head();
    assert_eq!(service["release"]["source_commit"], sticks.second);
    assert_eq!(service["deployment"]["undone"], json!(null));
    assert_eq!(sticks.world.deploys().len(), 3);
}

#[test]
fn an_override_means_the_release_that_was_seen_and_no_other() {
    let mut world = World::deployed();
    for version in ["two", "three"] {
        world.push(version);
        world.wait_for_head();
    }
    let operator = world.server.clone_state("operator");
    let second = operator.lines(&["rev-parse", "HEAD~1"]).remove(0);
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    let (first, third) = (world.site.head(), world.site.head());
    let mut sticks = Reverted { world, operator, first, second: third };
    sticks.hold();
    let wanted = json!({"name": "site", "override_revert": true});
    let redeployed = sticks.world.agent.ok("redeploy_service", wanted);
    assert!(redeployed["next"].as_str().unwrap().contains("on hold: to look at it"));
    let id = redeployed["deployment"]["id"].clone();
    sticks.operator.run(&["revert", "--no-edit", &second]);
    sticks.operator.push("origin");
    let ended = sticks.end_after_lifting(&id);
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert_eq!(ended["error"]["code"], "reverted", "{ended}");

    // Asked again by somebody who has seen what is current now, it is deployed.
    sticks.world.agent.ok("redeploy_service", json!({"name": "site", "override_revert": true}));
    sticks.world.wait_for_head();
}

#[test]
fn a_deployment_that_was_asked_for_before_the_revert_is_skipped_when_it_is_committed() {
    let mut world = World::deployed();
    let first = world.site.head();
    world.push("two");
    world.wait_for_head();
    let second = world.site.head();
    let operator = world.server.clone_state("operator");
    let deploy = operator.head();
    let mut sticks = Reverted { world, operator, first, second };
    sticks.hold();
    let redeployed = sticks.world.agent.ok("redeploy_service", json!({"name": "site"}));
    let id = redeployed["deployment"]["id"].clone();
    sticks.operator.run(&["revert", "--no-edit", &deploy]);
    sticks.operator.push("origin");
    let ended = sticks.end_after_lifting(&id);
    assert_eq!(ended["error"]["code"], "reverted", "{ended}");
    sticks.assert_it_sticks();
}

#[test]
fn a_revert_of_the_revert_brings_everything_back_to_normal() {
    let mut sticks = reverted();
    sticks.operator.run(&["revert", "--no-edit", "HEAD"]);
    sticks.operator.push("origin");
    assert_eq!(sticks.world.service()["release"]["source_commit"], sticks.second);
    let redeployed = sticks.world.agent.ok("redeploy_service", json!({"name": "site"}));
    let ended = sticks.world.wait_for_end(&redeployed["deployment"]["id"]);
    assert_eq!(ended["status"], "committed", "{ended}");
    // The branch may go back by a push, as before any revert.
    let said = sticks.move_branch(&sticks.first);
    assert!(said.contains("queued at"), "{said}");
    let world = &mut sticks.world;
    let first = sticks.first.as_str();
    wait_for("the older commit", || {
        (world.service()["release"]["source_commit"] == first).then_some(())
    });
}

#[test]
fn deploying_the_current_release_again_does_not_hide_what_was_reverted() {
    let mut sticks = reverted();
    sticks.move_branch(&sticks.first);
    let redeployed = sticks.world.agent.ok("redeploy_service", json!({"name": "site"}));
    let ended = sticks.world.wait_for_end(&redeployed["deployment"]["id"]);
    assert_eq!(ended["status"], "committed", "{ended}");
    let said = sticks.move_branch(&sticks.second);
    assert!(said.contains("skipped"), "{said}");
    assert_eq!(sticks.world.service()["release"]["source_commit"], sticks.first);
}

#[test]
fn a_change_of_the_build_builds_what_runs_and_not_what_was_reverted() {
    let mut world = World::deployed();
    world.site.write("public/index.html", "<h1>public</h1>");
    for version in ["two", "three"] {
        world.push(version);
        world.wait_for_head();
    }
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    let runs = world.service()["release"]["source_commit"].clone();
    let change = json!({"name": "site", "publish_directory": "public"});
    let updated = world.agent.ok("update_service", change);
    let ended = world.wait_for_end(&updated["deployment"]["id"]);
    assert_eq!(ended["status"], "committed", "{ended}");
    assert_eq!(ended["source_commit"], runs);
    // A change that needs no build makes none.
    let updated = world.agent.ok("update_service", json!({"name": "site", "replicas": 2}));
    assert_eq!(updated["deployment"], json!(null));
    assert_eq!(world.service()["release"]["source_commit"], runs);
    let error = world.agent.refused("redeploy_service", json!({"name": "site"}));
    assert_eq!(error["code"], "reverted");
}

#[test]
fn a_service_that_was_made_anew_knows_nothing_of_what_was_undone_before() {
    let mut sticks = reverted();
    sticks.world.agent.ok("delete_service", json!({"name": "site"}));
    sticks.world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    let service = sticks.world.wait_for_head();
    assert_eq!(service["release"]["source_commit"], sticks.second);
}
