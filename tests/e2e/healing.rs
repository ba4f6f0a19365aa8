//! What somebody changes in the cluster is changed back, and what happened while a part of it was down is made
//! up for.

use crate::harness::{Answer, Outage, World, get, kubectl, object, reconcile_plan, wait_for};
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
    let closed = r#"{"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 1}]}}"#;
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

#[test]
fn a_push_while_argocd_is_down_is_served_once_it_is_back() {
    let mut world = World::alone("down-argocd");
    let site = world.site("site", "before");
    site.wait_until_shows("before");

    let argocd = Outage::of("argocd-application-controller");
    site.push("after");
    world.wait_until_released("site", &site.head());
    world.wait_until_is("site", "syncing");
    assert_eq!(get(&site.host).unwrap(), Answer::ok("before"));

    argocd.end();
    site.wait_until_shows("after");
    world.wait_until_is("site", "active");
}

#[test]
fn a_variable_set_while_the_reconciler_is_down_arrives_once_it_is_back() {
    let mut world = World::alone("down-reconciler");
    let host = world.workload("app", &[("VERSION", "before")]);
    let shows = |text: &str| get(&host).is_ok_and(|answer| answer == Answer::ok(text));
    wait_for("the first version", || shows("before").then_some(()));

    let reconciler = Outage::of("reconciler");
    let change = json!({"name": "app", "project": world.project,
                        "env_vars": [{"key": "VERSION", "value": "after"}]});
    world.agent.ok("update_service", change);
    // Its pods are asked for, and cannot start without their Secret.
    world.wait_until_is("app", "deploying");
    let plan = reconcile_plan();
    assert!(plan.contains("main/down-reconciler  put secret"), "{plan}");
    assert!(shows("before"));

    reconciler.end();
    wait_for("the second version", || shows("after").then_some(()));
    world.wait_until_is("app", "active");
}

#[test]
fn a_push_while_the_control_plane_is_down_is_served_once_it_is_back() {
    let mut world = World::alone("down-control-plane");
    let site = world.site("site", "before");
    site.wait_until_shows("before");
    world.wait_until_is("site", "active");

    // Both, as where they are one process: controllers that were left alone go on with what they knew, and
    // take minutes to doubt it.
    let controllers = Outage::of("kube-controller-manager");
    let api_server = Outage::of("kube-apiserver");
    world.wait_until_is("site", "unseen");
    site.push("after");
    world.wait_until_released("site", &site.head());
    let service = world.service("site");
    assert_eq!(service["runtime"]["status"], "unseen", "{service}");
    assert_eq!(service["deployment"]["status"], "committed", "{service}");
    assert_eq!(get(&site.host).unwrap(), Answer::ok("before"));

    api_server.end();
    controllers.end();
    site.wait_until_shows("after");
    world.wait_until_is("site", "active");
}
