//! What a change of intent or of a release changes, and what it leaves alone.

use crate::cases::{self, Case};
use inkstone_renderer::RenderError;
use inkstone_spec::{CommitId, DeploymentId, Digest, Hostname, ProjectName, Replicas};
use serde_json::Value as Json;

fn deployment(case: &Case) -> Json {
    cases::document(&case.render(&cases::renderer()).unwrap()["service/deployment.yaml"])
}

#[test]
fn a_deploy_of_the_same_image_and_env_restarts_no_pod() {
    let first = cases::one("everything-at-once");
    let mut second = first.clone();
    let release = second.service.release.as_mut().unwrap();
    release.deployment = DeploymentId::new("dep_01jdezx2k7e5m8w3r4t6y9a0zz").unwrap();
    release.source_commit = Some(CommitId::new("b".repeat(40)).unwrap());
    second.service.spec.replicas = Replicas::new(7).unwrap();
    let (first, second) = (deployment(&first), deployment(&second));
    assert_eq!(first["spec"]["template"], second["spec"]["template"]);
    assert_ne!(first["metadata"]["annotations"], second["metadata"]["annotations"]);
}

#[test]
fn a_new_value_or_image_starts_new_pods() {
    let first = cases::one("everything-at-once");
    let mut env = first.clone();
    env.env.as_mut().unwrap().fingerprint = Digest::of(b"other ciphertexts");
    let mut image = first.clone();
    image.service.release.as_mut().unwrap().image = Digest::of(b"other image");
    for changed in [env, image] {
        assert_ne!(
            deployment(&first)["spec"]["template"],
            deployment(&changed)["spec"]["template"]
        );
        assert_eq!(
            deployment(&first)["spec"]["selector"],
            deployment(&changed)["spec"]["selector"]
        );
    }
}

#[test]
fn an_env_without_keys_is_no_env() {
    let none = cases::one("memory-256mi");
    let mut empty = none.clone();
    empty.env = cases::one("env").env;
    empty.env.as_mut().unwrap().keys.clear();
    assert_eq!(deployment(&none), deployment(&empty));
}

#[test]
fn a_host_that_is_named_twice_is_refused() {
    let mut case = cases::one("one-more-host");
    let host = case.service.spec.hosts[0].clone();
    case.service.spec.hosts.push(host);
    let error = case.render(&cases::renderer()).unwrap_err();
    assert_eq!(error.code(), "host_duplicate");
    assert!(error.to_string().contains("www.example.com"), "{error}");

    let mut case = cases::one("env");
    let manifest = case.render(&cases::renderer()).unwrap()["service/ingress.yaml"].clone();
    let default =
        cases::document(&manifest)["spec"]["rules"][0]["host"].as_str().unwrap().to_owned();
    case.service.spec.hosts.push(Hostname::new(default).unwrap());
    assert_eq!(case.render(&cases::renderer()).unwrap_err().code(), "host_duplicate");
}

#[test]
fn a_service_is_not_rendered_for_another_project() {
    let mut case = cases::one("env");
    case.project.metadata.name = ProjectName::new("other").unwrap();
    let error = case.render(&cases::renderer()).unwrap_err();
    assert!(matches!(error, RenderError::OtherProject { .. }), "{error}");
}

#[test]
fn an_apps_domain_without_room_for_the_default_host_is_an_error_that_says_so() {
    let mut case = cases::one("env");
    let label = "a".repeat(60);
    case.cluster.spec.apps_domain =
        Hostname::new(format!("{label}.{label}.{label}.{label}.io")).unwrap();
    let error = case.render(&cases::renderer()).unwrap_err();
    assert_eq!(error.code(), "default_host_too_long");
    assert!(error.suggestion().contains("apps domain"));
}

#[test]
fn one_renderer_serves_many_threads_and_says_the_same_on_each() {
    let renderer = cases::renderer();
    let case = cases::one("everything-at-once");
    let expected = case.render(&renderer).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(case.render(&renderer).unwrap(), expected));
        }
    });
}
