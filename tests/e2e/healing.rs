//! What somebody changes in the cluster is changed back.

use crate::harness::{World, kubectl, object, wait_for};
use serde_json::json;

#[test]
fn an_edit_in_the_cluster_is_undone() {
    let mut world = World::new("healing");
    let site = world.site("site", "whole");
    site.wait_until_shows("whole");
    let namespace = world.namespace();
    let spec = |name: &str| object(&namespace, name).unwrap()["spec"].clone();
    let before = (spec("deployment/site"), spec("service/site"));

    kubectl(&["scale", "deployment/site", "-n", &namespace, "--replicas=0"]);
    let closed = r#"{"spec": {"ports": [{"port": 80, "targetPort": 1}]}}"#;
    kubectl(&["patch", "service/site", "-n", &namespace, "-p", closed]);
    kubectl(&["delete", "ingress/site", "-n", &namespace]);

    wait_for("what was", || {
        let now = (spec("deployment/site"), spec("service/site"));
        (now == before && object(&namespace, "ingress/site").is_some()).then_some(())
    });
    site.wait_until_shows("whole");
    let limits = object(&namespace, "limitrange/limits").unwrap();
    assert_ne!(limits["spec"], json!(null));
}
