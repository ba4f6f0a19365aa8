//! A disk that is full and one that takes nothing: whoever it concerns is told, nothing is lost, and the
//! server goes on by itself.

use crate::harness::{Server, World};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};

#[test]
fn on_a_full_disk_nothing_is_changed_and_with_room_everything_goes_on() {
    let mut world = deployed();
    let before = head(&mut world);
    let fill = world.server.data().join("fill");
    fill_up(&fill);
    let error = world.agent.refused("update_service", json!({"name": "site", "replicas": 2}));
    assert_eq!(error["code"], "storage_full", "{error}");
    for (tool, name) in
        [("create_repo", "other"), ("get_git_token", "site"), ("redeploy_service", "site")]
    {
        let error = world.agent.refused(tool, json!({"name": name}));
        assert_eq!(error["code"], "storage_full", "{tool}: {error}");
    }
    world.site.write("index.html", "<h1>too much</h1>");
    world.site.commit("two");
    let said = world.site.refused(&["push", &world.remote, "HEAD:main"]);
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(world.service()["replicas"], 1, "what is there can be read");
    assert_eq!(head(&mut world), before);

    fs::remove_file(fill).unwrap();
    world.agent.ok("update_service", json!({"name": "site", "replicas": 2}));
    world.agent.ok("create_repo", json!({"name": "other"}));
    world.agent.ok("get_git_token", json!({"name": "site"}));
    world.agent.ok("redeploy_service", json!({"name": "site"}));
    world.site.push(&world.remote);
    world.wait_for_head();
}

#[test]
fn a_state_repo_that_cannot_be_written_is_told_and_written_once_it_can() {
    let mut world = deployed();
    let before = head(&mut world);
    let state = world.server.folder().join("data/state.git").display().to_string();
    world.server.inside(&["mount", "--bind", &state, &state]);
    world.server.inside(&["mount", "-o", "remount,bind,ro", &state]);
    let error = world.agent.refused("update_service", json!({"name": "site", "replicas": 2}));
    assert_eq!(error["code"], "storage_read_only", "{error}");
    assert_eq!(world.service()["replicas"], 1, "what is there can be read");
    assert_eq!(head(&mut world), before);
    world.server.inside(&["umount", &state]);
    world.agent.ok("update_service", json!({"name": "site", "replicas": 2}));
    world.push("two");
    world.wait_for_head();
}

#[test]
fn a_deployment_waits_for_the_disk_and_goes_on_by_itself() {
    let mut world = deployed();
    let folder = world.server.folder().join("data");
    let state = folder.join("state.git").display().to_string();
    world.server.inside(&["mount", "--bind", &state, &state]);
    world.server.inside(&["mount", "-o", "remount,bind,ro", &state]);
    world.push("two");
    world.wait_until_it_waits("The server's disk is read-only");
    world.server.inside(&["umount", &state]);
    world.wait_for_head();

    let images = folder.join("images").display().to_string();
    world.server.inside(&["mount", "-t", "tmpfs", "-o", "size=16k", "images", &images]);
    world.server.inside(&["mkdir", &format!("{images}/.staging")]);
    world.push("three");
    world.wait_until_it_waits("The server's disk is full");
    world.server.inside(&["umount", &images]);
    world.wait_for_head();
}

/// A deployed site on a small disk.
fn deployed() -> World {
    let mut world = World::of(Server::start_on_a_small_disk());
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    world
}

/// Where the state repo is.
fn head(world: &mut World) -> Value {
    world.service()["commit"].clone()
}

/// Writes until there is no room for one byte more.
fn fill_up(path: &std::path::Path) {
    let mut file = File::create(path).unwrap();
    let mut size = 1024 * 1024;
    while size > 0 {
        match file.write_all(&vec![0; size]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
            Err(error) => panic!("{error}"),
        }
    }
}
