//! A clone as its files are on disk.

use crate::fixture::{Fixture, SITE, name};
use inkstone_state::{Edit, is_bare, plan, snapshot_of};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn rendered(dir: &Path) -> Vec<String> {
    let edits = plan::render_all(&snapshot_of(dir, None).unwrap()).unwrap();
    let path = |edit: &Edit| match edit {
        Edit::Write(path, _) => format!("write {path}"),
        Edit::Remove(path) => format!("remove {path}"),
    };
    edits.iter().map(path).collect()
}

#[test]
fn bare_repos_and_clones_are_told_apart() {
    let fixture = Fixture::founded();
    assert!(is_bare(fixture.state.git_dir()).unwrap());
    assert!(!is_bare(&fixture.clone().dir).unwrap());
    let error = is_bare(fixture.temp.path()).unwrap_err().to_string();
    assert!(error.contains("not a git repository"), "{error}");
}

#[test]
fn what_was_not_edited_renders_to_itself() {
    let fixture = Fixture::new();
    assert_eq!(rendered(&fixture.clone().dir), Vec::<String>::new());
}

#[test]
fn an_edit_that_was_not_committed_renders_to_what_follows_from_it() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 3");
    assert_eq!(rendered(&clone.dir), [format!("write {SITE}/manifests/deployment.yaml")]);
    assert_eq!(clone.git(&["status", "--short"]), format!(" M {SITE}/service.yaml"));

    std::fs::remove_file(clone.dir.join(format!("{SITE}/service.yaml"))).unwrap();
    let files = ["deployment", "ingress", "service"];
    assert_eq!(rendered(&clone.dir), files.map(|f| format!("remove {SITE}/manifests/{f}.yaml")));
}

#[test]
fn reading_a_clone_writes_nothing_into_it() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 3");
    let before = clone.git(&["count-objects", "-v"]);
    rendered(&clone.dir);
    assert_eq!(clone.git(&["count-objects", "-v"]), before);
}

#[test]
fn a_hostile_clone_runs_nothing_and_changes_no_byte() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let ran = fixture.temp.path().join("ran");
    let program = fixture.temp.path().join("program");
    std::fs::write(&program, format!("#!/bin/sh\ntouch '{}'\ncat\n", ran.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    for (key, value) in [
        ("filter.evil.clean", program),
        ("filter.evil.smudge", program),
        ("filter.evil.process", program),
        ("core.fsmonitor", program),
        ("core.pager", program),
        ("core.editor", program),
        ("core.sshCommand", program),
        ("alias.rev-parse", &format!("!{program}")),
        ("core.autocrlf", "true"),
    ] {
        clone.git(&["config", key, value]);
    }
    for hook in ["post-index-change", "pre-commit", "reference-transaction"] {
        std::fs::copy(program, clone.dir.join(".git/hooks").join(hook)).unwrap();
    }
    clone.write(".gitattributes", "* filter=evil text eol=crlf\n");
    assert!(!ran.exists());
    assert_eq!(rendered(&clone.dir), Vec::<String>::new());
    assert!(snapshot_of(&clone.dir, Some("HEAD")).unwrap().commit().is_some());
    is_bare(&clone.dir).unwrap();
    assert!(!ran.exists());
}

#[test]
fn links_on_disk_are_not_followed() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let outside = fixture.temp.path().join("outside");
    std::fs::write(&outside, clone.read(&format!("{SITE}/service.yaml"))).unwrap();
    std::fs::remove_file(clone.dir.join(format!("{SITE}/service.yaml"))).unwrap();
    std::os::unix::fs::symlink(&outside, clone.dir.join(format!("{SITE}/service.yaml"))).unwrap();
    std::os::unix::fs::symlink("/", clone.dir.join("clusters/root")).unwrap();
    let snapshot = snapshot_of(&clone.dir, None).unwrap();
    assert!(snapshot.service(&name("site")).unwrap().is_none());
    assert_eq!(snapshot.regions().unwrap().len(), 1);
}

#[test]
fn a_revision_that_is_an_option_or_unknown_is_an_error() {
    let fixture = Fixture::founded();
    for revision in ["--git-dir", "absent", "HEAD~9", "-1", "HEAD:README.md"] {
        assert!(snapshot_of(fixture.state.git_dir(), Some(revision)).is_err(), "{revision}");
    }
}
