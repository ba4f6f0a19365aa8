//! `inkstone doctor`: what is wrong with a data directory, and what to do.

use crate::harness::{Git, Server, World};
use serde_json::{Value, json};
use std::fs::{File, FileTimes, Permissions, remove_file, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The checks by name, and the exit code.
fn look(server: &Server) -> (Value, i32) {
    let output = server.inkstone(&["doctor", "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    let code = output.status.code().unwrap();
    assert_eq!(answer["healthy"], code == 0);
    let by_name = |check: &Value| (check["check"].as_str().unwrap().to_owned(), check.clone());
    (answer["checks"].as_array().unwrap().iter().map(by_name).collect(), code)
}

/// One check: how it came out, and all that it says.
fn check(server: &Server, name: &str) -> (String, String) {
    let check = look(server).0[name].clone();
    let status = check["status"].as_str().unwrap_or_else(|| panic!("no check {name}")).to_owned();
    (status, format!("{} {}", check["found"], check["advice"]))
}

fn mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_healthy_server_is_found_healthy_while_it_runs_and_when_it_is_stopped() {
    let mut world = World::new();
    world.agent.ok(
        "create_service",
        json!({"name": "site", "repo": "site", "env_vars": [{"key": "A", "value": "b"}]}),
    );
    world.wait_for_head();
    for running in [true, false] {
        if !running {
            world.server.stop();
        }
        let (checks, code) = look(&world.server);
        let unwell: Vec<_> = checks
            .as_object()
            .unwrap()
            .values()
            .filter(|check| check["status"] == "fail")
            .collect();
        assert!(code == 0 && unwell.is_empty(), "{unwell:#?}");
        for (name, says) in [
            ("git", "2."),
            ("state repo", "1 service in 1 workspace"),
            ("live", "at main"),
            ("sealed values", "opens the env of main/default/site"),
            ("queue", "0 queued, 0 on hold, 0 building"),
            ("source repos", "1 repo with "),
            (
                "images",
                if running { "gives out that of main/default/site" } else { "complete here" },
            ),
            ("locks", "none"),
        ] {
            assert!(checks[name]["found"].as_str().unwrap().contains(says), "{}", checks[name]);
        }
    }
    let shown = world.server.inkstone_ok(&["doctor"]);
    let column = shown.lines().next().unwrap().find("2.").unwrap();
    for line in shown.lines().take_while(|line| !line.is_empty()) {
        assert!(["ok  ", "warn", "    "].contains(&&line[..4]), "{line}");
        assert!(line.as_bytes()[column - 1] == b' ' && line.as_bytes()[column] != b' ', "{line}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let mut world = World::deployed();
    world.server.stop();
    let server = &world.server;
    let data = server.data();

    mode(&data, 0o755);
    mode(&data.join("signing-key"), 0o640);
    let (checks, code) = look(server);
    assert_eq!(code, 1);
    for (name, advice) in [("data directory", "chmod 700"), ("signing key file", "chmod 600")] {
        assert_eq!(checks[name]["status"], "fail");
        assert!(checks[name]["advice"].as_str().unwrap().contains(advice), "{}", checks[name]);
    }
    mode(&data, 0o700);
    mode(&data.join("signing-key"), 0o600);
    assert_eq!(look(server).1, 0);

    // A head that Inkstone did not get to judge, and one that does not pass.
    let clone =
        Git::clone(&data.join("state.git").display().to_string(), &server.folder().join("beside"));
    clone.write("README.md", "words");
    clone.commit("words");
    clone.push("origin");
    let (status, says) = check(server, "live");
    assert!(status == "warn" && says.contains("main is ahead of live"), "{says}");
    clone.write("notes.txt", "stray");
    clone.commit("a stray");
    clone.push("origin");
    let (status, says) = check(server, "live");
    assert!(status == "fail" && says.contains("notes.txt"), "{says}");
    clone.run(&["push", "--quiet", "--force", "origin", "HEAD~2:main"]);
    assert_eq!(check(server, "live").0, "ok");

    // What somebody left.
    let lock = data.join("state.git/refs/heads/main.lock");
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    File::create(&lock).unwrap().set_times(FileTimes::new().set_modified(long_ago)).unwrap();
    let (status, says) = check(server, "locks");
    assert!(status == "warn" && says.contains("main.lock"), "{says}");
    remove_file(&lock).unwrap();
}

#[test]
fn an_image_that_nodes_would_not_get_is_found() {
    let mut world = World::deployed();
    assert_eq!(check(&world.server, "images").0, "ok");
    // The server has read the key that it makes tokens of.
    let data = world.server.data();
    let key = std::fs::read(data.join("pull-key")).unwrap();
    std::fs::write(data.join("pull-key"), "00".repeat(32)).unwrap();
    let (status, says) = check(&world.server, "images");
    assert!(status == "fail" && says.contains("restart"), "{says}");
    std::fs::write(data.join("pull-key"), key).unwrap();
    assert_eq!(check(&world.server, "images").0, "ok");

    world.server.stop();
    let (status, says) = check(&world.server, "images");
    assert!(status == "warn" && says.contains("start the server"), "{says}");
    let blobs = data.join("images/main/default/site/blobs/sha256");
    std::fs::rename(&blobs, data.join("kept")).unwrap();
    let (status, says) = check(&world.server, "images");
    assert!(status == "warn" && says.contains("redeploy_service"), "{says}");
    std::fs::rename(data.join("kept"), &blobs).unwrap();
}

#[test]
fn what_is_lost_is_told_apart_from_what_only_has_to_be_made_again() {
    let mut world = World::deployed();
    world.server.stop();
    let server = &world.server;
    let data = server.data();

    std::fs::rename(data.join("inkstone.db"), data.join("kept")).unwrap();
    let (status, says) = check(server, "database");
    assert!(status == "warn" && says.contains("start the server"), "{says}");
    assert!(!data.join("inkstone.db").exists(), "looking makes nothing");
    std::fs::rename(data.join("kept"), data.join("inkstone.db")).unwrap();

    // The keys of another server.
    let other = Server::start();
    let swap = |file: &str, name: &str, says: &str| {
        let kept = std::fs::read(data.join(file)).unwrap();
        std::fs::copy(other.data().join(file), data.join(file)).unwrap();
        let (status, said) = check(server, name);
        assert!(status == "fail" && said.contains(says) && said.contains("backup"), "{said}");
        std::fs::write(data.join(file), kept).unwrap();
    };
    swap("signing-key", "signing key", "not among the signing keys");
    swap("age-identity.txt", "sealed values", "not sealed to this server");
    assert_eq!(look(server).1, 0);

    remove_file(data.join("age-identity.txt")).unwrap();
    let (status, says) = check(server, "identity file");
    assert!(status == "fail" && says.contains("is missing"), "{says}");
    let missing = server.inkstone(&["doctor", "--data", "/nonexistent"]);
    assert_eq!(missing.status.code(), Some(2));
}
