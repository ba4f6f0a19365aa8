//! `inkstone revert`: an operator undoes one change in a clone, however old it is, and pushes that.

use crate::harness::{Git, World, as_operator, binary, env, set, update};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;

const DIR: &str = "clusters/eu-central-1/main/default/services/site";

fn revert(clone: &Git, commit: &str, args: &[&str]) -> Output {
    let mut command = binary();
    as_operator(&mut command);
    command.args(["revert", commit]).args(args).arg("--repo").arg(clone.path()).output().unwrap()
}

/// What the command prints; it must do well.
fn reverted(clone: &Git, commit: &str, args: &[&str]) -> String {
    let output = revert(clone, commit, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the command says when it ends with `code`; the clone must stay as it is.
fn refused(clone: &Git, commit: &str, args: &[&str], code: i32) -> String {
    let before = (clone.head(), clone.lines(&["status", "--porcelain"]));
    let output = revert(clone, commit, args);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!((clone.head(), clone.lines(&["status", "--porcelain"])), before);
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn identity(world: &World) -> String {
    world.server.data().join("age-identity.txt").display().to_string()
}

#[test]
fn an_older_change_is_undone_beside_later_ones_by_a_commit_of_the_operators_own() {
    let mut world = World::deployed();
    let first = world.agent.ok("get_service", json!({"name": "site"}))["release"].clone();
    let scaled = update(&mut world, &json!({"replicas": 3, "memory": "512Mi"}));
    world.push("two");
    let second = world.wait_for_head();
    let clone = world.server.clone_state("operator");
    let before = clone.head();
    let said = reverted(&clone, &scaled[..9], &[]);
    for part in [
        &format!("undoes {}", &scaled[..7]),
        "spec.replicas: 3 → 1",
        "spec.resources.memory: 512Mi → 256Mi",
        "next: git push",
    ] {
        assert!(said.contains(part), "{part:?} in:\n{said}");
    }
    assert_eq!(clone.lines(&["rev-parse", "HEAD~1"]), [before]);
    assert_eq!(clone.lines(&["status", "--porcelain"]), [""; 0]);
    assert_eq!(
        clone.run(&["log", "-1", "--format=%an <%ae>, %cn <%ce>%n%B"]).trim(),
        format!(
            "Olga Operator <olga@example.com>, Olga Operator <olga@example.com>\n\
             Revert \"update main/default/site: spec.replicas, spec.resources.memory\"\n\nThis reverts commit {scaled}."
        )
    );
    let files = clone.lines(&["show", "--name-only", "--format=", "HEAD"]);
    assert_eq!(files, [format!("{DIR}/manifests/deployment.yaml"), format!("{DIR}/service.yaml")]);
    clone.run(&["push", "--quiet"]);
    assert_eq!(world.server.state().lines(&["rev-parse", "live"]), [clone.head()], "as it is");
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&shown["replicas"], &shown["memory"]), (&json!(1), &json!("256Mi")));
    assert_eq!(shown["release"], second["release"]);
    assert_ne!(shown["release"], first);

    let said = reverted(&clone, &scaled, &[]);
    assert!(said.contains("nothing of"), "{said}");
    // An undo is undone as anything else, and pushed in one go.
    let answer = reverted(&clone, "HEAD", &["--push", "--json"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["pushed"], true);
    assert_eq!(answer["commit"], clone.head());
    assert_eq!(answer["changed"][0], json!({"field": "spec.replicas", "from": "1", "to": "3"}));
    assert_eq!(world.agent.ok("get_service", json!({"name": "site"}))["replicas"], 3);
}

#[test]
fn a_later_change_of_the_same_field_is_named_and_the_operator_decides() {
    let mut world = World::deployed();
    let first = update(&mut world, &json!({"replicas": 3, "memory": "512Mi"}));
    let second = update(&mut world, &json!({"replicas": 5}));
    let clone = world.server.clone_state("operator");
    let head = clone.head();
    let said = refused(&clone, &first, &[], 1);
    let again = format!("inkstone revert {} --repo", &first[..7]);
    for part in
        ["spec.replicas", &second[..7], "bootstrap", &again, "--on-conflict restore", "keep"]
    {
        assert!(said.contains(part), "{part:?} in:\n{said}");
    }
    assert!(!said.contains("spec.resources.memory"), "{said}");
    let answer: Value = serde_json::from_str(&refused(&clone, &first, &["--json"], 1)).unwrap();
    assert_eq!(answer["commit"], Value::Null);
    assert_eq!(answer["conflicts"][0]["field"], "spec.replicas");
    assert_eq!(answer["conflicts"][0]["commit"], second);

    let kept = reverted(&clone, &first, &["--on-conflict", "keep"]);
    let subject = "update main/default/site: spec.replicas, spec.resources.memory";
    let without_subject = kept.replacen(subject, "", 1);
    assert!(
        kept.contains("memory: 512Mi → 256Mi") && !without_subject.contains("replicas"),
        "{kept}"
    );
    clone.run(&["reset", "--quiet", "--hard", &head]);
    let restored = reverted(&clone, &first, &["--on-conflict", "restore", "--push"]);
    assert!(restored.contains("spec.replicas: 5 → 1"), "{restored}");
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&shown["replicas"], &shown["memory"]), (&json!(1), &json!("256Mi")));
}

#[test]
fn variables_go_back_sealed_and_an_identity_is_needed_only_where_they_mix() {
    let mut world = World::new();
    world.agent.ok(
        "create_service",
        json!({"name": "site", "repo": "site",
               "env_vars": [{"key": "GREETING", "value": "hello"}, {"key": "TOKEN", "value": "one"}]}),
    );
    world.wait_for_head();
    let greeting = update(&mut world, &set("GREETING", "bye"));
    let clone = world.server.clone_state("operator");
    // Nothing else changed since: the sealed file comes back whole.
    let said = reverted(&clone, &greeting, &["--push"]);
    assert!(said.contains("env.GREETING: set → ") && !said.contains("hello"), "{said}");
    assert_eq!(env(&mut world), json!({"GREETING": "hello", "TOKEN": "one"}));

    let greeting = update(&mut world, &set("GREETING", "good day"));
    update(&mut world, &set("TOKEN", "two"));
    world.push("two");
    world.wait_for_head();
    clone.run(&["pull", "--quiet", "--rebase"]);
    let said = refused(&clone, &greeting, &[], 2);
    assert!(said.contains("--identity FILE") && said.contains("nothing was changed"), "{said}");
    let key = identity(&world);
    reverted(&clone, &greeting, &["--identity", &key, "--push"]);
    assert_eq!(env(&mut world), json!({"GREETING": "hello", "TOKEN": "two"}));
    // What is as it was then is no conflict for who takes all of it back.
    world.agent.ok("rollback_service", json!({"name": "site"}));
    assert_eq!(env(&mut world), json!({"GREETING": "hello", "TOKEN": "one"}));

    // One that opens nothing here changes nothing.
    let greeting = update(&mut world, &set("GREETING", "hi"));
    update(&mut world, &set("TOKEN", "three"));
    clone.run(&["pull", "--quiet", "--rebase"]);
    let stranger = crate::harness::Server::start();
    let key = stranger.data().join("age-identity.txt").display().to_string();
    let said = refused(&clone, &greeting, &["--identity", &key], 2);
    assert!(said.contains("does not open the env"), "{said}");
}

#[test]
fn a_deleted_service_comes_back_whole_from_a_bare_clone_too() {
    let mut world = World::deployed();
    let before = world.agent.ok("get_service", json!({"name": "site"}));
    let created =
        world.server.state().lines(&["log", "--format=%H", "--grep=^create main", "main"]);
    world.agent.ok("delete_service", json!({"name": "site"}));
    let path: PathBuf = world.server.folder().join("bare.git");
    let url = world.server.with_credential(&world.server.key, "/state.git");
    world.site.run(&["clone", "--quiet", "--bare", &url, path.to_str().unwrap()]);
    let bare = Git::at(&path);
    let deleted = bare.head();
    let said = reverted(&bare, &deleted, &["--push"]);
    assert!(said.contains("service: deleted → there"), "{said}");
    let after = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&before["release"], &before["url"]), (&after["release"], &after["url"]));

    // Undoing its creation would lose what came after it; that is asked first.
    let clone = world.server.clone_state("operator");
    let said = refused(&clone, &created[0], &[], 1);
    assert!(said.contains("service") && said.contains("--on-conflict restore"), "{said}");
    let said = reverted(&clone, &created[0], &["--on-conflict", "restore", "--push"]);
    assert!(said.contains("service: there → deleted"), "{said}");
    assert_eq!(world.agent.refused("get_service", json!({"name": "site"}))["code"], "not_found");
}

#[test]
fn others_who_push_first_lose_nothing_and_keep_nobody_waiting() {
    let mut world = World::deployed();
    let scaled = update(&mut world, &json!({"replicas": 3}));
    let clone = world.server.clone_state("operator");
    let behind = clone.head();
    update(&mut world, &json!({"memory": "512Mi"}));
    reverted(&clone, "HEAD", &["--push"]);
    assert_eq!(world.server.state().lines(&["rev-parse", "live"]), [clone.head()]);
    assert_eq!(clone.lines(&["rev-parse", "HEAD~2"]), [behind]);
    let shown = world.agent.ok("get_service", json!({"name": "site"}));
    assert_eq!((&shown["replicas"], &shown["memory"]), (&json!(1), &json!("512Mi")));

    // Who may not push is told by the server, and has no commit to clean up.
    let key = world.server.inkstone_ok(&[
        "key",
        "create",
        "reader",
        "--scopes",
        "read",
        "--all-workspaces",
    ]);
    let url = world.server.with_credential(key.lines().next().unwrap(), "/state.git");
    clone.run(&["remote", "set-url", "origin", &url]);
    let said = refused(&clone, &scaled, &["--on-conflict", "restore", "--push"], 0);
    assert!(said.contains("nothing of"), "{said}");
    let said = refused(&clone, "HEAD", &["--push"], 2);
    assert!(said.contains("state:push") && said.contains("nothing was changed here"), "{said}");
}

#[test]
fn what_cannot_be_undone_is_said_and_leaves_the_clone_alone() {
    let world = World::deployed();
    let clone = world.server.clone_state("operator");
    let file = format!("{DIR}/service.yaml");
    clone.write(&file, &clone.read(&file).replace("replicas: 1", "replicas: 9"));
    let said = refused(&clone, "HEAD", &[], 2);
    assert!(said.contains("not committed") && said.contains("git stash"), "{said}");
    clone.run(&["checkout", "--quiet", "--", "."]);

    let project = clone.lines(&["log", "--format=%H", "--grep=^create project"]);
    let said = refused(&clone, &project[0], &[], 2);
    assert!(said.contains("project main/default") && said.contains("git revert"), "{said}");
    let said = refused(&clone, "HEAD", &["--service", "main/default/other"], 2);
    assert!(said.contains("does not change main/default/other"), "{said}");
    assert!(refused(&clone, "nonsense", &[], 2).contains("cannot read nonsense"));
    clone.run(&["switch", "--quiet", "--create", "side", "HEAD~1"]);
    assert!(refused(&clone, "main", &[], 2).contains("is not in the history of HEAD"));
    clone.run(&["switch", "--quiet", "main"]);

    // An operator who is nobody to git is told so by git, as ever.
    let mut command = binary();
    as_operator(&mut command);
    let output = command
        .args(["revert", "HEAD", "--repo"])
        .arg(clone.path())
        .env_remove("GIT_AUTHOR_NAME")
        .env_remove("GIT_AUTHOR_EMAIL")
        .env("GIT_AUTHOR_EMAIL", "")
        .env("GIT_COMMITTER_NAME", "")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("ident"));
}
