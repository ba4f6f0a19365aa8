//! Manifests as Kubernetes reads them: its types, its command line, and objects that fit together.

use crate::{cases, kubectl};
use inkstone_spec::Hostname;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::rbac::v1::RoleBinding;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

#[test]
fn every_manifest_is_exactly_what_the_kubernetes_types_know() {
    let renderer = cases::renderer();
    for case in cases::all() {
        for (path, text) in case.render(&renderer).unwrap() {
            let document = cases::document(&text);
            let known = as_kubernetes_knows_it(&document)
                .unwrap_or_else(|error| panic!("{}/{path}: {error}", case.name()));
            assert_eq!(known, document, "{}/{path} has fields that Kubernetes drops", case.name());
        }
    }
}

/// What is left of an object once it was one of Kubernetes' types.
fn as_kubernetes_knows_it(document: &Json) -> Result<Json, serde_json::Error> {
    fn through<T: DeserializeOwned + Serialize>(
        document: &Json,
    ) -> Result<Json, serde_json::Error> {
        serde_json::to_value(serde_json::from_value::<T>(document.clone())?)
    }
    match document["kind"].as_str().unwrap_or_default() {
        "Deployment" => through::<Deployment>(document),
        "Ingress" => through::<Ingress>(document),
        "LimitRange" => through::<LimitRange>(document),
        "Namespace" => through::<Namespace>(document),
        "NetworkPolicy" => through::<NetworkPolicy>(document),
        "ResourceQuota" => through::<ResourceQuota>(document),
        "RoleBinding" => through::<RoleBinding>(document),
        "Service" => through::<Service>(document),
        other => panic!("no type for kind {other}"),
    }
}

#[test]
fn a_field_that_kubernetes_does_not_know_would_be_noticed() {
    let text =
        cases::one("env").render(&cases::renderer()).unwrap()["service/deployment.yaml"].clone();
    let mut document = cases::document(&text);
    document["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = json!({});
    assert_ne!(as_kubernetes_knows_it(&document).unwrap(), document);
}

#[test]
fn kubectl_reads_every_manifest_as_we_do() {
    let renderer = cases::renderer();
    let texts: Vec<String> = cases::all()
        .iter()
        .flat_map(|case| case.render(&renderer).unwrap().into_values())
        .collect();
    let Some(documents) = kubectl::read(&texts) else { return };
    for (text, read) in texts.iter().zip(documents) {
        let mut document = cases::document(text);
        document["metadata"]["annotations"]["z"] = json!("1");
        assert_eq!(read, document);
    }
}

#[test]
fn deployment_service_and_ingress_of_a_service_find_each_other() {
    let renderer = cases::renderer();
    for case in cases::all() {
        let manifests = case.render(&renderer).unwrap();
        let Some(deployment) = manifests.get("service/deployment.yaml") else { continue };
        let deployment = cases::document(deployment);
        let service = cases::document(&manifests["service/service.yaml"]);
        let ingress = cases::document(&manifests["service/ingress.yaml"]);
        let name = case.service.metadata.name.as_str();

        let pod = &deployment["spec"]["template"];
        let selector = json!({ "inkstone.dev/service": name });
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], selector);
        assert_eq!(service["spec"]["selector"], selector);
        assert_eq!(pod["metadata"]["labels"]["inkstone.dev/service"], name);

        let container = &pod["spec"]["containers"][0];
        let port = &container["ports"][0]["containerPort"];
        assert_eq!(service["spec"]["ports"][0]["targetPort"], *port);
        assert_eq!(container["env"], json!([{"name": "PORT", "value": port.to_string()}]));
        for probe in ["readinessProbe", "livenessProbe"] {
            assert_eq!(container[probe]["tcpSocket"]["port"], *port);
        }
        for rule in ingress["spec"]["rules"].as_array().unwrap() {
            let backend = &rule["http"]["paths"][0]["backend"]["service"];
            assert_eq!(backend["name"], service["metadata"]["name"]);
            assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
        }
        let mut hosts = ingress["spec"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["host"].as_str().unwrap());
        assert!(
            hosts.next().unwrap().starts_with(&format!("{name}-")),
            "the default host is first"
        );
        assert!(hosts.eq(case.service.spec.hosts.iter().map(Hostname::as_str)));
    }
}

#[test]
fn every_object_says_whose_it_is() {
    let renderer = cases::renderer();
    for case in cases::all() {
        for (path, text) in case.render(&renderer).unwrap() {
            let labels = cases::document(&text)["metadata"]["labels"].clone();
            assert_eq!(labels["app.kubernetes.io/managed-by"], "inkstone");
            assert_eq!(labels["inkstone.dev/workspace"], case.project.metadata.workspace.as_str());
            assert_eq!(labels["inkstone.dev/project"], case.project.metadata.name.as_str());
            if path.starts_with("service/") {
                assert_eq!(labels["inkstone.dev/service"], case.service.metadata.name.as_str());
            }
        }
    }
}
