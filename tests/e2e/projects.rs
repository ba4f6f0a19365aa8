//! What becomes of the namespace of a project, and of what names say.

use crate::harness::{World, get, kubectl, object, reconcile_plan, wait_for, wait_until_shows};
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
    let removal = "main/leaving  remove the namespace";
    let plan = reconcile_plan();
    assert!(!plan.contains(removal), "{plan}");
    let kept = object("default", &name).unwrap();
    assert_eq!(kept["status"]["phase"], "Active", "{kept}");
    // Whatever still runs there stays locked in.
    for policy in ["networkpolicy/egress-isolation", "networkpolicy/ingress-isolation"] {
        assert!(object(&namespace, policy).is_some(), "{policy}");
    }

    kubectl(&["delete", "deployment/foreign", "-n", &namespace]);
    wait_for("the end of the namespace", || object("default", &name).is_none().then_some(()));
    let applications = "inkstone.dev/project=leaving";
    let left = kubectl(&["get", "applications", "-n", "argocd", "-l", applications, "-o", "name"]);
    assert_eq!(left, "");
}

#[test]
fn a_service_with_the_longest_names_is_served_and_ends() {
    let mut world = World::new("a-project-of-the-longest-names");
    let name = "a-service-whose-name-is-as-long-as-it-is";
    assert_eq!((world.project.len(), name.len()), (30, 40));
    let host = world.workload(name, &[("VERSION", "here")]);
    wait_until_shows(&host, "here");
    world.wait_until_active(name);

    let labels = format!("inkstone.dev/project={},inkstone.dev/service={name}", world.project);
    let find = ["get", "applications", "-n", "argocd", "-o", "name", "-l", &labels];
    let application = kubectl(&find);
    let application = application.trim().trim_start_matches("application.argoproj.io/");
    assert!(application.starts_with("main-a-project-of-the"), "{application}");
    assert!(application.len() <= 63, "{application}");

    world.ask("delete_service", name, &json!({}));
    wait_for("the end of the Application", || kubectl(&find).is_empty().then_some(()));
    assert_ne!(get(&host).unwrap().status, 200);
}
