//! What becomes of the namespace of a project.

use crate::harness::{World, kubectl, object, wait_for};
use serde_json::json;

#[test]
fn the_namespace_of_a_deleted_project_goes_once_it_is_empty() {
    let mut world = World::new("leaving");
    let site = world.site("site", "here");
    site.wait_until_shows("here");
    let namespace = world.namespace();
    let name = format!("namespace/{namespace}");
    let project = json!({"name": world.project});

    let refusal = world.agent.refused("delete_project", project.clone());
    assert!(refusal["message"].as_str().unwrap().contains("site"), "{refusal}");
    site.wait_until_shows("here");

    // Somebody's own, which neither git nor ArgoCD knows.
    let foreign = ["create", "deployment", "foreign", "--image=none", "--replicas=0"];
    kubectl(&[&foreign[..], &["-n", &namespace]].concat());
    let service = json!({"name": "site", "project": world.project});
    world.agent.ok("delete_service", service);
    world.agent.ok("delete_project", project);
    wait_for("the end of its pods", || {
        let left = kubectl(&["get", "pods,resourcequotas", "-n", &namespace, "-o", "name"]);
        left.is_empty().then_some(())
    });
    let kept = object("default", &name).unwrap();
    assert_eq!(kept["status"]["phase"], "Active", "{kept}");

    kubectl(&["delete", "deployment/foreign", "-n", &namespace]);
    wait_for("the end of the namespace", || object("default", &name).is_none().then_some(()));
    let applications = "inkstone.dev/project=leaving";
    let left = kubectl(&["get", "applications", "-n", "argocd", "-l", applications, "-o", "name"]);
    assert_eq!(left, "");
}
