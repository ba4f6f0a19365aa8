//! `cluster.yaml`: what rendering needs to know of a cluster.

use super::{ApiVersion, kind};
use crate::{Digest, Hostname, ImageRegistry, KubernetesName, Port, Recipient, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(ClusterKind, Cluster);

/// One cluster: `clusters/<region>/cluster.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Cluster`.
    pub kind: ClusterKind,
    /// Which cluster this is; must agree with the file's path.
    pub metadata: ClusterMetadata,
    /// What the cluster offers.
    pub spec: ClusterSpec,
}

/// Which cluster a file describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Its region.
    pub region: Region,
}

/// What a cluster offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSpec {
    /// The domain below which every service has its default host.
    pub apps_domain: Hostname,
    /// The ingress controller.
    pub ingress: Ingress,
    /// Where pods pull images from.
    pub registry: ImageRegistry,
    /// Registries, or parts of them, from which ready images may be taken. Absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_registries: Vec<ImageRegistry>,
    /// The runtime class (`spec.runtimeClassName`) of pods in sandboxed projects. Absent: there is no such
    /// project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandboxed_runtime_class: Option<KubernetesName>,
    /// Who can open sealed values: the server, the reconciler, operators.
    #[schemars(length(min = 1))]
    pub recipients: Vec<Recipient>,
    /// The template set of the next deploys.
    pub templates: Digest,
}

/// The ingress controller of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ingress {
    /// The ingress class (`spec.ingressClassName`).
    pub class: KubernetesName,
    /// The namespace it runs in; traffic from there is let in.
    pub namespace: KubernetesName,
    /// The port on which visitors reach it by plain http. Absent: they do by https, on port 443.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_port: Option<Port>,
}

impl Ingress {
    /// Where visitors find what answers for `host`.
    pub fn url(&self, host: &Hostname) -> String {
        /// What nobody has to say.
        const HTTP: u16 = 80;
        match self.http_port.map(Port::get) {
            None => format!("https://{host}"),
            Some(HTTP) => format!("http://{host}"),
            Some(port) => format!("http://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_visitors_come_in() {
        let url = |http_port: Option<u16>| {
            let http_port = http_port.map(|port| Port::new(port.into()).unwrap());
            let name = |name: &str| name.parse().unwrap();
            let ingress = Ingress { class: name("traefik"), namespace: name("x"), http_port };
            ingress.url(&"site.apps.example.com".parse().unwrap())
        };
        assert_eq!(url(None), "https://site.apps.example.com");
        assert_eq!(url(Some(80)), "http://site.apps.example.com");
        assert_eq!(url(Some(8080)), "http://site.apps.example.com:8080");
    }
}
