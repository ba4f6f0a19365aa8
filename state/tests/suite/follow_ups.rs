//! What an operator leaves for Inkstone to render.

use crate::fixture::{API, Fixture, SITE, deploy, name};
use inkstone_state::check::Rule;
use jiff::Timestamp;

#[test]
fn a_hand_edit_is_followed_by_one_commit_for_each_service_that_it_changes() {
    let fixture = Fixture::new();
    deploy(&fixture.state, &name("api"), 7).unwrap();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
    clone.commit("scale the site");
    clone.edit(
        "clusters/eu-central-1/cluster.yaml",
        "registry.internal:5000",
        "other.internal:5000",
    );
    clone.commit("another registry");
    clone.push();
    let pushed = clone.git(&["rev-parse", "HEAD"]);
    assert_eq!(fixture.state.publish(Timestamp::now()).unwrap(), []);
    let made = fixture.git(&["log", "--reverse", "--format=%an: %s", &format!("{pushed}..live")]);
    let expected =
        ["inkstone: render service acme/shop/api", "inkstone: render service acme/shop/site"];
    assert_eq!(made.lines().collect::<Vec<_>>(), expected);
    // Each touches the manifests of one service, and nothing that people write.
    for (commit, dir) in [("live~1", API), ("live", SITE)] {
        let touched = fixture.git(&["show", "--format=", "--name-only", commit]);
        assert!(touched.lines().all(|p| p.starts_with(&format!("{dir}/manifests/"))), "{touched}");
        assert!(fixture.git(&["show", commit]).contains('+') && !touched.is_empty());
    }
    let deployment = fixture.git(&["show", &format!("live:{SITE}/manifests/deployment.yaml")]);
    assert!(deployment.contains("replicas: 2") && deployment.contains("other.internal:5000"));
    fixture.assert_lawful();
}

#[test]
fn the_next_writer_renders_what_nobody_published() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 3");
    clone.commit("scale the site");
    clone.push();
    deploy(&fixture.state, &name("api"), 8).unwrap();
    let subjects = fixture.git(&["log", "-3", "--format=%s", "live"]);
    let lines: Vec<_> = subjects.lines().collect();
    assert!(lines[0].starts_with("deploy acme/shop/api at "), "{subjects}");
    assert_eq!(lines[1..], ["render service acme/shop/site", "scale the site"]);
    fixture.assert_lawful();
}

#[test]
fn what_breaks_a_law_is_not_rendered() {
    let fixture = Fixture::new();
    let (live, clone) = (fixture.live(), fixture.clone());
    clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 3");
    clone.commit("scale the site");
    clone.edit(&format!("{API}/service.yaml"), "replicas: 1", "replicas: none");
    clone.commit("break the other");
    clone.push();
    let found = fixture.state.publish(Timestamp::now()).unwrap();
    assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [Rule::Parses]);
    assert_eq!(fixture.live(), live);
    assert_eq!(fixture.main(), clone.git(&["rev-parse", "HEAD"]));
}
