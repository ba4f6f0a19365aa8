//! Changing a service: one commit with a small honest diff, and a build only where there is something
//! to build.

use crate::harness::{World, wait_for};
use serde_json::{Value, json};
use std::process::Command;

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

/// A world whose service has an environment.
fn with_env() -> World {
    let mut world = World::new();
    world.agent.ok(
        "create_service",
        json!({"name": "site", "repo": "site",
               "env_vars": [{"key": "GREETING", "value": "hello"}, {"key": "TOKEN", "value": "s3cret"}]}),
    );
    world.wait_for_head();
    world
}

/// What `git show --numstat` says of the commit of an answer, whose parent must be `before`.
fn diff(world: &World, answer: &Value, before: &str) -> Vec<String> {
    let commit = answer["commit"].as_str().unwrap();
    let state = world.server.state();
    assert_eq!(state.lines(&["rev-parse", "main", "live"]), [commit, commit], "{answer}");
    assert_eq!(state.lines(&["rev-parse", &format!("{commit}^")]), [before], "one commit");
    state.lines(&["show", "--numstat", "--format=", commit])
}

fn head(world: &World) -> String {
    world.server.state().run(&["rev-parse", "main"]).trim().to_owned()
}

#[test]
fn a_change_of_size_is_one_small_commit_of_what_runs_and_no_build() {
    let mut world = World::deployed();
    let before = head(&world);
    let deployed = world.agent.ok("get_service", json!({"name": "site"}));
    let updated =
        world.agent.ok("update_service", json!({"name": "site", "replicas": 3, "memory": "512Mi"}));
    assert_eq!(updated["changed"], true);
    assert_eq!(updated["fields"], json!(["spec.replicas", "spec.resources.memory"]));
    assert_eq!(updated["deployment"], json!(null));
    assert_eq!(
        diff(&world, &updated, &before),
        [format!("3\t3\t{DIR}/manifests/deployment.yaml"), format!("2\t2\t{DIR}/service.yaml")]
    );
    let message = world.server.state().run(&["log", "-1", "--format=%an|%B", "main"]);
    for part in [
        "bootstrap|update main/default/site: spec.replicas, spec.resources.memory\n",
        "Inkstone-Action: update-service\n",
        "Inkstone-Service: main/default/site\n",
        "Inkstone-Tool: update_service\n",
    ] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&shown["replicas"], &shown["memory"]), (&json!(3), &json!("512Mi")));
    assert_eq!(shown["release"], deployed["release"]);
    assert_eq!(shown["deployment"], deployed["deployment"], "nothing was queued");

    // The same once more is no change.
    let now = head(&world);
    let again =
        world.agent.ok("update_service", json!({"name": "site", "replicas": 3, "memory": "512Mi"}));
    assert_eq!((&again["changed"], &again["commit"]), (&json!(false), &json!(null)));
    assert_eq!(again["fields"], json!([]));
    assert_eq!(head(&world), now);
}

#[test]
fn one_value_of_the_environment_changes_and_the_others_keep_their_ciphertexts() {
    let mut world = with_env();
    let before = head(&world);
    let updated = world.agent.ok(
        "update_service",
        json!({"name": "site", "env_vars": [{"key": "TOKEN", "value": "n3w: #"}]}),
    );
    assert_eq!(updated["fields"], json!(["env.TOKEN"]));
    // The value, the date and the MAC; and in the manifest the name of the Secret that has it.
    let changed = diff(&world, &updated, &before);
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(changed.iter().any(|line| line.ends_with(&format!("{DIR}/manifests/deployment.yaml"))));
    assert!(
        changed.iter().any(|line| {
            [format!("3\t3\t{DIR}/env.sops.yaml"), format!("2\t2\t{DIR}/env.sops.yaml")]
                .contains(line)
        }),
        "{changed:?}"
    );
    let shown = world.agent.ok("get_service", json!({"name": "site", "include_env": true}));
    assert_eq!(
        shown["env_vars"],
        json!([{"key": "GREETING", "value": "hello"}, {"key": "TOKEN", "value": "n3w: #"}])
    );
    assert_eq!(sops(&world), json!({"GREETING": "hello", "TOKEN": "n3w: #"}));
    let all = world.server.state().run(&["log", "-p", "--all"]);
    assert!(!all.contains("n3w") && !all.contains("s3cret"));

    // One added and one removed, in one commit; what is removed twice is gone all the same.
    let updated = world.agent.ok(
        "update_service",
        json!({"name": "site", "env_vars": [{"key": "LEVEL", "value": ""}], "unset_env": ["TOKEN"]}),
    );
    assert_eq!(updated["fields"], json!(["env.LEVEL", "env.TOKEN"]));
    assert_eq!(sops(&world), json!({"GREETING": "hello", "LEVEL": ""}));
    let again = world.agent.ok("update_service", json!({"name": "site", "unset_env": ["TOKEN"]}));
    assert_eq!(again["changed"], false);

    // The last ones take the file with them.
    world.agent.ok("update_service", json!({"name": "site", "unset_env": ["LEVEL", "GREETING"]}));
    let files = world.server.state().run(&["ls-tree", "-r", "--name-only", "main"]);
    assert!(!files.contains("env.sops.yaml"), "{files}");
    let error = world.agent.refused(
        "update_service",
        json!({"name": "site", "env_vars": [{"key": "A", "value": "x"}], "unset_env": ["A"]}),
    );
    assert_eq!(error["code"], "invalid_argument");
}

#[test]
fn a_change_of_what_is_built_deploys_the_branch_after_the_commit() {
    let mut world = World::deployed();
    world.site.write("dist/index.html", "<h1>dist</h1>");
    world.push("two");
    world.wait_for_head();
    let updated =
        world.agent.ok("update_service", json!({"name": "site", "publish_directory": "dist"}));
    assert_eq!(updated["fields"], json!(["spec.build.publishDirectory"]));
    let id = updated["deployment"]["id"].clone();
    assert!(id.is_string(), "{updated}");
    let first = wait_for_deployment(&mut world, &id);
    assert_eq!(first["release"]["source_commit"], world.site.head());

    // Back to all of the repository.
    let updated =
        world.agent.ok("update_service", json!({"name": "site", "publish_directory": null}));
    assert_eq!(updated["fields"], json!(["spec.build.publishDirectory"]));
    let second = wait_for_deployment(&mut world, &updated["deployment"]["id"]);
    assert_ne!(first["release"]["image"], second["release"]["image"]);

    // A branch that is not there yet waits for its first push.
    let updated = world.agent.ok("update_service", json!({"name": "site", "branch": "next"}));
    assert_eq!(updated["deployment"], json!(null));
    assert!(updated["next"].as_str().unwrap().contains("Push to site branch next"), "{updated}");
    world.site.run(&["push", &world.remote, "HEAD:next"]);
    let agent = &mut world.agent;
    wait_for("the deployment of the new branch", || {
        let service = agent.ok("get_service", json!({"name": "site"}));
        let deployment = &service["deployment"];
        (deployment["trigger"] == "git_push" && deployment["status"] == "committed").then_some(())
    });
}

#[test]
fn a_port_is_set_and_taken_away_again() {
    let mut world = World::deployed();
    let tree = |world: &World| world.server.state().lines(&["rev-parse", "main^{tree}"]);
    let before = tree(&world);
    world.agent.ok("update_service", json!({"name": "site", "port": 9090}));
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["release"]["port"], 9090);
    world.agent.ok("update_service", json!({"name": "site", "port": null}));
    assert_eq!(tree(&world), before, "to the byte");
}

#[test]
fn on_hold_everything_but_the_hold_is_refused() {
    let mut world = World::deployed();
    let reason = "the database is moving: see \"plan\"";
    let held =
        world.agent.ok("update_service", json!({"name": "site", "hold": {"reason": reason}}));
    assert_eq!(held["fields"], json!(["spec.hold"]));
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(shown["hold"]["reason"], reason);
    assert_eq!(shown["hold"]["by"], "bootstrap");
    let before = head(&world);
    let error = world.agent.refused("update_service", json!({"name": "site", "replicas": 2}));
    assert_eq!(error["code"], "on_hold");
    assert!(error["message"].as_str().unwrap().contains(reason), "{error}");
    assert!(error["suggestion"].as_str().unwrap().contains("hold null"), "{error}");
    let error = world.agent.refused("delete_service", json!({"name": "site"}));
    assert_eq!(error["code"], "on_hold");
    let again =
        world.agent.ok("update_service", json!({"name": "site", "hold": {"reason": reason}}));
    assert_eq!(again["changed"], false);
    assert_eq!(head(&world), before);

    // Lifted, together with what it kept waiting.
    let lifted =
        world.agent.ok("update_service", json!({"name": "site", "hold": null, "replicas": 2}));
    assert_eq!(lifted["fields"], json!(["spec.replicas", "spec.hold"]));
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["hold"], json!(null));
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    let mut world = World::deployed();
    let before = head(&world);
    for (arguments, code) in [
        (json!({"name": "siet", "replicas": 2}), "not_found"),
        (json!({"name": "site", "repo": "other"}), "not_found"),
        (json!({"name": "site", "region": "us-east-1"}), "invalid_argument"),
        (json!({"name": "site", "workspace": "other", "replicas": 2}), "not_found"),
    ] {
        assert_eq!(world.agent.refused("update_service", arguments.clone())["code"], code);
    }
    let many: Vec<_> =
        (0..17).map(|n| json!({"key": format!("A{n}"), "value": "x".repeat(32 * 1024)})).collect();
    let error = world.agent.refused("update_service", json!({"name": "site", "env_vars": many}));
    assert_eq!(error["code"], "env_too_large", "{error}");
    assert_eq!(head(&world), before);
}

fn wait_for_deployment(world: &mut World, id: &Value) -> Value {
    let agent = &mut world.agent;
    wait_for("the deployment", || {
        let service = agent.ok("get_service", json!({"name": "site"}));
        let deployment = &service["deployment"];
        assert_ne!(deployment["status"], "failed", "{deployment}");
        (deployment["id"] == *id && deployment["status"] == "committed").then_some(service)
    })
}

/// What the real sops opens, with the server's own identity.
fn sops(world: &World) -> Value {
    let sops = std::env::var("INKSTONE_SOPS")
        .expect("INKSTONE_SOPS must name the sops program: run `cargo xtask test`");
    let file = world.server.folder().join("env.sops.yaml");
    let state = world.server.state();
    std::fs::write(&file, state.run(&["show", &format!("main:{DIR}/env.sops.yaml")])).unwrap();
    let output = Command::new(sops)
        .args(["decrypt", "--output-type", "json"])
        .arg(&file)
        .env("SOPS_AGE_KEY_FILE", world.server.data().join("age-identity.txt"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
