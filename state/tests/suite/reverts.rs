//! What `git revert` brings back.

use crate::fixture::{API, Fixture, SITE, deploy, name};
use crate::git::Clone;
use inkstone_state::push::{Reach, RefUpdate, check_push};
use jiff::Timestamp;

/// Pushes the clone's head as the hosted repo would take it, and lets `live` follow.
fn push(fixture: &Fixture, clone: &Clone) {
    let old = fixture.main().parse().ok();
    let update =
        RefUpdate { name: "refs/heads/main".to_owned(), old, new: clone.head().parse().ok() };
    // The objects are where the check looks for them: the clone stands for git's quarantine.
    let found = check_push(
        fixture.state.git_dir(),
        Some(&clone.dir.join(".git/objects")),
        &[update],
        Reach::Tenants,
    );
    assert_eq!(found.unwrap(), []);
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
