//! What a key may do, and what it may not even know of.

use crate::harness::{Mcp, World};
use serde_json::json;

#[test]
fn a_foreign_object_and_an_absent_one_are_the_same_answer() {
    let world = World::deployed();
    world.server.inkstone_ok(&["workspace", "add", "rival"]);
    let all = "read,env:read,deploy,delete,state:push,dns,database,admin";
    let rival = world.key("rival-agent", &["--workspace", "rival", "--scopes", all]);
    let mut rival = Mcp::connect_as(&world.server, &rival);
    let tools = [
        ("get_service", json!({"name": "site"})),
        ("get_service_history", json!({"name": "site"})),
        ("list_services", json!({})),
        ("list_projects", json!({})),
        ("list_repos", json!({})),
        ("redeploy_service", json!({"name": "site"})),
        ("delete_service", json!({"name": "site"})),
        ("create_service", json!({"name": "mine", "repo": "site"})),
        ("create_repo", json!({"name": "mine"})),
        ("get_git_token", json!({"name": "site"})),
        ("create_project", json!({"name": "mine"})),
        ("update_service", json!({"name": "site", "replicas": 2})),
        ("rollback_service", json!({"name": "site"})),
        ("delete_project", json!({"name": "default"})),
        ("delete_repo", json!({"name": "site"})),
    ];
    for (tool, arguments) in tools {
        let in_workspace = |workspace: &str| {
            let mut arguments = arguments.clone();
            arguments["workspace"] = json!(workspace);
            arguments
        };
        let foreign = rival.refused(tool, in_workspace("main"));
        let absent = rival.refused(tool, in_workspace("nowhere"));
        assert_eq!(foreign["code"], "not_found", "{tool}");
        assert_eq!(
            foreign.to_string().replace("main", "X"),
            absent.to_string().replace("nowhere", "X"),
            "{tool}"
        );
    }
    let workspaces = rival.ok("list_workspaces", json!({}));
    assert_eq!(workspaces["workspaces"].as_array().unwrap().len(), 1);
    assert_eq!(workspaces["workspaces"][0]["name"], "rival");
    // Its own names are no hint at others': nothing near is offered.
    let error = rival.refused("get_service", json!({"name": "siet"}));
    assert!(!error.to_string().contains("site"), "{error}");
    // Nor does git tell: the state repo holds every workspace.
    let git = crate::harness::Git::at(world.server.folder());
    let url = |path: &str| {
        world.server.with_credential(
            &world.key(
                &path.replace(['/', '.'], "x")[1..],
                &["--workspace", "rival", "--scopes", all],
            ),
            path,
        )
    };
    let foreign = git.refused(&["ls-remote", &url("/git/main/site.git")]);
    let absent = git.refused(&["ls-remote", &url("/git/main/sit.git")]);
    assert!(foreign.contains("not found") && absent.contains("not found"), "{foreign}{absent}");
    assert!(git.refused(&["ls-remote", &url("/state.git")]).contains("not found"));
}

#[test]
fn a_key_does_what_its_scopes_say_and_a_revoked_one_nothing() {
    let world = World::deployed();
    let reader_key = world.key("reader", &["--scopes", "read"]);
    let mut reader = Mcp::connect_as(&world.server, &reader_key);
    assert_eq!(reader.ok("whoami", json!({}))["scopes"], json!(["read"]));
    reader.ok("get_service", json!({"name": "site"}));
    for (tool, arguments) in [
        ("get_service", json!({"name": "site", "include_env": true})),
        ("redeploy_service", json!({"name": "site"})),
        ("delete_service", json!({"name": "site"})),
        ("create_repo", json!({"name": "x"})),
        ("get_git_token", json!({"name": "site"})),
    ] {
        assert_eq!(reader.refused(tool, arguments)["code"], "missing_scope", "{tool}");
    }
    // The same key clones with git, and cannot push.
    let remote = world.server.with_credential(&reader_key, "/git/main/site.git");
    let clone = crate::harness::Git::clone(&remote, &world.server.folder().join("reader"));
    clone.commit_empty("x");
    let said = clone.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("deploy"), "{said}");

    world.server.inkstone_ok(&["key", "revoke", "reader"]);
    crate::harness::wait_for("the end of the key", || {
        let answer = reader.call("whoami", json!({}));
        (answer["ok"] == false && answer["error"]["httpStatus"] == 401).then_some(())
    });
}

#[test]
fn a_git_token_is_good_for_its_repo_alone() {
    let mut world = World::deployed();
    world.agent.ok("create_repo", json!({"name": "other"}));
    let token = world.remote.split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
    assert!(token.starts_with("mlg_"));
    let git = crate::harness::Git::at(world.server.folder());
    git.run(&["ls-remote", &world.server.with_credential(&token, "/git/main/site.git")]);
    for path in ["/git/main/other.git", "/state.git", "/git/nowhere/site.git"] {
        let said = git.refused(&["ls-remote", &world.server.with_credential(&token, path)]);
        assert!(said.contains("not found"), "{path}: {said}");
    }
    let said = git
        .refused(&["ls-remote", &world.server.with_credential("mlg_forged", "/git/main/site.git")]);
    assert!(said.contains("Authentication failed") || said.contains("could not read"), "{said}");
}

#[test]
fn law_6_no_secret_reaches_the_log_whatever_the_operator_asks_it_to_say() {
    let mut world = World::deployed();
    world.server.stop();
    world.server.start_again_with(&[("INKSTONE_LOG", "trace")]);
    world.agent.reconnect();
    let token = world.agent.ok("get_git_token", json!({"name": "site"}));
    world.agent.ok(
        "create_service",
        json!({"name": "other", "repo": "site", "env_vars": [{"key": "A", "value": "hunter2-hunter2"}]}),
    );
    world.agent.ok("get_service", json!({"name": "other", "include_env": true}));
    world.push("two");
    world.server.stop();
    let log = world.server.rest_of_log();
    let token =
        token["git_remote"].as_str().unwrap().split(':').nth(2).unwrap().split('@').next().unwrap();
    assert!(log.contains("create_service"), "the log says what happened");
    for secret in ["hunter2-hunter2", token, &world.server.key, &world.remote] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
