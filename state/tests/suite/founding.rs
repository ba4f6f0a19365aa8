//! From nothing to a state repo.

use crate::fixture::{Fixture, findings, found_at};
use crate::git::{Clone, assert_sound, git};
use inkstone_state::{Signer, StateRepo};
use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn signer(dir: &Path) -> Signer {
    Signer::create(&dir.join("key"), &[7; 32]).unwrap()
}

/// The indented command lines of the README's section that starts with `heading`.
fn commands(readme: &str, heading: &str) -> String {
    let section = readme.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines = section.lines().filter(|line| line.starts_with("    "));
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

fn shell(clone: &Clone, script: &str) -> String {
    let script = format!("set -e\n{script}");
    let mut shell = Command::new("sh");
    shell.current_dir(&clone.dir).env("GIT_PAGER", "cat").args(["-c", &script]);
    for (name, value) in [("HOME", "/nonexistent"), ("GIT_CONFIG_NOSYSTEM", "1")] {
        shell.env(name, value);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        shell
            .env(format!("GIT_{who}_NAME"), "Ada")
            .env(format!("GIT_{who}_EMAIL"), "ada@example.com");
    }
    crate::git::succeed(&mut shell)
}

#[test]
fn a_fresh_repo_keeps_every_law() {
    let fixture = Fixture::founded();
    fixture.assert_lawful();
    assert_eq!(fixture.git(&["rev-list", "--count", "main"]), "1");
    assert_eq!(fixture.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
}

#[test]
fn founding_onto_anything_is_refused_and_leaves_it_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state.git");
    std::fs::create_dir(&path).unwrap();
    let error = found_at(&path, signer(temp.path())).map(drop).unwrap_err().to_string();
    assert!(error.contains("state.git") && error.contains("exists"), "{error}");
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);

    let fixture = Fixture::new();
    let before = fixture.main();
    let other = tempfile::tempdir().unwrap();
    found_at(fixture.state.git_dir(), signer(other.path())).map(drop).unwrap_err();
    assert_eq!(fixture.main(), before);
}

#[test]
fn what_a_killed_founder_left_is_in_nobodys_way() {
    let temp = tempfile::tempdir().unwrap();
    let left = temp.path().join("state.founding");
    std::fs::create_dir_all(left.join("objects/aa")).unwrap();
    std::fs::write(left.join("objects/aa/half"), "half an obj").unwrap();
    let path = temp.path().join("state.git");
    found_at(&path, signer(temp.path())).unwrap();
    assert_sound(&path);
    assert!(!left.exists());
    let names = std::fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["key", "state.git"]);
}

#[test]
fn a_founding_that_fails_leaves_nothing_under_the_name() {
    let temp = tempfile::tempdir().unwrap();
    let signer = signer(temp.path());
    let dir = temp.path().join("full");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("state.founding"), "a file where the staging directory goes").unwrap();
    found_at(&dir.join("state.git"), signer).map(drop).unwrap_err();
    assert!(!dir.join("state.git").exists());
}

#[test]
fn a_founded_repo_opens_again_and_one_of_a_newer_layout_does_not() {
    let fixture = Fixture::new();
    let signer = || Signer::load(&fixture.key()).unwrap();
    let again = StateRepo::open(fixture.state.git_dir(), signer()).unwrap();
    assert_eq!(again.heads().unwrap(), fixture.state.heads().unwrap());

    let clone = fixture.clone();
    clone.edit("inkstone.yaml", "layoutVersion: 1", "layoutVersion: 2");
    clone.commit("a newer layout");
    clone.push();
    let error = StateRepo::open(fixture.state.git_dir(), signer()).map(drop).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("layout version 2") && error.contains("newer inkstone"), "{error}");
}

#[test]
fn a_signing_key_that_others_can_read_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("key");
    signer(temp.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Signer::load(&path).unwrap_err().to_string();
    assert!(error.contains("640") && error.contains("chmod 600"), "{error}");
    let error = Signer::create(&path, &[8; 32]).unwrap_err().to_string();
    assert!(error.contains("exists"), "{error}");
}

#[test]
fn the_readme_shows_a_reviewer_good_signatures_when_pasted() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let review = commands(&clone.read("README.md"), "Review");
    let script = review
        .replace("git show COMMIT", "git show main~2")
        .replace("clusters/*/acme/shop/services/api", "clusters/*/acme/shop/services/site")
        .replace("inkstone verify --repo .", "true");
    let shown = shell(&clone, &script);
    let commits: usize = clone.git(&["rev-list", "--count", "main"]).parse().unwrap();
    let good = shown.matches("Good \"git\" signature for inkstone@inkstone.dev").count();
    assert!(good >= commits, "{good} of {commits}\n{shown}");
    assert!(!shown.contains("BAD") && !shown.contains("No signature"), "{shown}");
    assert!(shown.contains("deploy acme/shop/site at "), "{shown}");
    assert!(shown.contains("+release:"), "{shown}");
}

#[test]
fn the_readme_undoes_a_deploy_when_pasted() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let deploy = clone.git(&["rev-parse", "main~1"]);
    let script = commands(&clone.read("README.md"), "Undo").replace("COMMIT", &deploy);
    shell(&clone, &script.replace("git revert", "git revert --no-edit"));
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
    let site = crate::fixture::name("site");
    let live = fixture.state.live().unwrap();
    assert_eq!(live.service(&site).unwrap().unwrap().service.release, None);
}

#[test]
fn a_bare_repo_and_every_clone_of_it_verify_alike() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    assert_eq!(findings(&clone.dir, "HEAD"), []);
    git(&clone.dir, &["gc", "--quiet", "--aggressive", "--prune=now"]);
    assert_eq!(findings(&clone.dir, "HEAD"), []);
}
