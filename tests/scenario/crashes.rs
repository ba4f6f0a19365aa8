//! kill -9 at every step of a deployment: exactly one commit, the queue drained.

use crate::harness::World;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What the log says when a deployment has come so far.
const STEPS: [&str; 5] = [
    "queued",
    "step=\"building\"",
    "step=\"committing\"",
    "the state repo has the release",
    "ended",
];

#[test]
fn a_kill_at_any_step_of_a_deployment_ends_in_exactly_one_commit() {
    let mut world = World::deployed();
    for (round, step) in STEPS.iter().enumerate() {
        world.site.write("index.html", &format!("<h1>round {round}</h1>"));
        world.site.commit(&format!("round {round}"));
        // The push may be cut off by the kill; what it stored counts.
        let mut push = Command::new("git")
            .arg("-C")
            .arg(world.site.path())
            .args(["push", "--quiet", &world.remote, "HEAD:main"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The log may still have to say how the last one ended.
        let queued = world.server.wait_for_log(&world.site.head());
        if !queued.contains(step) {
            world.server.wait_for_log(step);
        }
        world.server.kill();
        push.wait().unwrap();
        world.server.start_again();
        world.agent.reconnect();
        world.wait_for_head();
    }
    let log = world.server.state().lines(&[
        "log",
        "--format=%(trailers:key=Source-Commit,valueonly,separator=)",
        "--grep=Inkstone-Action: deploy",
        "main",
    ]);
    assert_eq!(log.len(), 1 + STEPS.len(), "one commit for each push: {log:?}");
    assert_eq!(log.iter().collect::<BTreeSet<_>>().len(), log.len(), "none twice: {log:?}");
}

#[test]
fn a_push_that_was_stored_just_before_a_kill_is_deployed_after_the_start() {
    let mut world = World::deployed();
    // As if the server had died between moving the branch and queueing: the ref moves behind its back.
    world.server.stop();
    world.site.write("index.html", "<h1>behind its back</h1>");
    world.site.commit("two");
    let repo = world.server.data().join("repos/main/site.git");
    world.site.push(&repo.display().to_string());
    world.server.start_again();
    world.agent.reconnect();
    world.wait_for_head();
}

#[test]
fn law_1_without_its_database_everything_deployed_is_still_there() {
    let mut world = World::deployed();
    let before = world.agent.ok("get_service", json!({"name": "site"}));
    world.lose_database();
    let after = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(before["release"], after["release"]);
    assert_eq!(before["next"], after["next"], "it is deployed");
    assert_eq!(world.agent.ok("list_services", json!({}))["services"][0]["name"], "site");
    world.push("after the loss");
    world.wait_for_head();
    assert_eq!(world.agent.ok("delete_service", json!({"name": "site"}))["deleted"], true);
}

#[test]
fn a_push_that_cannot_be_queued_at_that_moment_is_deployed_later() {
    let mut world = World::deployed();
    let lock = DatabaseLock::take(&world.server.data().join("inkstone.db"));
    let said = world.push("while the database takes nothing");
    assert!(said.contains("not deployed yet"), "{said}");
    drop(lock);
    world.wait_for_head();
}

#[test]
fn a_service_whose_deployment_cannot_be_queued_is_created_and_deployed_later() {
    let mut world = World::new();
    let lock = DatabaseLock::take(&world.server.data().join("inkstone.db"));
    let created = world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    assert!(created["next"].as_str().unwrap().contains("not queued yet"), "{created}");
    drop(lock);
    world.wait_for_head();
}

/// Somebody else's transaction, which keeps the server from writing to its database.
struct DatabaseLock(Child);

impl DatabaseLock {
    fn take(database: &Path) -> Self {
        let python = std::env::var("INKSTONE_MCP_PYTHON").expect("run `cargo xtask test`");
        let mut child = Command::new(python)
            .args(["-c", LOCK])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Holds a write transaction until standard input ends.
const LOCK: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
connection.execute('ROLLBACK')
";
