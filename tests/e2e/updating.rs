//! Changes of a service that runs, as kubectl and visitors see them.

use crate::harness::{Answer, Visitor, World, get, kubectl, object, wait_for, wait_until_shows};
use serde_json::{Value, json};

/// What a pod of the app has of everything that its container may use.
fn limits(pods: &Value) -> Vec<&Value> {
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| &pod["spec"]["containers"][0]["resources"]["limits"]).collect()
}

#[test]
fn a_service_grows_without_a_failed_request_and_stops_and_starts_again_larger() {
    let mut world = World::new("resizing");
    let host = world.workload("app", &[("VERSION", "here")]);
    wait_until_shows(&host, "here");
    let namespace = world.namespace();
    let pods = || -> Value {
        let pods = kubectl(&["get", "pods", "-n", &namespace, "-o", "json"]);
        serde_json::from_str(&pods).unwrap()
    };

    let visitor = Visitor::of(&host);
    world.ask("update_service", "app", &json!({"replicas": 2}));
    world.wait_until_active("app");
    let deployment = object(&namespace, "deployment/app").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 2, "{deployment}");
    let answers = visitor.answers();
    let here = Answer::ok("here");
    let failed: Vec<_> =
        answers.iter().filter(|answer| !answer.as_ref().is_ok_and(|it| *it == here)).collect();
    assert!(failed.is_empty(), "of {}: {failed:?}", answers.len());

    world.ask("update_service", "app", &json!({"replicas": 0}));
    world.wait_until_active("app");
    wait_for("the end of its pods", || limits(&pods()).is_empty().then_some(()));
    assert_ne!(get(&host).unwrap().status, 200);

    world.ask("update_service", "app", &json!({"replicas": 1, "memory": "512Mi"}));
    world.wait_until_active("app");
    wait_until_shows(&host, "here");
    let pods = pods();
    let limits = limits(&pods);
    assert_eq!((limits.len(), &limits[0]["memory"]), (1, &json!("512Mi")), "{limits:?}");
}

#[test]
fn a_rollback_brings_an_earlier_release_back() {
    let mut world = World::new("rolling");
    let site = world.site("site", "one");
    site.wait_until_shows("one");
    let first = world.ask("get_service", "site", &json!({}))["deployment"]["id"].clone();
    for text in ["two", "three"] {
        site.push(text);
        site.wait_until_shows(text);
    }
    world.ask("rollback_service", "site", &json!({"to_deployment": first}));
    site.wait_until_shows("one");
    let service = world.wait_until_active("site");
    assert_eq!(service["release"]["deployment"], first, "{service}");
}

#[test]
fn a_new_value_restarts_a_service_and_the_secret_before_stays() {
    let mut world = World::new("turning");
    let host = world.workload("app", &[("VERSION", "one"), ("OTHER", "kept")]);
    wait_until_shows(&host, "one");
    let namespace = world.namespace();
    let secret = || {
        let deployment = object(&namespace, "deployment/app").unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        container["envFrom"][0]["secretRef"]["name"].as_str().unwrap().to_owned()
    };
    let before = secret();
    let variables = json!({"env_vars": [{"key": "VERSION", "value": "two"}]});
    let updated = world.ask("update_service", "app", &variables);
    wait_until_shows(&host, "two");
    let after = secret();
    assert_ne!(before, after);
    for name in [&before, &after] {
        let secret = object(&namespace, &format!("secret/{name}")).expect(name);
        assert_eq!(secret["immutable"], true, "{name}");
    }

    // So what was before comes back at once.
    world.ask("rollback_service", "app", &json!({"undo_commit": updated["commit"]}));
    wait_until_shows(&host, "one");
    assert_eq!(secret(), before);
}

#[test]
fn a_service_that_is_made_anew_never_runs_what_it_was_before() {
    let mut world = World::new("anew");
    let host = world.workload("app", &[("VERSION", "before")]);
    wait_until_shows(&host, "before");
    world.ask("delete_service", "app", &json!({}));
    wait_for("the end of it", || get(&host).is_ok_and(|answer| answer.status != 200).then_some(()));

    let visitor = Visitor::of(&host);
    assert_eq!(world.workload("app", &[("VERSION", "anew")]), host);
    wait_until_shows(&host, "anew");
    world.wait_until_active("app");
    let answers = visitor.answers();
    let old = answers.iter().flatten().filter(|answer| answer.body == "before").count();
    assert_eq!(old, 0, "of {}", answers.len());
}
