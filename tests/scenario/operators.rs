//! Operators push to the state repo: a revert of the newest change is taken, what breaks a law is not.

use crate::harness::World;
use serde_json::json;

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

#[test]
fn a_revert_of_the_newest_deploy_brings_the_old_release_back() {
    let mut world = World::deployed();
    let first = world.agent.ok("get_service", json!({"name": "site"}));
    world.push("two");
    world.wait_for_head();
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    let said = operator.push("origin");
    assert!(said.contains("remote: live is at "), "{said}");
    let head = operator.head();
    assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), [&head[..], &head[..]]);
    let service = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(service["release"], first["release"]);

    // It stays so over a restart: what was undone is not deployed again by itself.
    world.server.stop();
    world.server.start_again();
    world.agent.reconnect();
    world.push("three");
    let service = world.wait_for_head();
    assert_eq!(service["release"]["source_commit"], world.site.head());
    let subjects = world.server.state().lines(&["log", "--format=%s", "-3", "main"]);
    assert!(subjects[0].starts_with("deploy") && subjects[1].starts_with("Revert"), "{subjects:?}");
}

#[test]
fn a_revert_of_a_delete_brings_everything_back() {
    let mut world = World::deployed();
    let before = world.agent.ok("get_service", json!({"name": "site"}));
    world.agent.ok("delete_service", json!({"name": "site"}));
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    let after = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!(before["release"], after["release"]);
    assert_eq!(before["url"], after["url"]);
    world.push("two");
    world.wait_for_head();
}

#[test]
fn what_was_pushed_while_a_service_was_deleted_is_deployed_once_it_is_back() {
    let mut world = World::deployed();
    let operator = world.server.clone_state("operator");
    for (text, by_push) in [("two", true), ("three", false)] {
        let deleted = world.agent.ok("delete_service", json!({"name": "site"}));
        let said = world.push(text);
        assert!(said.contains("No service follows main"), "{said}");
        let said = if by_push {
            operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
            operator.run(&["revert", "--no-edit", "HEAD"]);
            operator.push("origin")
        } else {
            let undo = json!({"name": "site", "undo_commit": deleted["commit"]});
            world.agent.ok("rollback_service", undo)["next"].to_string()
        };
        let head = world.site.head();
        assert!(said.contains(&head[..7]) && said.contains("queued"), "{said}");
        world.wait_for_head();
    }
    // Nothing that was queued before is queued again.
    let deleted = world.agent.ok("delete_service", json!({"name": "site"}));
    let undo = json!({"name": "site", "undo_commit": deleted["commit"]});
    let back = world.agent.ok("rollback_service", undo);
    assert!(!back["next"].as_str().unwrap().contains("queued"), "{back}");
}

#[test]
fn a_branch_that_is_not_there_is_remarked_on_and_no_error() {
    let world = World::deployed();
    let operator = world.server.clone_state("operator");
    let service = format!("{DIR}/service.yaml");
    for (from, to, remark) in [
        ("branch: main", "branch: next", "main/default/site: site has no branch next yet"),
        ("repo: site", "repo: gone", "main/default/site: there is no repo gone yet"),
    ] {
        operator.write(&service, &operator.read(&service).replace(from, to));
        operator.commit("another source");
        let said = operator.push("origin");
        assert!(said.contains("live is at ") && said.contains(remark), "{said}");
        operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    }
}

#[test]
fn a_push_that_breaks_a_law_is_refused_with_the_file_and_what_to_do() {
    let world = World::deployed();
    let before = world.server.state().lines(&["rev-parse", "main", "live"]);
    let operator = world.server.clone_state("operator");
    let head = operator.head();
    let refused = |change: &dyn Fn(), says: &[&str]| {
        operator.run(&["reset", "--quiet", "--hard", &head]);
        change();
        let said = operator.refused(&["push", "origin", "HEAD:main"]);
        for part in says {
            assert!(said.contains(part), "{part:?} in:\n{said}");
        }
        assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), before);
    };
    let manifest = format!("{DIR}/manifests/deployment.yaml");
    let service = format!("{DIR}/service.yaml");
    let edit = |file: &str, from: &str, to: &str| {
        let text = operator.read(file);
        assert!(text.contains(from), "{from:?} in {text}");
        operator.write(file, &text.replace(from, to));
    };
    refused(
        &|| {
            edit(&manifest, "replicas: 1", "replicas: 9");
            operator.commit("scale by hand");
        },
        &["remote:", &manifest, "inkstone render"],
    );
    refused(
        &|| {
            edit(&service, "replicas: 1", "replicas: many");
            operator.commit("scale with a typo");
        },
        &[&service, "line "],
    );
    refused(
        &|| {
            operator.write(&format!("{DIR}/env.sops.yaml"), "TOKEN: hunter2\n");
            operator.commit("a secret in clear");
        },
        &["env.sops.yaml", "sops"],
    );
    refused(
        &|| {
            operator.write("notes.txt", "hello");
            operator.commit("a stray file");
        },
        &["notes.txt", "layout"],
    );
    refused(
        &|| {
            operator.run(&[
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "x\n\nInkstone-Action: deploy",
            ]);
        },
        &["claims to be Inkstone's"],
    );
    refused(
        &|| {
            operator.run(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
            operator.run(&["commit", "--quiet", "--allow-empty", "-m", "side"]);
            operator.run(&["checkout", "--quiet", "main"]);
            operator.run(&["merge", "--quiet", "--no-ff", "-m", "a merge", "side"]);
        },
        &["is a merge", "rebase"],
    );
    operator.refused(&["push", "--force", "origin", &format!("{head}~1:main")]);
    operator.refused(&["push", "--force", "origin", &format!("{head}~1:refs/heads/live")]);
    operator.refused(&["push", "origin", &format!("{head}:refs/heads/other")]);
    operator.refused(&["push", "origin", ":main"]);
    assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), before);
}

#[test]
fn inkstone_renders_what_follows_from_an_edit_by_hand() {
    let mut world = World::deployed();
    let operator = world.server.clone_state("operator");
    let file = format!("{DIR}/service.yaml");
    operator.write(&file, &operator.read(&file).replace("replicas: 1", "replicas: 3"));
    operator.commit("run three of them");
    operator.push("origin");
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["replicas"], 3);
    let state = world.server.state();
    let subjects = state.lines(&["log", "-2", "--format=%s", "live"]);
    assert_eq!(subjects, ["render service main/default/site", "run three of them"]);
    let deployment = state.lines(&["show", &format!("live:{DIR}/manifests/deployment.yaml")]);
    assert!(deployment.iter().any(|line| line.trim() == "replicas: 3"), "{deployment:?}");
    // The next push starts from there.
    operator.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
    operator.write(&file, &operator.read(&file).replace("replicas: 3", "replicas: 2"));
    operator.commit("two will do");
    operator.push("origin");
    world.push("two");
    world.wait_for_head();
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["replicas"], 2);
}

#[test]
fn the_platforms_files_are_for_administrators() {
    let world = World::deployed();
    let server = &world.server;
    let key = world.key("ada", &["--all-workspaces", "--scopes", "read,state:push"]);
    let operator = server.clone_state("operator");
    let theirs = server.with_credential(&key, "/state.git");
    operator.write("README.md", "# Ours\n");
    operator.commit("say it in our words");
    let said = operator.refused(&["push", &theirs, "HEAD:main"]);
    assert!(said.contains("README.md") && said.contains("admin"), "{said}");
    operator.push("origin");
}

#[test]
fn an_edit_with_what_inkstone_render_writes_is_taken() {
    let mut world = World::deployed();
    let operator = world.server.clone_state("operator");
    let file = format!("{DIR}/service.yaml");
    operator.write(&file, &operator.read(&file).replace("replicas: 1", "replicas: 3"));
    let folder = operator.path().display().to_string();
    let differs = world.server.inkstone(&["render", "--check", "--repo", &folder]);
    assert_eq!(differs.status.code(), Some(1));
    let differs = String::from_utf8(differs.stdout).unwrap();
    assert_eq!(differs.trim(), format!("{DIR}/manifests/deployment.yaml"));
    world.server.inkstone_ok(&["render", "--repo", &folder]);
    operator.commit("run three of them");
    operator.push("origin");
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["replicas"], 3);
}

#[test]
fn a_stranger_reads_in_git_log_who_vouches_for_what() {
    let world = World::deployed();
    let clone = world.server.clone_state("reviewer");
    // The steps of the README in the state repo itself.
    let readme = clone.read("README.md");
    let script: String = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("sed ") || line.starts_with("git config"))
        .collect::<Vec<_>>()
        .join("\n");
    let done = std::process::Command::new("sh")
        .args(["-ec", &script])
        .current_dir(clone.path())
        .status()
        .unwrap();
    assert!(done.success(), "{script}");
    let signatures = clone.lines(&["log", "--format=%G?"]);
    assert!(signatures.len() >= 5 && signatures.iter().all(|good| good == "G"), "{signatures:?}");
}

#[test]
fn who_may_push_may_not_decide_whose_signatures_count_or_who_reads_secrets() {
    let world = World::deployed();
    let operator = world.server.clone_state("operator");
    let head = operator.head();
    let text = operator.read("inkstone.yaml");
    let key = text.lines().find(|line| line.contains("ssh-ed25519")).unwrap().to_owned();
    let other = key
        .replace("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAJ");
    operator.write("inkstone.yaml", &text.replace(&key, &format!("{key}\n{other}")));
    operator.commit("vouch for me too");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("only Inkstone itself changes signingKeys"), "{said}");
    operator.run(&["reset", "--quiet", "--hard", &head]);
    let file = "clusters/eu-central-1/cluster.yaml";
    let text = operator.read(file);
    let line = text.lines().find(|line| line.contains("age1")).unwrap().to_owned();
    let mine = "  - age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq";
    operator.write(file, &text.replace(&line, &format!("{line}\n{mine}")));
    operator.commit("let me read");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("only Inkstone itself adds and removes clusters"), "{said}");
    // Nor by taking the file away and bringing it back, nor by a cluster of one's own.
    operator.run(&["reset", "--quiet", "--hard", &head]);
    let with_mine = text.replace(&line, &format!("{line}\n{mine}"));
    operator.run(&["rm", "--quiet", file]);
    operator.commit("take the cluster away");
    operator.write(file, &with_mine);
    operator.commit("bring it back");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("only Inkstone itself adds and removes clusters"), "{said}");
    operator.run(&["reset", "--quiet", "--hard", &head]);
    let other = file.replace("eu-central-1", "us-east-1");
    operator.write(&other, &with_mine.replace("eu-central-1", "us-east-1"));
    operator.commit("a cluster of my own");
    let said = operator.refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains("only Inkstone itself adds and removes clusters"), "{said}");
}
