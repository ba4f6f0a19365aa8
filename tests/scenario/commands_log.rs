//! `inkstone log`: what changed, when, by whom, from which source commit, from a clone alone.

use crate::harness::{Git, World, binary};
use serde_json::{Value, json};
use std::process::Output;

fn log(clone: &Git, args: &[&str]) -> Output {
    binary().arg("log").args(args).arg("--repo").arg(clone.path()).output().unwrap()
}

/// The lines of a table; the command must do well.
fn table(clone: &Git, args: &[&str]) -> Vec<String> {
    let output = log(clone, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn entries(clone: &Git, args: &[&str]) -> Vec<Value> {
    let lines = table(clone, &[args, &["--json"]].concat());
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_reviewer_reads_who_changed_what_from_which_source_with_a_clone_alone() {
    let mut world = World::deployed();
    world.push("two");
    world.wait_for_head();
    let operator = world.server.clone_state("operator");
    operator.run(&["revert", "--no-edit", "HEAD"]);
    operator.push("origin");
    world.agent.ok("update_service", json!({"name": "site", "replicas": 2}));
    let clone = world.server.clone_state("reviewer");
    world.server.stop();
    std::fs::remove_file(world.server.data().join("inkstone.db")).unwrap();

    let [two, one]: [String; 2] = world.site.lines(&["log", "--format=%H"]).try_into().unwrap();
    let shown = table(&clone, &["main/default/site"]);
    let expected = [
        ("bootstrap (update_service)", "", "update main/default/site: spec.replicas"),
        ("Olga Operator (by hand)", &one[..7], "Revert \"deploy main/default/site at "),
        ("bootstrap (git push)", &two[..7], "deploy main/default/site at "),
        ("bootstrap (create_service)", &one[..7], "deploy main/default/site at "),
        ("bootstrap (create_service)", "", "create main/default/site"),
    ];
    assert_eq!(shown.len(), expected.len() + 1, "{shown:#?}");
    let titles = ["WHEN (UTC)", "COMMIT", "SOURCE", "WHO", "SUBJECT"];
    let places = titles.map(|title| shown[0].find(title).unwrap());
    let commits = clone.lines(&["log", "--format=%H"]);
    for ((line, (who, source, subject)), commit) in shown[1..].iter().zip(expected).zip(commits) {
        let cell = |column: usize| {
            let end = places.get(column + 1).copied().unwrap_or(line.len());
            line[places[column]..end].trim_end()
        };
        assert_eq!(cell(3), who, "{line}");
        assert_eq!((cell(1), cell(2)), (&commit[..10], source), "{line}");
        assert!(cell(4).starts_with(subject), "{line}");
    }

    // Of more than one service, each line says of which.
    let all = table(&clone, &["main/default"]);
    let place = all[0].find("SERVICE").unwrap();
    for line in &all[1..=expected.len()] {
        assert!(line[place..].starts_with("main/default/site  "), "{line}");
    }

    // The same for machines, each change a line.
    let listed = entries(&clone, &["main/default/site"]);
    assert_eq!(listed.len(), expected.len());
    let actions = ["update-service", "", "deploy", "deploy", "create-service"];
    for (entry, action) in listed.iter().zip(actions) {
        assert_eq!(entry["action"].as_str().unwrap_or_default(), action, "{entry}");
    }
    assert_eq!(listed[1]["by"], "person");
    assert_eq!(listed[1]["source_commit"], one);
    assert_eq!(listed[2]["tool"], "git push");
    assert_eq!(listed[2]["source_commit"], two);
    assert_eq!(listed[2]["services"], json!(["main/default/site"]));
    assert_eq!(listed[2]["commit"], clone.lines(&["rev-parse", "HEAD~2"])[0]);

    // The hint works as it stands.
    let hints = String::from_utf8(log(&clone, &["main/default/site"]).stderr).unwrap();
    let hint = hints.lines().find(|line| line.contains("all of them")).unwrap();
    let hint = hint.split(": ").nth(1).unwrap();
    let shown = std::process::Command::new("sh").args(["-c", hint]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("+  replicas: 2"), "{hint}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("commit ")).count(), expected.len());
}

#[test]
fn changes_are_chosen_by_name_time_and_number() {
    let mut world = World::deployed();
    world.agent.ok("create_project", json!({"name": "shop"}));
    let clone = world.server.clone_state("reviewer");
    let all = entries(&clone, &[]);
    assert_eq!(all.len(), clone.lines(&["log", "--format=%H"]).len());
    assert_eq!(all.last().unwrap()["changed"], json!(["the platform"]));
    assert_eq!(entries(&clone, &["main/shop"]).len(), 1);
    assert_eq!(entries(&clone, &["main/default"]).len(), 3);
    assert_eq!(entries(&clone, &["main"]).len(), 5);
    assert_eq!(entries(&clone, &["main/default/site", "--since", "1h"]).len(), 2);
    assert_eq!(table(&clone, &["--since", "2999-01-01"]), ["no change since 2999-01-01 00:00"]);
    assert_eq!(
        table(&clone, &["main/shop", "--since", "2999-01-01"]),
        ["no change to main/shop since 2999-01-01 00:00"]
    );
    assert_eq!(entries(&clone, &["--limit", "2"]), all[..2]);
    let more = log(&clone, &["--limit", "2"]).stderr;
    assert!(String::from_utf8(more).unwrap().contains("--limit 20"));

    // What was made long ago and came in only now came in now.
    clone.write("README.md", "later");
    clone.run(&["add", "--all"]);
    let old = "2001-01-01T00:00:00Z";
    let script = format!("GIT_COMMITTER_DATE={old} git commit --quiet -m old");
    clone.run(&["-c", &format!("alias.old=!{script}"), "old"]);
    let recent = entries(&clone, &["--since", "1h"]);
    assert_eq!((&recent[0]["subject"], recent.len()), (&json!("old"), all.len() + 1));

    for (args, says) in [
        (&["--since", "soon"][..], "2026-11-17"),
        (&["main/default/site/x"], "is not a valid project name"),
        (&["nobody"], "nothing of the name nobody"),
    ] {
        let output = log(&clone, args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(says), "{said}");
    }
    let outside = Git::init(&world.server.folder().join("outside"));
    outside.commit_empty("not a state repo");
    assert_eq!(log(&outside, &[]).status.code(), Some(2));
}

#[test]
fn what_only_says_to_be_inkstones_is_told_apart_and_nobody_writes_to_the_terminal() {
    let world = World::deployed();
    let clone = world.server.clone_state("forged");
    clone.commit_empty(
        "deploy main/default/site\n\nInkstone-Action: deploy\nInkstone-Actor: bootstrap\nInkstone-Tool: deploy",
    );
    clone.run(&[
        "-c",
        "user.name=Ada \u{1b}[31m\u{202e}Lovelace",
        "commit",
        "--quiet",
        "--allow-empty",
        "--author=Ada \u{1b}[31m\u{202e}Lovelace <ada@example.com>",
        "--message=tidy \u{1b}]0;owned\u{7}up",
    ]);
    let output = log(&clone, &["--limit", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("Ada Lovelace") && shown.contains("tidy up"), "{shown}");
    assert!(shown.contains("UNSIGNED") && !shown.contains("bootstrap"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("inkstone verify"));
}
