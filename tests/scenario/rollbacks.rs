//! Taking a service back: to a release, to a state, without one commit; each one commit, and never at
//! the cost of what somebody changed since.

use crate::harness::{Mcp, World, env, set, update};
use serde_json::{Value, json};

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

/// Deploys a new version; returns the deployment's id and its state commit.
fn deploy(world: &mut World, text: &str) -> (String, String) {
    world.push(text);
    let deployment = world.wait_for_head()["deployment"].clone();
    let part = |name: &str| deployment[name].as_str().unwrap().to_owned();
    (part("id"), part("commit"))
}

fn head(world: &World) -> String {
    world.server.state().run(&["rev-parse", "main"]).trim().to_owned()
}

fn tree(world: &World, commit: &str) -> String {
    world.server.state().run(&["rev-parse", &format!("{commit}^{{tree}}")])
}

/// The commit of an answer: the new head of both branches, on top of `before`.
fn commit_on(world: &World, answer: &Value, before: &str) -> String {
    let commit = answer["commit"].as_str().unwrap_or_else(|| panic!("no commit: {answer}"));
    let state = world.server.state();
    assert_eq!(state.lines(&["rev-parse", "main", "live"]), [commit, commit], "{answer}");
    assert_eq!(state.lines(&["rev-parse", &format!("{commit}^")]), [before], "one commit");
    commit.to_owned()
}

#[test]
fn without_a_target_the_release_before_comes_back_to_the_byte() {
    let mut world = World::deployed();
    let first = world.agent.ok("get_service", json!({"name": "site"}));
    let one = first["deployment"]["commit"].as_str().unwrap().to_owned();
    let (id, two) = deploy(&mut world, "two");

    let back = world.agent.ok("rollback_service", json!({"name": "site"}));
    assert_eq!((&back["changed"], &back["fields"]), (&json!(true), &json!(["release"])));
    assert_eq!(back["release"], first["release"]);
    let commit = commit_on(&world, &back, &two);
    assert_eq!(tree(&world, &commit), tree(&world, &one));
    let state = world.server.state();
    let message = state.run(&["log", "-1", "--format=%an|%B", &commit]);
    let release = &first["release"];
    for part in [
        format!("bootstrap|roll back main/default/site to {}\n", &one[..7]),
        "Inkstone-Action: rollback\n".to_owned(),
        format!("Inkstone-Deployment: {}\n", release["deployment"].as_str().unwrap()),
        "Inkstone-Tool: rollback_service\n".to_owned(),
        format!("Source-Commit: {}\n", release["source_commit"].as_str().unwrap()),
        format!("Image: {}\n", release["image"].as_str().unwrap()),
    ] {
        assert!(message.contains(&part), "{part:?} in {message}");
    }

    // Before the first release there is none.
    let error = world.agent.refused("rollback_service", json!({"name": "site"}));
    assert_eq!(error["code"], "no_previous_release");
    assert_eq!(head(&world), commit);

    // To a deployment by its id, forth again; and once more is no change.
    let forth = world.agent.ok("rollback_service", json!({"name": "site", "to_deployment": id}));
    let commit = commit_on(&world, &forth, &commit);
    assert_eq!(tree(&world, &commit), tree(&world, &two));
    let again = world.agent.ok("rollback_service", json!({"name": "site", "to_deployment": id}));
    assert_eq!((&again["changed"], &again["commit"]), (&json!(false), &json!(null)));
    assert_eq!(head(&world), commit);
}

#[test]
fn what_was_deployed_once_more_is_left_together_with_its_twin() {
    let mut world = World::deployed();
    let first = world.service()["release"].clone();
    deploy(&mut world, "two");
    let again = world.agent.ok("redeploy_service", json!({"name": "site"}));
    world.wait_for_end(&again["deployment"]["id"]);
    let back = world.agent.ok("rollback_service", json!({"name": "site"}));
    assert_eq!(back["release"], first);
}

#[test]
fn the_release_before_is_the_one_that_ran_before() {
    let mut world = World::deployed();
    let one = world.agent.ok("get_service", json!({"name": "site"}))["release"].clone();
    deploy(&mut world, "two");
    deploy(&mut world, "three");
    for _ in 0..2 {
        world.agent.ok("rollback_service", json!({"name": "site"}));
    }
    deploy(&mut world, "four");
    let back = world.agent.ok("rollback_service", json!({"name": "site"}));
    assert_eq!(back["release"], one, "two and three were undone before four came");
}

#[test]
fn a_state_commit_brings_back_how_everything_was() {
    let mut world = World::deployed();
    let small = update(&mut world, &json!({"replicas": 2, "memory": "512Mi"}));
    update(&mut world, &set("TOKEN", "s3cret"));
    update(&mut world, &json!({"replicas": 4, "unset_env": ["TOKEN"]}));
    let with_env = update(&mut world, &set("LEVEL", "debug"));
    let before = update(&mut world, &json!({"unset_env": ["LEVEL"], "port": 9090}));

    let back = world.agent.ok("rollback_service", json!({"name": "site", "to_commit": with_env}));
    assert_eq!(back["fields"], json!(["spec.port", "env.LEVEL"]));
    let commit = commit_on(&world, &back, &before);
    assert_eq!(tree(&world, &commit), tree(&world, &with_env), "with the same ciphertexts");
    assert_eq!(env(&mut world), json!({"LEVEL": "debug"}));

    let back = world.agent.ok("rollback_service", json!({"name": "site", "to_commit": small}));
    let commit = commit_on(&world, &back, &commit);
    assert_eq!(tree(&world, &commit), tree(&world, &small));

    // From before the current release: what was fixed since is no part of what is undone.
    let (_, two) = deploy(&mut world, "two");
    let fixed = update(&mut world, &set("FIX", "1"));
    let back = world.agent.ok("rollback_service", json!({"name": "site", "to_commit": small}));
    assert_eq!(back["fields"], json!(["release"]));
    commit_on(&world, &back, &fixed);
    assert_eq!(env(&mut world), json!({"FIX": "1"}));
    assert_ne!(back["release"]["image"], json!(null));
    let subject = world.server.state().run(&["log", "-1", "--format=%s", &two]);
    assert!(subject.starts_with("deploy"), "{subject}");
}

#[test]
fn one_older_commit_is_undone_and_newer_ones_stay() {
    let mut world = World::deployed();
    let noisy = update(
        &mut world,
        &json!({"replicas": 3, "env_vars": [{"key": "LEVEL", "value": "trace"}, {"key": "KEPT", "value": "k"}]}),
    );
    update(&mut world, &set("OTHER", "o"));
    deploy(&mut world, "two");
    let before = update(&mut world, &json!({"memory": "512Mi"}));

    let undone = world.agent.ok("rollback_service", json!({"name": "site", "undo_commit": noisy}));
    assert_eq!(undone["fields"], json!(["spec.replicas", "env.KEPT", "env.LEVEL"]));
    assert!(undone["next"].as_str().unwrap().starts_with("The release stays"), "{undone}");
    let commit = commit_on(&world, &undone, &before);
    let touched = world.server.state().lines(&["show", "--name-only", "--format=", &commit]);
    assert_eq!(
        touched,
        [
            format!("{DIR}/env.sops.yaml"),
            format!("{DIR}/manifests/deployment.yaml"),
            format!("{DIR}/service.yaml"),
        ]
    );
    let message = world.server.state().run(&["log", "-1", "--format=%B", &commit]);
    assert!(message.contains(&format!("This reverts commit {noisy}.\n")), "{message}");
    assert!(message.contains("Inkstone-Action: revert\n"), "{message}");
    assert_eq!(env(&mut world), json!({"OTHER": "o"}));
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&shown["replicas"], &shown["memory"]), (&json!(1), &json!("512Mi")));
    assert_eq!(shown["release"]["source_commit"], world.site.head(), "the newer release stays");

    // And the undoing is undone, named as git names it.
    for (wrong, code) in [(&commit[..6], "invalid_argument"), ("0000000", "not_found")] {
        let undo = json!({"name": "site", "undo_commit": wrong});
        assert_eq!(world.agent.refused("rollback_service", undo)["code"], code);
    }
    let undone = json!({"name": "site", "undo_commit": commit[..7]});
    world.agent.ok("rollback_service", undone);
    let message = world.server.state().run(&["log", "-1", "--format=%B"]);
    assert!(message.contains(&format!("This reverts commit {commit}.\n")), "{message}");
    assert_eq!(env(&mut world), json!({"KEPT": "k", "LEVEL": "trace", "OTHER": "o"}));
}

#[test]
fn what_was_changed_again_since_is_asked_about_by_name() {
    let mut world = World::deployed();
    let first = update(
        &mut world,
        &json!({"replicas": 2, "memory": "512Mi", "env_vars": [{"key": "LEVEL", "value": "info"}]}),
    );
    let scaled = update(&mut world, &json!({"replicas": 5}));
    let level = update(&mut world, &set("LEVEL", "debug"));

    let undo = json!({"name": "site", "undo_commit": first});
    let error = world.agent.refused("rollback_service", undo.clone());
    assert_eq!(error["code"], "conflict");
    let conflicts = error["state"]["conflicts"].as_array().unwrap();
    let named: Vec<_> = conflicts.iter().map(|c| (&c["field"], &c["commit"], &c["by"])).collect();
    assert_eq!(
        named,
        [
            (&json!("spec.replicas"), &json!(scaled), &json!("bootstrap")),
            (&json!("env.LEVEL"), &json!(level), &json!("bootstrap")),
        ]
    );
    assert_eq!(conflicts[0]["subject"], "update main/default/site: spec.replicas");
    let suggestion = error["suggestion"].as_str().unwrap();
    assert!(suggestion.contains("restore") && suggestion.contains("keep"), "{suggestion}");
    assert_eq!(head(&world), level, "nothing was changed");

    let with = |policy: &str| {
        let mut arguments = undo.clone();
        arguments["on_conflict"] = json!(policy);
        arguments
    };
    let kept = world.agent.ok("rollback_service", with("keep"));
    assert_eq!(kept["fields"], json!(["spec.resources.memory"]));
    let commit = commit_on(&world, &kept, &level);
    let restored = world.agent.ok("rollback_service", with("restore"));
    assert_eq!(restored["fields"], json!(["spec.replicas", "env.LEVEL"]));
    commit_on(&world, &restored, &commit);
    assert_eq!(env(&mut world), json!({}));
}

#[test]
fn a_deletion_is_undone_with_everything_that_the_service_had() {
    let mut world = World::deployed();
    update(&mut world, &set("TOKEN", "s3cret"));
    let whole = head(&world);
    let deleted = world.agent.ok("delete_service", json!({"name": "site"}));
    let deletion = deleted["commit"].as_str().unwrap();
    let back = world.agent.ok("rollback_service", json!({"name": "site", "undo_commit": deletion}));
    assert_eq!(back["fields"], json!(["service"]));
    let commit = commit_on(&world, &back, deletion);
    assert_eq!(tree(&world, &commit), tree(&world, &whole));
    assert_eq!(env(&mut world), json!({"TOKEN": "s3cret"}));
    // It is alive: a push deploys.
    deploy(&mut world, "two");

    // Under a name that somebody took since it does not come back.
    let deleted = world.agent.ok("delete_service", json!({"name": "site"}));
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    let before = head(&world);
    for policy in ["ask", "restore"] {
        let error = world.agent.refused(
            "rollback_service",
            json!({"name": "site", "undo_commit": deleted["commit"], "on_conflict": policy}),
        );
        assert_eq!(error["code"], "conflict");
        assert_eq!(error["state"]["conflicts"][0]["field"], "metadata.uid");
        assert!(error["suggestion"].as_str().unwrap().contains("delete_service"), "{error}");
    }
    assert_eq!(head(&world), before);
}

#[test]
fn a_creation_is_undone_by_who_may_delete_and_only_while_nothing_is_lost() {
    let mut world = World::deployed();
    let before = tree(&world, "main");
    let created = world.agent.ok("create_service", json!({"name": "twin", "repo": "site"}));
    let creation = created["commit"].as_str().unwrap();
    let agent = &mut world.agent;
    crate::harness::wait_for("the first deployment", || {
        let service = agent.ok("get_service", json!({"name": "twin"}));
        (service["deployment"]["status"] == "committed").then_some(())
    });
    let undo = json!({"name": "twin", "undo_commit": creation});
    let error = world.agent.refused("rollback_service", undo.clone());
    assert_eq!(error["code"], "conflict");
    assert_eq!(error["state"]["conflicts"][0]["field"], "service");
    let deploy = head(&world);
    assert_eq!(error["state"]["conflicts"][0]["commit"], json!(deploy));

    let made = world.server.inkstone_ok(&[
        "key",
        "create",
        "ci",
        "--json",
        "--workspace",
        "main",
        "--scopes",
        "read,deploy",
    ]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let mut ci = Mcp::connect_as(&world.server, made["key"].as_str().unwrap());
    let restore = json!({"name": "twin", "undo_commit": creation, "on_conflict": "restore"});
    let error = ci.refused("rollback_service", restore.clone());
    assert_eq!(error["code"], "missing_scope");
    assert!(error["message"].as_str().unwrap().contains("delete"), "{error}");

    let undone = world.agent.ok("rollback_service", restore);
    commit_on(&world, &undone, &deploy);
    assert_eq!(tree(&world, "main"), before);
    assert_eq!(world.agent.refused("get_service", json!({"name": "twin"}))["code"], "not_found");
    let again = world.agent.ok("rollback_service", undo);
    assert_eq!(again["changed"], false);
}

#[test]
fn what_is_not_there_or_not_meant_is_refused_and_nothing_changes() {
    let mut world = World::deployed();
    world.agent.ok("create_service", json!({"name": "twin", "repo": "site"}));
    let agent = &mut world.agent;
    let twin = crate::harness::wait_for("the first deployment", || {
        let service = agent.ok("get_service", json!({"name": "twin"}));
        (service["deployment"]["status"] == "committed").then_some(service)
    });
    let source = world.site.head();
    let before = head(&world);
    for (arguments, code) in [
        (json!({"name": "siet"}), "not_found"),
        (json!({"name": "siet", "to_commit": before}), "not_found"),
        (json!({"name": "site", "to_commit": source}), "not_found"),
        (json!({"name": "site", "undo_commit": "1".repeat(40)}), "not_found"),
        // Another service's deployment is none of this one's.
        (json!({"name": "site", "to_deployment": twin["deployment"]["id"]}), "not_found"),
        (json!({"name": "site", "to_deployment": "dep_01jdezx2k7e5m8w3r4t6y9a0bc"}), "not_found"),
        (json!({"name": "site", "to_commit": before, "undo_commit": before}), "invalid_argument"),
        (json!({"name": "site", "workspace": "other"}), "not_found"),
    ] {
        let error = world.agent.refused("rollback_service", arguments.clone());
        assert_eq!(error["code"], code, "{arguments}: {error}");
    }
    // A commit that is about something else is the same answer as none at all.
    let absent = "1".repeat(40);
    for to in ["undo_commit", "to_commit"] {
        let foreign = world.agent.refused("rollback_service", json!({"name": "site", to: before}));
        let none = world.agent.refused("rollback_service", json!({"name": "site", to: absent}));
        assert_eq!(foreign.to_string().replace(&before, &absent), none.to_string());
    }
    assert_eq!(head(&world), before);

    let held = update(&mut world, &json!({"hold": {"reason": "wait"}}));
    let error = world.agent.refused("rollback_service", json!({"name": "site", "to_commit": held}));
    assert_eq!(error["code"], "on_hold");
    assert_eq!(head(&world), held);
}

#[test]
fn a_hold_that_was_lifted_comes_back_only_where_its_end_is_undone() {
    let mut world = World::deployed();
    let held = update(&mut world, &json!({"hold": {"reason": "wait"}}));
    let lifted = update(&mut world, &json!({"hold": null, "replicas": 2}));
    let back = world.agent.ok("rollback_service", json!({"name": "site", "to_commit": held}));
    assert_eq!(back["fields"], json!(["spec.replicas"]));
    let back = world.agent.ok("rollback_service", json!({"name": "site", "undo_commit": lifted}));
    assert_eq!(back["fields"], json!(["spec.hold"]));
}
