//! Hostile values through every field of every file that rendering reads. Each is refused by its type,
//! or comes out as one string in an object of unchanged shape.

use crate::cases::{self, Case, Manifests};
use crate::pod_security;
use inkstone_spec::EnvKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

pub(crate) const NASTY: &[&str] = &[
    "",
    " ",
    "no",
    "y",
    "on",
    "off",
    "null",
    "~",
    "=",
    "<<",
    "1e3",
    "0777",
    "0x1f",
    "1_000",
    "12:30",
    ".inf",
    "nan",
    "true",
    "-",
    "---",
    "...",
    "a\n- name: evil",
    "a\nhostNetwork: true",
    "a: b",
    "a #b",
    "&a b",
    "*a",
    "!!binary aGk=",
    "!x",
    "| a",
    "> a",
    "%TAG",
    "@a",
    "`a`",
    "'a'",
    "\"a\"",
    "a\"\nb: c",
    "{{ image }}",
    "{% if true %}",
    "{# a #}",
    "{a: b}",
    "[a]",
    "a,b",
    "a\\",
    "a\0b",
    "a\u{85}b",
    "a\u{2028}b",
    "\u{feff}a",
    "a\u{202e}b",
    "а",
    "é",
    "e\u{301}",
    "\u{200b}",
    "../other",
    "/etc",
    ".git",
    "a..b",
    "a/b",
    "a_b",
    "A",
    "-a",
    "a-",
    "a--b",
    "argocd.argoproj.io/sync-options",
    "traefik.ingress.kubernetes.io/router.rule",
    "latest",
    "sha256:latest",
    "registry.internal:5000/other/default/site@sha256:0000",
    "privileged",
    "hostPath",
    "root",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "LD_PRELOAD",
    "KUBERNETES_SERVICE_HOST",
    "PORT",
    "kube-system",
    "a.b",
    "x.example.com",
    "example.com.",
    "*.example.com",
    "127.0.0.1",
    "localhost:5000/a",
];

/// Renders the case with one leaf of one input replaced; `None` when a type refuses it.
struct Input {
    name: &'static str,
    json: Json,
    put: fn(&Case, Json) -> Option<Case>,
}

fn inputs(case: &Case) -> Vec<Input> {
    fn parsed<T: DeserializeOwned>(json: Json) -> Option<T> {
        serde_json::from_value(json).ok()
    }
    fn json(value: &impl Serialize) -> Json {
        serde_json::to_value(value).unwrap()
    }
    vec![
        Input {
            name: "cluster.yaml",
            json: json(&case.cluster),
            put: |case, json| Some(Case { cluster: parsed(json)?, ..case.clone() }),
        },
        Input {
            name: "project.yaml",
            json: json(&case.project),
            put: |case, json| Some(Case { project: parsed(json)?, ..case.clone() }),
        },
        Input {
            name: "service.yaml",
            json: json(&case.service),
            put: |case, json| Some(Case { service: parsed(json)?, ..case.clone() }),
        },
        Input {
            name: "env",
            json: json(&case.env),
            put: |case, json| Some(Case { env: parsed(json)?, ..case.clone() }),
        },
    ]
}

/// The JSON pointers of every value in a document: leaves, or objects.
fn pointers(value: &Json, objects: bool) -> Vec<String> {
    fn walk(value: &Json, objects: bool, at: &str, found: &mut Vec<String>) {
        if value.is_object() == objects && !value.is_array() {
            found.push(at.to_owned());
        }
        match value {
            Json::Object(fields) => fields
                .iter()
                .for_each(|(key, field)| walk(field, objects, &format!("{at}/{key}"), found)),
            Json::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(i, item)| walk(item, objects, &format!("{at}/{i}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, objects, "", &mut found);
    found
}

/// The document without what its scalars say.
fn shape(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), shape(field))).collect()
        }
        Json::Array(items) => items.iter().map(shape).collect(),
        Json::String(_) => json!("string"),
        Json::Number(_) => json!("number"),
        Json::Bool(_) => json!("boolean"),
        Json::Null => Json::Null,
    }
}

fn shapes(manifests: &Manifests) -> Vec<(String, Json)> {
    manifests.iter().map(|(path, text)| (path.clone(), shape(&cases::document(text)))).collect()
}

#[test]
fn attack_9_no_value_of_any_field_changes_the_shape_of_a_manifest() {
    let renderer = cases::renderer();
    let case = cases::one("everything-at-once");
    let expected = shapes(&case.render(&renderer).unwrap());
    let mut refused = 0;
    let mut passed = 0;
    for input in inputs(&case) {
        for pointer in pointers(&input.json, false) {
            for nasty in NASTY {
                let mut json = input.json.clone();
                *json.pointer_mut(&pointer).unwrap() = json!(nasty);
                let Some(changed) = (input.put)(&case, json) else {
                    refused += 1;
                    continue;
                };
                // Names that disagree, or one host twice, are refused by the renderer.
                let Ok(manifests) = changed.render(&renderer) else {
                    refused += 1;
                    continue;
                };
                assert_eq!(shapes(&manifests), expected, "{} {pointer} {nasty:?}", input.name);
                let deployment = cases::document(&manifests["service/deployment.yaml"]);
                let pod = &deployment["spec"]["template"]["spec"];
                assert_eq!(
                    pod_security::violations(pod),
                    Vec::<String>::new(),
                    "{pointer} {nasty:?}"
                );
                passed += 1;
            }
        }
    }
    assert!(refused > 1000 && passed > 50, "{refused} refused, {passed} passed");
}

#[test]
fn attack_10_and_13_there_is_no_field_for_labels_annotations_or_privileges() {
    let case = cases::one("everything-at-once");
    let values = [
        ("labels", json!({"argocd.argoproj.io/instance": "x"})),
        ("annotations", json!({"argocd.argoproj.io/sync-options": "Replace=true"})),
        ("hostNetwork", json!(true)),
        ("hostPath", json!("/")),
        ("privileged", json!(true)),
        ("serviceAccountName", json!("admin")),
        ("automountServiceAccountToken", json!(true)),
        ("securityContext", json!({"runAsUser": 0})),
        ("runtimeClassName", json!("runc")),
        ("volumes", json!([])),
        ("tolerations", json!([])),
        ("nodeName", json!("control-plane")),
        ("command", json!(["sh"])),
    ];
    for input in inputs(&case).into_iter().filter(|input| input.name != "env") {
        for pointer in pointers(&input.json, true) {
            for (field, value) in &values {
                let mut json = input.json.clone();
                json.pointer_mut(&pointer).unwrap()[field] = value.clone();
                assert!((input.put)(&case, json).is_none(), "{} {pointer}/{field}", input.name);
            }
        }
    }
}

#[test]
fn attack_11_env_keys_that_change_the_loader_or_the_cluster_are_refused() {
    for key in
        ["LD_PRELOAD", "LD_LIBRARY_PATH", "KUBERNETES_SERVICE_HOST", "PORT", "a", "A-B", "A B", ""]
    {
        assert!(EnvKey::new(key).is_err(), "{key}");
    }
}

#[test]
fn attack_12_huge_values_are_refused_and_huge_lists_make_an_error_not_a_manifest() {
    let renderer = cases::renderer();
    let case = cases::one("everything-at-once");
    let megabyte = "a".repeat(1 << 20);
    for input in inputs(&case) {
        for pointer in pointers(&input.json, false) {
            let mut json = input.json.clone();
            *json.pointer_mut(&pointer).unwrap() = json!(megabyte);
            assert!((input.put)(&case, json).is_none(), "{} {pointer}", input.name);
        }
    }
    let mut many = case;
    let end = ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join(".");
    many.service.spec.hosts = (0..1000).map(|i| format!("h{i}.{end}").parse().unwrap()).collect();
    let error = many.render(&renderer).unwrap_err();
    assert_eq!(error.code(), "manifest_too_large");
    assert!(error.to_string().contains("service/ingress.yaml"), "{error}");
}

#[test]
fn attack_15_every_image_is_the_services_own_by_digest() {
    let renderer = cases::renderer();
    for case in cases::all() {
        let Some(release) = &case.service.release else { continue };
        let manifest = &case.render(&renderer).unwrap()["service/deployment.yaml"];
        let image =
            cases::document(manifest)["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        let (registry, of) = (&case.cluster.spec.registry, case.service.metadata.service_ref());
        assert_eq!(image, format!("{registry}/{of}@{}", release.image), "{}", case.name());
    }
}
