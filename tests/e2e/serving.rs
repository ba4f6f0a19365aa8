//! From a push to what a visitor sees.

use crate::harness::{Answer, Visitor, World, get, kubectl, wait_for, wait_until_shows};

#[test]
fn a_push_is_served_the_next_one_without_a_failed_request_and_a_revert_takes_it_back() {
    let mut world = World::new("serving");
    let site = world.site("site", "one");
    site.wait_until_shows("one");

    let visitor = Visitor::of(&site.host);
    site.push("two");
    site.wait_until_shows("two");
    // The pod before ends only now, and a visitor might still be led to it.
    let namespace = world.namespace();
    wait_for("the end of the pod before", || {
        let pods = kubectl(&["get", "pods", "-n", &namespace, "-o", "name"]);
        (pods.lines().count() == 1).then_some(())
    });
    let answers = visitor.answers();
    let seen = |text: &str| {
        let wanted = Answer::ok(text);
        answers.iter().filter(|answer| answer.as_ref().is_ok_and(|it| *it == wanted)).count()
    };
    assert!(seen("one") > 0 && seen("two") > 0, "{answers:?}");
    let other = answers.len() - seen("one") - seen("two");
    assert_eq!(other, 0, "of {} requests failed: {answers:?}", answers.len());

    world.revert("deploy main/serving/site");
    site.wait_until_shows("one");
    // Nothing was deployed, and it has a status all the same.
    world.wait_until_is("site", "active");
    let service = world.service("site");
    assert_eq!(service["deployment"]["undone"], true, "{service}");
    assert_ne!(service["release"]["deployment"], service["deployment"]["id"], "{service}");
}

#[test]
fn what_is_deleted_is_gone_and_a_revert_of_that_brings_it_back() {
    let mut world = World::new("deleting");
    let site = world.site("site", "here");
    site.wait_until_shows("here");

    let arguments = serde_json::json!({"name": "site", "project": "deleting"});
    world.agent.ok("delete_service", arguments);
    let namespace = world.namespace();
    let left = || {
        let kinds = "deployments,services,ingresses,pods";
        kubectl(&["get", kinds, "-n", &namespace, "-o", "name"])
    };
    wait_for("the end of the service", || left().is_empty().then_some(()));
    let labels = "inkstone.dev/project=deleting";
    let find = ["get", "applications", "-n", "argocd", "-l", labels, "-o", "name"];
    wait_for("the end of its Application", || {
        (kubectl(&find).trim() == "application.argoproj.io/main-deleting").then_some(())
    });

    world.revert("delete main/deleting/site");
    site.wait_until_shows("here");
}

#[test]
fn services_whose_names_join_to_the_same_are_two() {
    let mut worlds = ["joined", "joined-b"].map(World::new);
    let hosts = [(0, "b-app"), (1, "app")].map(|(project, service)| {
        let host = worlds[project].workload(service, &[("VERSION", service)]);
        (host, service)
    });
    for (host, service) in &hosts {
        wait_until_shows(host, service);
    }
    // Also after the ingress controller has seen both.
    for (host, service) in &hosts {
        assert_eq!(get(host).unwrap(), Answer::ok(service));
    }
}
