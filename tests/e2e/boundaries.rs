//! What ArgoCD will not do for whoever writes to the state repo, or makes an Application.

use crate::harness::{Server, Turn, kubectl, object, wait_for};
use serde_json::{Value, json};
use std::io::Write as _;

/// An Application of the project `inkstone`.
fn application(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = json!({
        "project": "inkstone",
        "source": {
            "repoURL": format!("{}/state.git", Server::of_the_cluster().url),
            "targetRevision": "live",
            "path": "clusters/eu-central-1/main/default/manifests",
        },
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "dp-main-x"},
    });
    change(&mut spec);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": spec,
    })
}

/// What ArgoCD has against an Application.
fn complaint(application: &Value) -> String {
    let _turn = Turn::shared();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{application}").unwrap();
    kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
    let name = format!("application/{}", application["metadata"]["name"].as_str().unwrap());
    let message = wait_for("a complaint", || {
        let conditions = object("argocd", &name).unwrap()["status"]["conditions"].clone();
        let invalid = conditions.as_array()?.iter().find(|it| it["type"] == "InvalidSpecError")?;
        Some(invalid["message"].as_str().unwrap().to_owned())
    });
    kubectl(&["delete", &name, "-n", "argocd"]);
    message
}

#[test]
fn another_repository_is_not_followed() {
    let other = application("other-repository", |spec| {
        spec["source"]["repoURL"] = json!("https://evil.example.com/state.git");
    });
    let complaint = complaint(&other);
    assert!(complaint.contains("is not permitted in project 'inkstone'"), "{complaint}");
}

#[test]
fn a_namespace_that_is_not_a_projects_is_not_written_to() {
    let other = application("other-namespace", |spec| {
        spec["destination"]["namespace"] = json!("kube-system");
    });
    let complaint = complaint(&other);
    assert!(complaint.contains("do not match any of the allowed destinations"), "{complaint}");
}
