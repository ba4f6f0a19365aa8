//! Bad input through every argument: a clear refusal, nothing committed, nothing queued.

use crate::harness::World;
use serde_json::{Value, json};

/// What is hostile as a name and yet a plain branch or directory.
const FINE_IN_A_TREE: [&str; 3] = [".gitmodules", "A_b", "-x"];

/// Path tricks, confusable and invisible characters, options, URLs that run something, YAML, templates and
/// trailers, one string each.
const HOSTILE: [&str; 24] = [
    "../other",
    "/etc/passwd",
    ".git/config",
    ".gitmodules",
    "x ",
    "x.",
    "x\0y",
    "x\ny",
    "раypal",
    "e\u{301}",
    "x\u{202e}y",
    "x\u{200b}y",
    "A_b",
    "-x",
    "--upload-pack=touch",
    "ext::sh -c id",
    "file:///etc",
    "ssh://-oProxyCommand=id",
    "x\n- name: y",
    "{{ 7 * 7 }}",
    "!!python/object",
    "&a *a",
    "x\n\nInkstone-Action: deploy",
    "%2e%2e%2f",
];

#[test]
fn hostile_strings_in_every_argument_are_refused_and_change_nothing() {
    let mut world = World::deployed();
    let before = world.server.state().lines(&["rev-parse", "main", "live"]);
    let base = |extra: Value| {
        let mut arguments = json!({"name": "fresh", "repo": "site"});
        arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        arguments
    };
    let agent = &mut world.agent;
    for text in HOSTILE {
        for argument in [
            "name",
            "repo",
            "branch",
            "project",
            "workspace",
            "region",
            "host",
            "build_pack",
            "memory",
            "vcpus",
            "publish_directory",
            "root_directory",
        ] {
            let in_a_tree = argument == "branch" || argument.ends_with("_directory");
            if !(in_a_tree && FINE_IN_A_TREE.contains(&text)) {
                agent.refused("create_service", base(json!({ argument: text })));
            }
        }
        agent.refused("create_service", base(json!({"env_vars": [{"key": text, "value": "v"}]})));
        for tool in [
            "create_project",
            "create_repo",
            "get_git_token",
            "get_service",
            "get_service_history",
            "redeploy_service",
            "delete_service",
            "delete_project",
            "delete_repo",
        ] {
            for argument in ["name", "workspace"] {
                let mut arguments = json!({"name": "fresh"});
                arguments[argument] = json!(text);
                let error = agent.refused(tool, arguments);
                assert!(
                    !error["message"].as_str().unwrap().contains(['\u{202e}', '\n', '\0']),
                    "{error}"
                );
            }
        }
        agent.refused("cancel_deployment", json!({"deployment_id": text}));
        agent.refused("list_services", json!({"cursor": text, "project": "default"}));
    }
    let wrong = [
        json!({"port": 0}),
        json!({"port": 65536}),
        json!({"port": -1}),
        json!({"port": "http"}),
        json!({"memory": "257Mi"}),
        json!({"vcpus": 0.5}),
        json!({"env_vars": {"A": "b"}}),
        json!({"env_vars": [{"key": "PORT", "value": "1"}]}),
        json!({"env_vars": [{"key": "LD_PRELOAD", "value": "x"}]}),
        json!({"env_vars": [{"key": "A", "value": "x\u{0}y"}]}),
        json!({"env_vars": [{"key": "A"}]}),
        json!({"env_vars": [{"key": "A", "value": "x".repeat(33 * 1024)}]}),
        json!({"env_vars": [{"key": "A", "value": "1"}, {"key": "A", "value": "2"}]}),
        json!({"host": "github.com"}),
        json!({"build_pack": "dockercompose"}),
        json!({"unknown": 1}),
        json!({"repo": "https://github.com/a/b"}),
        json!({"repo": "a/b"}),
        json!({"name": "x".repeat(41)}),
        json!({"name": null}),
        json!({"name": 7}),
        json!({"name": ["a"]}),
    ];
    for extra in wrong {
        let answer = agent.call("create_service", base(extra.clone()));
        let refused = answer["result"]["isError"] == true || answer["ok"] == false;
        assert!(refused, "{extra}: {answer}");
        assert!(!answer.to_string().contains("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "a value is not echoed");
    }
    agent.refused("get_service", json!({"name": "site", "deploy_log_lines": 501}));
    assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), before);
    let listed = world.agent.ok("list_services", json!({}));
    assert_eq!(listed["services"].as_array().unwrap().len(), 1, "{listed}");
    let metrics = world.server.get("/metrics");
    assert!(!metrics.contains("queued\"} 1"), "{metrics}");
}

#[test]
fn hostile_strings_in_every_argument_of_a_change_are_refused_and_change_nothing() {
    let mut world = World::deployed();
    let before = world.server.state().lines(&["rev-parse", "main", "live"]);
    let agent = &mut world.agent;
    for text in HOSTILE {
        for argument in [
            "name",
            "project",
            "workspace",
            "repo",
            "branch",
            "build_pack",
            "memory",
            "vcpus",
            "publish_directory",
            "root_directory",
            "hold",
        ] {
            let in_a_tree = argument == "branch" || argument.ends_with("_directory");
            if !(in_a_tree && FINE_IN_A_TREE.contains(&text)) {
                let mut arguments = json!({"name": "site"});
                arguments[argument] = json!(text);
                agent.refused("update_service", arguments);
            }
        }
        for extra in [
            json!({"env_vars": [{"key": text, "value": "v"}]}),
            json!({"unset_env": [text]}),
            json!({"hold": {"reason": text, "by": "root"}}),
        ] {
            let mut arguments = json!({"name": "site"});
            arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            agent.refused("update_service", arguments);
        }
        for argument in [
            "name",
            "project",
            "workspace",
            "to_deployment",
            "to_commit",
            "undo_commit",
            "on_conflict",
        ] {
            let mut arguments = json!({"name": "site"});
            arguments[argument] = json!(text);
            agent.refused("rollback_service", arguments);
        }
    }
    assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), before);
}

#[test]
fn a_site_whose_links_lead_outside_is_not_built() {
    let mut world = World::new();
    std::os::unix::fs::symlink("/etc/passwd", world.site.path().join("passwd")).unwrap();
    world.site.commit("a link outside");
    world.site.push(&world.remote);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    let agent = &mut world.agent;
    let service = crate::harness::wait_for("the failure", || {
        let service = agent.ok("get_service", json!({"name": "site"}));
        (service["deployment"]["status"] == "failed").then_some(service)
    });
    assert!(
        service["deployment"]["error"]["message"].as_str().unwrap().contains("passwd"),
        "{service}"
    );
}
