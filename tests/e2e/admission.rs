//! Whether a real API server takes what is rendered.

use crate::harness::{Turn, kubectl, text, try_kubectl};
use serde_json::{Deserializer, Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where they are tried: a namespace of Inkstone's own is gone as soon as no project has it.
const NAMESPACE: &str = "golden";

/// Every golden case: its name, and the folder of what was rendered.
fn cases() -> Vec<(String, PathBuf)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap());
    let cases = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path().join("manifests")));
    cases.filter(|(_, manifests)| manifests.exists()).collect()
}

#[test]
fn the_api_server_and_pod_security_take_every_golden_manifest() {
    let _turn = Turn::shared();
    let cases = cases();
    assert!(cases.len() > 20, "{cases:?}");
    kubectl(&["create", "namespace", NAMESPACE]);
    make_runtime_class("gvisor");
    for (case, manifests) in cases {
        let read = ["create", "--dry-run=client", "-o", "json", "--recursive", "-f"];
        let shown = kubectl(&[&read[..], &[manifests.to_str().unwrap()]].concat());
        let objects = Deserializer::from_str(&shown).into_iter::<Value>();
        let mut tried = Vec::new();
        for mut object in objects.map(Result::unwrap) {
            if object["kind"] == "Namespace" {
                take_security_of(&object);
            } else {
                object["metadata"]["namespace"] = json!(NAMESPACE);
            }
            if object["kind"] == "Deployment" {
                tried.push(pod(&object));
            }
            tried.push(object);
        }
        try_out(&case, &json!({"apiVersion": "v1", "kind": "List", "items": tried}));
    }
}

/// Makes the runtime class that the sandboxed cases name: a pod of one that is not there is refused.
fn make_runtime_class(name: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let class = json!({
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name},
        "handler": "runc",
    });
    write!(file, "{class}").unwrap();
    kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
}

/// Has the namespace enforce what a project's namespace does.
fn take_security_of(namespace: &Value) {
    let labels = namespace["metadata"]["labels"].as_object().unwrap().iter();
    let security = labels.filter(|(key, _)| key.starts_with("pod-security.kubernetes.io/"));
    let words: Vec<_> =
        security.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
    assert!(!words.is_empty(), "{namespace}");
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    kubectl(&[&["label", "--overwrite", "namespace", NAMESPACE], &words[..]].concat());
}

/// A pod of a Deployment: Pod Security warns of the one and refuses the other.
fn pod(deployment: &Value) -> Value {
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("pod");
    pod["metadata"]["namespace"] = json!(NAMESPACE);
    pod
}

/// Has the API server judge objects. It must take them, and Pod Security must have nothing to say.
fn try_out(case: &str, objects: &Value) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{objects}").unwrap();
    let tried = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f"];
    let output = try_kubectl(&[&tried[..], &[file.path().to_str().unwrap()]].concat());
    let said = text(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{case}: {said}");
}

#[test]
fn the_api_server_and_pod_security_take_the_reconciler() {
    let _turn = Turn::shared();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("argocd/reconciler.yaml");
    let read = ["create", "--dry-run=client", "-o", "json", "-f", file.to_str().unwrap()];
    let deployment: Value = serde_json::from_str(&kubectl(&read)).unwrap();
    let mut pod = pod(&deployment);
    pod["metadata"]["namespace"] = json!("inkstone");
    let items = json!([deployment, pod]);
    try_out("the reconciler", &json!({"apiVersion": "v1", "kind": "List", "items": items}));
}
