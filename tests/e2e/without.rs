//! What goes on without a part of the cluster, and what is made up for once it is back. Each of these runs alone, and
//! all of them last, by their name: whoever waits to be alone keeps others from beginning.

use crate::harness::{
    Answer, Outage, ReconcilerPod, World, get, kubectl, object, reconcile_plan, wait_for,
    wait_until_shows,
};
use serde_json::json;

#[test]
fn argocd_a_push_waits_and_is_served_once_it_is_back() {
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
fn the_reconciler_a_variable_waits_and_arrives_once_it_is_back() {
    let mut world = World::alone("down-reconciler");
    let host = world.workload("app", &[("VERSION", "before")]);
    wait_until_shows(&host, "before");

    let reconciler = Outage::of("reconciler");
    let change = json!({"name": "app", "project": world.project,
                        "env_vars": [{"key": "VERSION", "value": "after"}]});
    world.agent.ok("update_service", change);
    // Its pods are asked for, and cannot start without their Secret.
    world.wait_until_is("app", "deploying");
    let plan = reconcile_plan();
    assert!(plan.contains("main/down-reconciler  put secret"), "{plan}");
    assert_eq!(get(&host).unwrap(), Answer::ok("before"));

    reconciler.end();
    wait_until_shows(&host, "after");
    world.wait_until_is("app", "active");
}

#[test]
fn the_process_beside_the_cluster_the_reconciler_runs_in_it_as_its_manifest_has_it() {
    let mut world = World::alone("in-cluster");
    let outside = Outage::of("reconciler");
    let pod = ReconcilerPod::start();
    let host = world.workload("app", &[("VERSION", "by a pod")]);
    wait_until_shows(&host, "by a pod");
    let log = pod.end();
    assert!(log.contains("put a Secret there"), "{log}");
    for trouble in ["WARN", "ERROR", "by a pod"] {
        assert!(!log.contains(trouble), "{trouble}: {log}");
    }

    outside.end();
}

#[test]
fn the_control_plane_a_push_waits_and_is_served_once_it_is_back() {
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

#[test]
fn the_api_server_alone_a_push_waits_and_is_served_once_it_is_back() {
    let mut world = World::alone("down-api-server");
    let site = world.site("site", "before");
    site.wait_until_shows("before");
    world.wait_until_is("site", "active");

    let api_server = Outage::of("kube-apiserver");
    site.push("after");
    world.wait_until_released("site", &site.head());
    assert_eq!(get(&site.host).unwrap(), Answer::ok("before"));

    api_server.end();
    site.wait_until_shows("after");
    world.wait_until_is("site", "active");
}

#[test]
fn the_database_all_runs_on_and_is_listed_pushed_changed_reverted_and_deleted_as_before() {
    let mut world = World::alone("down-database");
    let mut site = world.site("site", "before");
    let host = world.workload("app", &[("VERSION", "before")]);
    site.wait_until_shows("before");
    wait_until_shows(&host, "before");

    let server = Outage::of("serve");
    world.server.lose_database();
    assert_eq!(get(&site.host).unwrap(), Answer::ok("before"));
    assert_eq!(get(&host).unwrap(), Answer::ok("before"));
    server.end();
    world.connect_again();
    let listed = world.agent.ok("list_services", json!({"project": world.project}));
    let names: Vec<_> =
        listed["services"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["app", "site"], "{listed}");
    for name in names {
        world.wait_until_is(name.as_str().unwrap(), "active");
    }

    // ArgoCD, by its own key.
    let access = world.agent.ok("get_git_token", json!({"name": site.repo}));
    access["git_remote"].as_str().unwrap().clone_into(&mut site.remote);
    site.push("after");
    site.wait_until_shows("after");
    // The reconciler, by its own.
    world.ask(
        "update_service",
        "app",
        &json!({"env_vars": [{"key": "VERSION", "value": "after"}]}),
    );
    wait_until_shows(&host, "after");

    world.revert("deploy main/down-database/site");
    site.wait_until_shows("before");
    world.ask("delete_service", "app", &json!({}));
    wait_for("the end of the app", || (get(&host).unwrap().status != 200).then_some(()));
}

#[test]
fn the_reconciler_its_plan_says_what_is_left_to_do() {
    let mut world = World::alone("rights-plan");
    world.workload("app", &[("KEY", "value")]);
    let namespace = world.namespace();
    wait_for("a deployment", || object(&namespace, "deployment/app"));
    wait_for("nothing to do", || reconcile_plan().contains("Nothing to do").then_some(()));

    let reconciler = Outage::of("reconciler");
    let registry = object(&namespace, "secret/registry").unwrap();
    kubectl(&["delete", "secret/registry", "-n", &namespace]);
    let plan = reconcile_plan();
    assert!(plan.contains("main/rights-plan  put secret registry"), "{plan}");
    assert_eq!(plan.matches("secret").count(), 1, "{plan}");
    assert_eq!(object(&namespace, "secret/registry"), None, "a plan is not carried out");

    reconciler.end();
    let back = wait_for("the Secret", || object(&namespace, "secret/registry"));
    assert_eq!(back["data"], registry["data"]);
}
