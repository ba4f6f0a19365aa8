//! Law 4 and 6 over a rotation: who can open sealed values changes, the values do not, nothing restarts,
//! and what was sealed before still opens.

use crate::harness::{World, binary};
use inkstone_secrets::{Identities, Identity};
use serde_json::{Value, json};
use std::process::Command;

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

/// A deployed site with a variable.
fn world() -> World {
    let mut world = World::deployed();
    let variable = json!({"name": "site", "env_vars": [{"key": "GREETING", "value": "hello"}]});
    world.agent.ok("update_service", variable);
    world
}

fn greeting(world: &mut World) -> Value {
    let shown = world.agent.ok("get_service", json!({"name": "site", "include_env": true}));
    shown["env_vars"][0]["value"].clone()
}

fn identities(world: &World) -> Value {
    let listed = world.server.inkstone_ok(&["identity", "list", "--json"]);
    serde_json::from_str(&listed).unwrap()
}

/// The trees and blobs of the site's folder.
fn objects(world: &World, path: &str) -> Vec<String> {
    world.server.state().lines(&["rev-parse", &format!("main:{DIR}/{path}")])
}

#[test]
fn a_rotation_changes_no_value_restarts_nothing_and_is_undone_like_anything_else() {
    let mut world = world();
    let old = identities(&world)["recipients"][0]["recipient"].clone();
    let before = (objects(&world, "manifests"), objects(&world, "env.sops.yaml"));
    let said = world.server.inkstone_ok(&["identity", "rotate"]);
    assert!(said.contains("has a new identity, age1"), "{said}");
    assert!(said.contains("1 service wrapped anew, with the same values"), "{said}");
    let subjects = world.server.state().lines(&["log", "--format=%s", "-2", "main"]);
    let new = said.lines().next().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(
        subjects,
        [
            "rotate the keys of main/default/site".to_owned(),
            format!("seal to {new} for {}", old.as_str().unwrap())
        ]
    );
    assert_eq!(objects(&world, "manifests"), before.0, "what runs stays as it is");
    assert_ne!(objects(&world, "env.sops.yaml"), before.1);

    // The server goes on without a restart, with what was sealed before and after.
    assert_eq!(greeting(&mut world), "hello");
    let new = json!({"name": "site", "env_vars": [{"key": "GREETING", "value": "good day"}]});
    world.agent.ok("update_service", new);
    assert_eq!(greeting(&mut world), "good day");

    // Past the rotation: what only the old identity opens.
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD", "HEAD~1"]);
    operator.push("origin");
    assert_eq!(objects(&world, "env.sops.yaml"), before.1);
    assert_eq!(greeting(&mut world), "hello");
    let listed = world.server.inkstone_ok(&["identity", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines.iter().any(|line| line.contains("this server's, old") && line.ends_with('1')));
}

#[test]
fn of_rotations_at_once_no_identity_is_lost() {
    let world = world();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut rotate = binary();
            rotate.args(["identity", "rotate", "--data"]).arg(world.server.data());
            scope.spawn(move || rotate.output().unwrap());
        }
    });
    let listed = identities(&world);
    let sealed: Vec<_> = listed["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["regions"].as_array().is_some_and(|regions| !regions.is_empty()))
        .collect();
    assert!(sealed.len() == 1 && sealed[0]["whose"] == "this server's", "{listed}");
    let said = world.server.inkstone(&["identity", "add", "AGE-SECRET-KEY-1QQQ"]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("age-keygen -y") && !said.contains("1QQQ"), "{said}");
}

#[test]
fn an_operator_who_is_added_opens_everything_with_sops_and_one_who_is_removed_nothing_new() {
    let mut world = world();
    let key = world.server.folder().join("operator-key");
    let identity = Identity::generate().unwrap();
    let recipient = identity.recipient().to_string();
    Identities::new(identity, Vec::new()).save(&key).unwrap();
    let operator = world.server.clone_state("operator");
    let opened = || {
        let sops = std::env::var("INKSTONE_SOPS")
            .expect("INKSTONE_SOPS must name the sops program: run `cargo xtask test`");
        operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
        let mut command = Command::new(sops);
        command.args(["decrypt", &format!("{DIR}/env.sops.yaml")]).current_dir(operator.path());
        let output = command.env("SOPS_AGE_KEY_FILE", &key).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert!(!opened().0);
    let manifests = objects(&world, "manifests");
    let said = world.server.inkstone_ok(&["identity", "add", &recipient]);
    assert!(said.contains("1 service wrapped anew"), "{said}");
    assert_eq!(opened(), (true, "GREETING: hello\n".to_owned()));
    assert_eq!(objects(&world, "manifests"), manifests, "what runs stays as it is");

    let said = world.server.inkstone_ok(&["identity", "remove", &recipient]);
    assert!(said.contains("without it"), "{said}");
    let new = json!({"name": "site", "env_vars": [{"key": "GREETING", "value": "good day"}]});
    world.agent.ok("update_service", new);
    assert!(!opened().0);
    assert_eq!(greeting(&mut world), "good day");
}

#[test]
fn the_servers_own_identity_is_not_removed() {
    let world = World::new();
    let listed = world.server.inkstone_ok(&["identity", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let own = listed["recipients"][0]["recipient"].as_str().unwrap();
    let output = world.server.inkstone(&["identity", "remove", own]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("inkstone identity rotate"), "{said}");
}
