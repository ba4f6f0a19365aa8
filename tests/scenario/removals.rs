//! Deleting what nobody needs any more: projects and repositories.

use crate::harness::{Git, World, wait_for};
use serde_json::json;

fn head(world: &World) -> String {
    world.server.state().run(&["rev-parse", "main"]).trim().to_owned()
}

#[test]
fn a_project_goes_in_one_commit_once_it_is_empty_and_comes_back_by_a_revert() {
    let mut world = World::new();
    world.agent.ok("create_project", json!({"name": "shop"}));
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        world.agent.ok("create_service", json!({"name": name, "repo": "site", "project": "shop"}));
    }
    let error = world.agent.refused("delete_project", json!({"name": "shop"}));
    assert_eq!(error["code"], "project_not_empty");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("shop/a, shop/b, shop/c, shop/d, shop/e and 2 more"), "{message}");
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        world.agent.ok("delete_service", json!({"name": name, "project": "shop"}));
    }
    let before = head(&world);
    let deleted = world.agent.ok("delete_project", json!({"name": "shop"}));
    assert_eq!(deleted["deleted"], true);
    let commit = deleted["commit"].as_str().unwrap();
    let state = world.server.state();
    assert_eq!(state.lines(&["rev-parse", "main", "live"]), [commit, commit]);
    assert_eq!(state.lines(&["rev-parse", &format!("{commit}^")]), [before.as_str()]);
    let gone = state.lines(&["show", "--name-status", "--format=", commit]);
    assert!(gone.len() > 1 && gone.iter().all(|line| line.starts_with("D\t")), "{gone:?}");
    assert!(gone.iter().all(|line| line.contains("/main/shop/")), "{gone:?}");
    let message = state.run(&["log", "-1", "--format=%B", commit]);
    assert!(message.starts_with("delete project main/shop\n"), "{message}");
    assert!(message.contains("Inkstone-Action: delete-project\n"), "{message}");

    let again = world.agent.ok("delete_project", json!({"name": "shop"}));
    assert_eq!((&again["deleted"], &again["commit"]), (&json!(false), &json!(null)));
    assert_eq!(head(&world), commit);
    let error = world
        .agent
        .refused("create_service", json!({"name": "a", "repo": "site", "project": "shop"}));
    assert_eq!(error["code"], "not_found");

    let clone = world.server.clone_state("operator");
    clone.run(&["revert", "--no-edit", commit]);
    clone.run(&["push", "origin", "HEAD:main"]);
    world.agent.ok("create_service", json!({"name": "a", "repo": "site", "project": "shop"}));
}

#[test]
fn a_repository_goes_once_no_service_follows_it_and_its_tokens_with_it() {
    let mut world = World::deployed();
    let before = head(&world);
    let error = world.agent.refused("delete_repo", json!({"name": "site"}));
    assert_eq!(error["code"], "repo_in_use");
    assert!(error["message"].as_str().unwrap().contains("default/site"), "{error}");
    world.push("it still takes pushes");
    world.wait_for_head();
    assert_ne!(head(&world), before);

    let deletion = world.agent.ok("delete_service", json!({"name": "site"}));
    let deleted = world.agent.ok("delete_repo", json!({"name": "site"}));
    assert_eq!(deleted["deleted"], true);
    assert_eq!(world.agent.ok("list_repos", json!({}))["repos"], json!([]));
    let said = world.site.refused(&["push", &world.remote, "HEAD:main"]);
    assert!(said.contains("Authentication failed"), "{said}");
    let again = world.agent.ok("delete_repo", json!({"name": "site"}));
    assert_eq!(again["deleted"], false);
    assert_eq!(world.agent.refused("get_git_token", json!({"name": "site"}))["code"], "not_found");
    let left: Vec<_> = std::fs::read_dir(world.server.data().join("repos")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the workspace's folder: {left:?}");

    // The service can come back without it, and says what it lacks.
    let back = world
        .agent
        .ok("rollback_service", json!({"name": "site", "undo_commit": deletion["commit"]}));
    assert!(back["next"].as_str().unwrap().contains("create_repo"), "{back}");
    let error = world.agent.refused("redeploy_service", json!({"name": "site"}));
    assert_eq!(error["code"], "not_found");
    assert!(error["suggestion"].as_str().unwrap().contains("create_repo"), "{error}");

    // A new one of the name is empty, and the old remote does not open it.
    let made = world.agent.ok("create_repo", json!({"name": "site"}));
    assert_eq!(world.agent.ok("list_repos", json!({}))["repos"][0]["branches"], json!([]));
    world.site.refused(&["push", &world.remote, "HEAD:main"]);
    world.remote = made["git_remote"].as_str().unwrap().to_owned();
    world.push("again");
    world.wait_for_head();
}

#[test]
fn a_repository_that_is_pushed_to_goes_all_the_same() {
    let mut world = World::new();
    // A push that takes a while.
    for file in 0..200 {
        world.site.write(&format!("{file}.txt"), &format!("{file}\n").repeat(2_000));
    }
    world.site.commit("much");
    for _ in 0..5 {
        let remote = world.remote.clone();
        let pusher = Git::at(world.site.path());
        let push = std::thread::spawn(move || {
            pusher.try_run(&["push", "--force", &remote, "HEAD:main", "HEAD:other"])
        });
        let agent = &mut world.agent;
        let deleted = wait_for("the repository's end", || {
            let deleted = agent.ok("delete_repo", json!({"name": "site"}));
            (deleted["deleted"] == true).then_some(deleted)
        });
        assert_eq!(deleted["deleted"], true);
        let made = world.agent.ok("create_repo", json!({"name": "site"}));
        world.remote = made["git_remote"].as_str().unwrap().to_owned();
        // However the push ended: the new repository has nothing of it.
        push.join().unwrap();
        assert_eq!(world.agent.ok("list_repos", json!({}))["repos"][0]["branches"], json!([]));
        let repo = Git::at(&world.server.data().join("repos/main/site.git"));
        assert_eq!(repo.run(&["count-objects"]).trim(), "0 objects, 0 kilobytes");
    }
    world.site.push(&world.remote);
}
