//! Create, push, deploy, push again, redeploy, delete: what someone does with their own site.

use crate::harness::{Mcp, World, wait_for};
use serde_json::{Value, json};

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

#[test]
fn a_call_and_a_push_become_reviewable_commits() {
    let mut world = World::new();
    let created = world.agent.ok(
        "create_service",
        json!({"name": "site", "repo": "site", "memory": "512Mi",
               "env_vars": [{"key": "GREETING", "value": "hello: no"}]}),
    );
    let service = world.wait_for_head();
    let state = world.server.state();

    // Creating and deploying are commits of their own.
    let create = created["commit"].as_str().unwrap();
    let deploy = service["deployment"]["commit"].as_str().unwrap();
    assert_eq!(state.lines(&["rev-parse", "main", "live"]), [deploy, deploy]);
    assert_eq!(state.lines(&["rev-parse", &format!("{deploy}^")]), [create]);
    let touched = |commit: &str| state.lines(&["show", "--name-status", "--format=", commit]);
    let host = created["url"].as_str().unwrap().strip_prefix("https://").unwrap();
    let created_files = touched(create);
    assert_eq!(created_files.len(), 3, "{created_files:?}");
    assert!(created_files.contains(&format!("A\t{DIR}/service.yaml")));
    assert!(created_files.contains(&format!("A\t{DIR}/env.sops.yaml")));
    assert!(
        created_files
            .iter()
            .any(|f| f.starts_with("A\thosts/") && f.ends_with(&format!("/{host}.yaml")))
    );
    assert_eq!(
        touched(deploy),
        [
            format!("A\t{DIR}/manifests/deployment.yaml"),
            format!("A\t{DIR}/manifests/ingress.yaml"),
            format!("A\t{DIR}/manifests/service.yaml"),
            format!("M\t{DIR}/service.yaml"),
        ]
    );

    // git log tells who did what, through what, to which service, at which source commit.
    let head = world.site.head();
    let message = state.run(&["log", "-1", "--format=%an|%cn|%B", deploy]);
    for part in [
        "bootstrap|Inkstone|deploy main/default/site at ",
        "Inkstone-Action: deploy\n",
        "Inkstone-Service: main/default/site\n",
        &format!("Inkstone-Deployment: {}\n", service["deployment"]["id"].as_str().unwrap()),
        "Inkstone-Actor: bootstrap\n",
        "Inkstone-Tool: create_service\n",
        "Source-Repo: inkstone/main/site\n",
        &format!("Source-Commit: {head}\n"),
        &format!("Image: {}\n", service["release"]["image"].as_str().unwrap()),
    ] {
        assert!(message.contains(part), "{part:?} in {message}");
    }

    // The value is nowhere in clear; the name is for everyone to see.
    let all = state.run(&["log", "-p", "--all"]);
    assert!(all.contains("GREETING") && !all.contains("hello: no"));
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(shown["env_vars"], json!([{"key": "GREETING"}]));
    let opened = world.agent.ok("get_service", json!({"name": "site", "include_env": true}));
    assert_eq!(opened["env_vars"], json!([{"key": "GREETING", "value": "hello: no"}]));
}

#[test]
fn a_second_push_deploys_itself_and_its_diff_is_small() {
    let mut world = World::deployed();
    let said = world.push("two");
    assert!(said.contains("remote: main/default/site: queued at "), "{said}");
    assert!(said.contains("get_service"), "{said}");
    let service = world.wait_for_head();
    let deploy = service["deployment"]["commit"].as_str().unwrap();
    let state = world.server.state();
    let changed = state.lines(&["show", "--numstat", "--format=", deploy]);
    // Three lines of the release; the image and two annotations of the manifest.
    assert_eq!(
        changed,
        [format!("3\t3\t{DIR}/manifests/deployment.yaml"), format!("3\t3\t{DIR}/service.yaml")],
    );
    assert!(
        state.run(&["show", "-s", "--format=%B", deploy]).contains("Inkstone-Tool: git push\n")
    );
}

#[test]
fn a_push_of_a_tag_or_to_another_branch_or_a_deletion_deploys_nothing() {
    let mut world = World::deployed();
    let before = world.server.state().lines(&["rev-parse", "main"]);
    world.site.run(&["push", &world.remote, "HEAD:refs/heads/other", "HEAD:refs/tags/main"]);
    world.site.run(&["push", &world.remote, ":refs/heads/other"]);
    let service = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(service["deployment"]["trigger"], "api");
    assert_eq!(world.server.state().lines(&["rev-parse", "main"]), before);
}

#[test]
fn redeploying_is_one_more_commit_with_the_same_image() {
    let mut world = World::deployed();
    let first = world.agent.ok("get_service", json!({"name": "site"}));
    let redeployed = world.agent.ok("redeploy_service", json!({"name": "site"}));
    let id = redeployed["deployment"]["id"].clone();
    let agent = &mut world.agent;
    let second = wait_for("the redeploy", || {
        let service = agent.ok("get_service", json!({"name": "site"}));
        (service["deployment"]["id"] == id && service["deployment"]["status"] == "committed")
            .then_some(service)
    });
    assert_ne!(first["deployment"]["commit"], second["deployment"]["commit"]);
    assert_eq!(first["release"]["image"], second["release"]["image"]);
    let commit = second["deployment"]["commit"].as_str().unwrap();
    let diff = world.server.state().run(&["show", "--format=", commit]);
    let moved = diff.lines().any(|line| line.starts_with('+') && line.contains("image"));
    assert!(!moved, "the pods do not change:\n{diff}");
}

#[test]
fn deleting_is_one_commit_and_deleting_again_is_no_error() {
    let mut world = World::deployed();
    let deleted = world.agent.ok("delete_service", json!({"name": "site"}));
    assert_eq!(deleted["deleted"], true);
    let commit = deleted["commit"].as_str().unwrap();
    let state = world.server.state();
    let gone = state.lines(&["show", "--name-status", "--format=", commit]);
    assert_eq!(gone.len(), 5, "{gone:?}");
    assert!(gone.iter().all(|line| line.starts_with("D\t")));
    let again = world.agent.ok("delete_service", json!({"name": "site"}));
    assert_eq!(again["deleted"], false);
    assert_eq!(state.lines(&["rev-parse", "main"]), [commit]);
    assert_eq!(world.agent.ok("list_services", json!({}))["services"], json!([]));
    let error = world.agent.refused("get_service", json!({"name": "site"}));
    assert_eq!(error["code"], "not_found");

    // The name is free again, and the new service is another one.
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
}

#[test]
fn a_newer_push_takes_the_place_of_what_still_waits() {
    let mut world = World::deployed();
    for version in ["two", "three", "four", "five"] {
        world.push(version);
    }
    let service = world.wait_for_head();
    let state = world.server.state();
    let deploys = state.lines(&["log", "--format=%s", "--grep=Inkstone-Action: deploy", "main"]);
    assert!((2..=5).contains(&deploys.len()), "{deploys:?}");
    assert!(deploys[0].ends_with(&world.site.head()[..7]));
    assert_eq!(service["release"]["source_commit"], world.site.head());
}

#[test]
fn an_unknown_name_offers_what_was_meant_and_a_taken_one_shows_what_is_there() {
    let mut world = World::deployed();
    let error = world.agent.refused("get_service", json!({"name": "siet"}));
    assert_eq!(error["code"], "not_found");
    assert!(error["suggestion"].as_str().unwrap().contains("default/site"), "{error}");
    let error = world.agent.refused("create_service", json!({"name": "site", "repo": "site"}));
    assert_eq!(error["code"], "service_exists");
    assert_eq!(error["state"]["deployment"]["status"], "committed");
    assert!(error["suggestion"].as_str().unwrap().contains("redeploy_service"));
    let error = world.agent.refused("create_service", json!({"name": "other", "repo": "sit"}));
    assert!(error["suggestion"].as_str().unwrap().contains("site"), "{error}");
    let error = world.agent.refused("list_services", json!({"project": "defualt"}));
    assert!(error["suggestion"].as_str().unwrap().contains("default"), "{error}");
    let error = world
        .agent
        .refused("create_service", json!({"name": "other", "repo": "site", "project": "defualt"}));
    assert!(error["suggestion"].as_str().unwrap().contains("default"), "{error}");
}

#[test]
fn a_service_may_come_before_its_first_push() {
    let mut world = World::new();
    world.agent.ok("create_repo", json!({"name": "later"}));
    let created = world.agent.ok("create_service", json!({"name": "later", "repo": "later"}));
    assert_eq!(created["deployment"], json!(null));
    assert!(created["next"].as_str().unwrap().starts_with("Push to later"));
    let error = world.agent.refused("redeploy_service", json!({"name": "later"}));
    assert_eq!(error["code"], "nothing_pushed");
    let token = world.agent.ok("get_git_token", json!({"name": "later"}));
    world.site.push(token["git_remote"].as_str().unwrap());
    let agent = &mut world.agent;
    wait_for("the first deployment", || {
        let service = agent.ok("get_service", json!({"name": "later"}));
        (service["deployment"]["status"] == "committed").then_some(())
    });
}

#[test]
fn a_build_that_cannot_work_fails_with_a_reason_and_commits_nothing() {
    let mut world = World::new();
    world
        .agent
        .ok("create_service", json!({"name": "site", "repo": "site", "publish_directory": "dist"}));
    let agent = &mut world.agent;
    let service = wait_for("the failure", || {
        let service = agent.ok("get_service", json!({"name": "site", "deploy_log_lines": 20}));
        (service["deployment"]["status"] == "failed").then_some(service)
    });
    let error = &service["deployment"]["error"];
    assert_eq!(error["code"], "directory_not_found", "{service}");
    assert!(error["message"].as_str().unwrap().contains("dist"));
    let log = service["deployment"]["logs"].to_string();
    assert!(log.contains("dist"), "{log}");
    let subject = world.server.state().run(&["log", "-1", "--format=%s", "main"]);
    assert_eq!(subject.trim(), "create main/default/site");
}

#[test]
fn law_8_every_image_that_history_names_is_there_by_its_digest() {
    let mut world = World::deployed();
    for version in ["two", "three"] {
        world.push(version);
        world.wait_for_head();
    }
    world.agent.ok("delete_service", json!({"name": "site"}));
    let format = "--format=%(trailers:key=Image,valueonly,separator=)";
    let deploys = ["log", "--grep=^Inkstone-Action: deploy$", format, "main"];
    let images = world.server.state().lines(&deploys);
    assert_eq!(images.len(), 3, "{images:?}");
    let blobs = world.server.data().join("images/main/default/site/blobs/sha256");
    for image in images {
        let manifest = std::fs::read(blobs.join(image.strip_prefix("sha256:").unwrap())).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let digest = layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            assert_eq!(blobs.join(digest).metadata().unwrap().len(), layer["size"], "{layer}");
        }
    }
}

#[test]
fn law_9_without_a_cluster_a_deployment_ends_at_committed_and_nothing_is_said_to_run() {
    let mut world = World::deployed();
    let service = world.service();
    assert_eq!(service["deployment"]["status"], "committed");
    assert_eq!(service["runtime"]["status"], "not_observed");
    let listed = world.agent.ok("list_services", json!({}));
    assert_eq!(listed["services"][0]["status"], "committed", "{listed}");
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let mut world = World::deployed();
    world.server.stop();
    world.server.start_again();
    world.agent.reconnect();
    world.push("two");
    world.server.stop();
    world.server.start_again();
    world.agent = Mcp::connect(&world.server);
    world.wait_for_head();
    let deploys = world.server.state().lines(&[
        "log",
        "--format=%s",
        "--grep=Inkstone-Action: deploy",
        "main",
    ]);
    assert_eq!(deploys.len(), 2, "{deploys:?}");
}
