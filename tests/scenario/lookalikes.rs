//! A push to the state repo that speaks for Inkstone, to the eye only, is refused.

use crate::harness::{Git, World};
use std::process::Command;

/// Commits under this committer's address.
fn commit_as(git: &Git, email: &str) {
    let status = Command::new("git")
        .current_dir(git.path())
        .args(["-c", "user.name=Inkstone", "commit", "--quiet", "--allow-empty", "-m", "words"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_EMAIL", "olga@example.com")
        .env("GIT_COMMITTER_EMAIL", email)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_push_that_looks_like_inkstones_is_refused_and_changes_nothing() {
    let world = World::new();
    let operator = world.server.clone_state("operator");
    let head = operator.head();
    let before = world.server.state().lines(&["rev-parse", "main", "live"]);
    let refused = || {
        let said = operator.refused(&["push", "origin", "HEAD:main"]);
        assert!(said.contains("claims to be Inkstone's"), "{said}");
        operator.run(&["reset", "--quiet", "--hard", &head]);
        assert_eq!(world.server.state().lines(&["rev-parse", "main", "live"]), before);
    };
    for line in [
        "Inkstone\u{200b}-Action: deploy",
        "\u{feff}Inkstone-Actor: root",
        "\u{1b}[1mInkstone-Deployment: dep_1\u{1b}[0m",
    ] {
        operator.commit_empty(&format!("deploy main/default/site\n\n{line}"));
        refused();
    }
    for email in ["inkstone@inkstone.dev", "inkstone@inkstone.dev.example", "x@keys.inkstone.dev"] {
        commit_as(&operator, email);
        refused();
    }
}
