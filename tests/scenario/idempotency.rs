//! The same call made again under the same key: done once, answered the same.

use crate::harness::{Mcp, World, wait_for};
use serde_json::{Value, json};

fn commits(world: &World) -> usize {
    world.server.state().lines(&["rev-list", "main"]).len()
}

fn with_key(mut arguments: Value, key: &str) -> Value {
    arguments["idempotency_key"] = json!(key);
    arguments
}

#[test]
fn a_repeated_call_is_answered_the_same_and_done_once_also_after_a_restart() {
    let mut world = World::deployed();
    world.push("two");
    world.wait_for_head();
    let calls = [
        ("create_project", json!({"name": "shop"})),
        ("create_service", json!({"name": "twin", "repo": "site"})),
        ("update_service", json!({"name": "site", "replicas": 3})),
        ("redeploy_service", json!({"name": "twin"})),
        ("rollback_service", json!({"name": "site"})),
        ("delete_service", json!({"name": "twin"})),
        ("delete_project", json!({"name": "shop"})),
    ];
    let mut answers = Vec::new();
    for (number, (tool, arguments)) in calls.iter().enumerate() {
        let arguments = with_key(arguments.clone(), &format!("call-{number}"));
        let first = world.agent.ok(tool, arguments.clone());
        assert_eq!(world.agent.ok(tool, arguments.clone()), first, "{tool}");
        answers.push((tool, arguments, first));
    }
    let agent = &mut world.agent;
    wait_for("an empty queue", || {
        let service = agent.ok("get_service", json!({"name": "site"}));
        (service["deployment"]["status"] == "committed").then_some(())
    });
    world.server.stop();
    let before = commits(&world);
    world.server.start_again();
    world.agent = Mcp::connect(&world.server);
    for (tool, arguments, first) in answers {
        assert_eq!(world.agent.ok(tool, arguments), first, "{tool} after a restart");
    }
    assert_eq!(commits(&world), before, "nothing was done twice");
    assert_eq!(world.agent.ok("list_projects", json!({}))["projects"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_means_one_call_of_one_api_key() {
    let mut world = World::deployed();
    let scale = |replicas: u8| with_key(json!({"name": "site", "replicas": replicas}), "../k");
    let first = world.agent.ok("update_service", scale(2));
    let before = commits(&world);
    let error = world.agent.refused("update_service", scale(3));
    assert_eq!(error["code"], "idempotency_conflict");
    assert!(error["message"].as_str().unwrap().contains("update_service"), "{error}");
    let error = world.agent.refused("redeploy_service", with_key(json!({"name": "site"}), "../k"));
    assert_eq!(error["code"], "idempotency_conflict");
    assert_eq!(commits(&world), before);
    // The order of arguments is no difference.
    let turned = json!({"idempotency_key": "../k", "replicas": 2, "name": "site"});
    assert_eq!(world.agent.ok("update_service", turned), first);

    // Whose key it is not, does not see the answer, and does not stand in the way.
    let made = world.server.inkstone_ok(&[
        "key",
        "create",
        "other",
        "--json",
        "--workspace",
        "main",
        "--scopes",
        "read,deploy",
    ]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let mut other = Mcp::connect_as(&world.server, made["key"].as_str().unwrap());
    let updated = other.ok("update_service", scale(4));
    assert_eq!((&updated["changed"], commits(&world)), (&json!(true), before + 1));
}

#[test]
fn a_refused_call_is_tried_anew_under_its_key() {
    let mut world = World::new();
    let create = with_key(json!({"name": "later", "repo": "later"}), "k");
    assert_eq!(world.agent.refused("create_service", create.clone())["code"], "not_found");
    world.agent.ok("create_repo", json!({"name": "later"}));
    let created = world.agent.ok("create_service", create.clone());
    assert_eq!(world.agent.ok("create_service", create), created);
    for key in ["", " ", "a b", "k\n", "k\0", "ключ", "k\u{200b}", &"k".repeat(129)] {
        let error = world.agent.refused("create_project", with_key(json!({"name": "shop"}), key));
        assert_eq!(error["code"], "invalid_argument", "{error}");
        assert!(error["message"].as_str().unwrap().starts_with("`idempotency_key` "), "{error}");
    }
    let error = world.agent.refused("get_service", with_key(json!({"name": "later"}), "k"));
    assert_eq!(error["code"], "invalid_argument", "what only reads needs none");
}

#[test]
fn many_at_once_with_the_same_key_make_one_commit_and_get_one_answer() {
    let world = World::deployed();
    let before = commits(&world);
    let mut agents: Vec<_> = (0..6).map(|_| Mcp::connect(&world.server)).collect();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let call = |agent: &mut Mcp| {
            let arguments = with_key(json!({"name": "twin", "repo": "site"}), "once");
            wait_for("the answer", || {
                let answer = agent.call("create_service", arguments.clone());
                let content = answer["result"]["structuredContent"].clone();
                if answer["result"]["isError"] == true {
                    assert_eq!(content["code"], "in_progress", "{answer}");
                    return None;
                }
                Some(content)
            })
        };
        let calls: Vec<_> =
            agents.iter_mut().map(|agent| scope.spawn(move || call(agent))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let created = world.server.state().lines(&["log", "--format=%s", "--grep=^create ", "main"]);
    assert_eq!(created.iter().filter(|line| line.ends_with("/twin")).count(), 1);
    assert!(commits(&world) <= before + 2, "the creation, and its deploy");
}

#[test]
fn a_token_is_never_kept_and_whoever_asks_again_gets_a_new_one() {
    let mut world = World::new();
    for (tool, name) in [("create_repo", "fresh"), ("get_git_token", "site")] {
        let arguments = with_key(json!({"name": name}), tool);
        let first = world.agent.ok(tool, arguments.clone());
        let again = world.agent.ok(tool, arguments.clone());
        assert_ne!(first["git_remote"], again["git_remote"], "{tool}");
        for answer in [&first, &again] {
            world.site.run(&["ls-remote", answer["git_remote"].as_str().unwrap()]);
        }
        assert_eq!(world.agent.ok("list_repos", json!({}))["repos"].as_array().unwrap().len(), 2);
    }
    world.server.stop();
    for file in std::fs::read_dir(world.server.data()).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() {
            let bytes = std::fs::read(&file).unwrap();
            let held = bytes.windows(4).any(|bytes| bytes == b"mlg_");
            assert!(!held, "a token in {}", file.display());
        }
    }
}

#[test]
fn a_killed_server_leaves_no_key_busy() {
    let mut world = World::deployed();
    for round in 0..3 {
        let arguments =
            with_key(json!({"name": "site", "replicas": 5 + round}), &format!("r{round}"));
        let mut agent = Mcp::connect(&world.server);
        let sent = arguments.clone();
        let call = std::thread::spawn(move || {
            // Lost with the server or not, the answer does not matter.
            drop(agent.ask(&json!({"op": "call", "name": "update_service", "arguments": sent})));
        });
        let known = format!("replicas: {}", 5 + round);
        let state = world.server.state();
        wait_for("the change", || {
            let dir = "clusters/eu-central-1/main/default/services/site/service.yaml";
            state.run(&["show", &format!("main:{dir}")]).contains(&known).then_some(())
        });
        world.server.kill();
        call.join().unwrap();
        world.server.start_again();
        world.agent = Mcp::connect(&world.server);
        let again = world.agent.ok("update_service", arguments);
        let replayed = again["changed"] == true;
        assert!(replayed || again["commit"].is_null(), "{again}");
    }
    let updates = world.server.state().lines(&["log", "--format=%s", "--grep=^update ", "main"]);
    assert_eq!(updates.len(), 3, "each once: {updates:?}");
}
