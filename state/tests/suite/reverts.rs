//! What `git revert` brings back.

use crate::fixture::{API, Fixture, SITE, assert_found, deploy, name};
use crate::git::Clone;
use inkstone_state::check::{Finding, Rule};
use inkstone_state::push::{Reach, RefUpdate, check_push};
use jiff::Timestamp;

/// What a push of the clone's head is found to be.
fn judged(fixture: &Fixture, clone: &Clone) -> Vec<Finding> {
    let old = fixture.main().parse().ok();
    let update =
        RefUpdate { name: "refs/heads/main".to_owned(), old, new: clone.head().parse().ok() };
    // The objects are where the check looks for them: the clone stands for git's quarantine.
    let objects = clone.dir.join(".git/objects");
    check_push(
        fixture.state.git_dir(),
        Some(&objects),
        &[update],
        Reach::Tenants,
        &fixture.identities,
    )
    .unwrap()
}

/// Pushes the clone's head as the hosted repo would take it, and lets `live` follow.
fn push(fixture: &Fixture, clone: &Clone) {
    assert_eq!(judged(fixture, clone), []);
    clone.push();
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    fixture.assert_lawful();
}

fn tree(fixture: &Fixture, revision: &str) -> String {
    fixture.git(&["rev-parse", &format!("{revision}^{{tree}}")])
}

#[test]
fn reverting_the_newest_deploy_brings_the_one_before_back_byte_for_byte() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    push(&fixture, &clone);
    assert_eq!(tree(&fixture, "main"), tree(&fixture, "main~2"));
}

#[test]
fn reverting_a_deploy_below_other_services_changes_leaves_those_alone() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    deploy(&fixture.state, &name("api"), 3).unwrap();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD~1"]);
    push(&fixture, &clone);
    let at =
        |revision: &str, path: &str| fixture.git(&["rev-parse", &format!("{revision}:{path}")]);
    assert_eq!(at("main", SITE), at("main~3", SITE));
    assert_eq!(at("main", API), at("main~1", API));
}

#[test]
fn reverting_a_delete_brings_everything_back() {
    let fixture = Fixture::new();
    let before = tree(&fixture, "main");
    let service = fixture.state.main().unwrap().service(&name("site")).unwrap().unwrap();
    fixture.delete("site").unwrap();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    push(&fixture, &clone);
    assert_eq!(tree(&fixture, "main"), before);
    let again = fixture.state.live().unwrap().service(&name("site")).unwrap().unwrap();
    assert_eq!(again.service, service.service);
    assert_eq!(again.env, service.env);
}

#[test]
fn a_revert_of_a_revert_deploys_again() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD"]);
    clone.git(&["revert", "--no-edit", "HEAD"]);
    push(&fixture, &clone);
    assert_eq!(tree(&fixture, "main"), tree(&fixture, "main~2"));
    deploy(&fixture.state, &name("site"), 3).unwrap();
    fixture.assert_lawful();
}

/// Commits a manifest that nobody rendered, and takes it back.
fn written_and_taken_back(clone: &Clone, path: &str) {
    clone.edit(path, "replicas: 1", "replicas: 9");
    clone.commit("scale by hand");
    clone.git(&["revert", "--no-edit", "HEAD"]);
}

#[test]
fn a_manifest_that_was_written_by_hand_once_is_still_not_brought_back() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/manifests/deployment.yaml");
    written_and_taken_back(&clone, &path);
    push(&fixture, &clone);
    clone.git(&["revert", "--no-edit", "HEAD"]);
    assert_found(&judged(&fixture, &clone), Rule::Rendered, &path);
    assert_found(&judged(&fixture, &clone), Rule::Rendered, &clone.head());
}

#[test]
fn what_was_written_by_hand_once_may_be_rendered_later() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/manifests/deployment.yaml");
    written_and_taken_back(&clone, &path);
    push(&fixture, &clone);
    // The same file, and now its intent renders to it.
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 9");
    clone.edit(&path, "replicas: 1", "replicas: 9");
    clone.commit("scale");
    push(&fixture, &clone);
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 9", "replicas: 1");
    clone.commit("scale back, and leave the manifest to be rendered");
    push(&fixture, &clone);
}
