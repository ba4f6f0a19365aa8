//! Inputs that a lint renders: between them every size of list, with and without an environment,
//! names of one letter, names as long as they may be, and names that YAML has another meaning for.

use crate::context::{
    IngressController, Place, ProjectContext, Quota, ReleaseIdentity, ServiceContext,
    ServiceIdentity,
};
use inkstone_spec::TemplateScope;
use minijinja::value::{Serde, Value};
use serde::Serialize;

/// A sample input and what the objects rendered from it must be called.
pub(super) struct Sample {
    pub(super) context: Value,
    pub(super) namespace: String,
    /// The name of every object; `None` for a project, whose templates name theirs themselves.
    pub(super) name: Option<String>,
}

/// Every sample for templates of this scope.
pub(super) fn all(scope: TemplateScope) -> Vec<Sample> {
    fn sample(context: &impl Serialize, place: &Place, name: Option<&str>) -> Sample {
        Sample {
            context: Value::from(Serde(context)),
            namespace: place.namespace.clone(),
            name: name.map(str::to_owned),
        }
    }
    match scope {
        TemplateScope::Project => projects().iter().map(|p| sample(p, &p.place, None)).collect(),
        TemplateScope::Service => {
            services().iter().map(|s| sample(s, &s.place, Some(&s.service.name))).collect()
        }
    }
}

/// The names in one place.
struct Names {
    workspace: &'static str,
    project: &'static str,
    service: &'static str,
}

const NAMES: [Names; 3] = [
    Names { workspace: "acme", project: "web-shop", service: "checkout-api" },
    Names { workspace: "y", project: "no", service: "null" },
    Names {
        workspace: "abcdefghijklmnopqrst",
        project: "abcdefghijklmnopqrstuvwxyz-123",
        service: "abcdefghijklmnopqrstuvwxyz-0123456789-ab",
    },
];

/// How large a service is, and the numbers of its image.
struct Size {
    runtime_class: Option<&'static str>,
    replicas: u8,
    port: u16,
    user: u32,
    memory: &'static str,
    cpu: &'static str,
}

const SIZES: [Size; 3] = [
    Size { runtime_class: None, replicas: 0, port: 80, user: 1, memory: "256Mi", cpu: "500m" },
    Size {
        runtime_class: Some("gvisor"),
        replicas: 1,
        port: 8080,
        user: 0,
        memory: "1Gi",
        cpu: "1",
    },
    Size {
        runtime_class: None,
        replicas: 20,
        port: 65535,
        user: 2_147_483_647,
        memory: "4Gi",
        cpu: "4",
    },
];

fn place(names: &Names) -> Place {
    Place {
        region: "eu-central-1".to_owned(),
        workspace: names.workspace.to_owned(),
        project: names.project.to_owned(),
        namespace: format!("dp-{}-{}", names.workspace, names.project),
        ingress: IngressController { class: "traefik".to_owned(), namespace: "ingress".to_owned() },
    }
}

/// Every project that a lint renders.
fn projects() -> Vec<ProjectContext> {
    NAMES
        .iter()
        .map(|names| ProjectContext {
            place: place(names),
            pod_security: if names.project == "no" { "baseline" } else { "restricted" },
            quota: Quota {
                pods: "200".to_owned(),
                cpu: "40".to_owned(),
                memory: "40Gi".to_owned(),
            },
        })
        .collect()
}

/// Every service that a lint renders.
fn services() -> Vec<ServiceContext> {
    let mut all = Vec::new();
    for names in &NAMES {
        for env_keys in [0, 1, 3] {
            for extra_hosts in [0, 2] {
                for size in &SIZES {
                    all.push(service(names, env_keys, extra_hosts, size));
                }
            }
        }
    }
    all
}

fn service(names: &Names, env_keys: usize, extra_hosts: usize, size: &Size) -> ServiceContext {
    let Names { workspace, project, service } = names;
    let Size { runtime_class, replicas, port, user, memory, cpu } = size;
    let extra = (0..extra_hosts).map(|i| format!("{i}.example.com"));
    ServiceContext {
        place: place(names),
        service: ServiceIdentity {
            name: (*service).to_owned(),
            uid: "01jdezx2k7e5m8w3r4t6y9a0bc".to_owned(),
        },
        release: ReleaseIdentity {
            deployment: "dep_01jdezx2k7e5m8w3r4t6y9a0bc".to_owned(),
            // A ready image has no source commit.
            source_commit: (size.replicas > 0)
                .then(|| "0123456789012345678901234567890123456789".to_owned()),
        },
        image: format!(
            "registry.internal:5000/{workspace}/{project}/{service}@sha256:{}",
            "0".repeat(64)
        ),
        port: *port,
        port_name: "http-0123456789".to_owned(),
        user: *user,
        runtime_class: runtime_class.map(str::to_owned),
        replicas: *replicas,
        memory: (*memory).to_owned(),
        cpu: (*cpu).to_owned(),
        hosts: std::iter::once(format!("{service}-01234567.apps.example.com"))
            .chain(extra)
            .collect(),
        env_secret: (env_keys > 0).then(|| format!("{service}-env-0123456789")),
        env_keys: (0..env_keys).map(|i| format!("KEY_{i}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_spec::{Hostname, KubernetesName, ProjectName, ServiceName, WorkspaceName};
    use serde_json::Value as Json;
    use std::collections::BTreeSet;

    #[test]
    fn samples_are_values_that_their_types_take() {
        for names in &NAMES {
            WorkspaceName::new(names.workspace).unwrap();
            ProjectName::new(names.project).unwrap();
            assert_eq!(ServiceName::new(names.service).unwrap().as_str(), names.service);
        }
        for service in services() {
            service.hosts.iter().for_each(|host| drop(Hostname::new(host.as_str()).unwrap()));
            KubernetesName::new(service.place.ingress.class).unwrap();
        }
    }

    /// The variables of a context: `name` or `name.field`.
    fn variables(context: &impl serde::Serialize) -> BTreeSet<String> {
        let Json::Object(fields) = serde_json::to_value(context).unwrap() else { panic!() };
        fields
            .into_iter()
            .flat_map(|(name, value)| match value {
                Json::Object(inner) => inner.keys().map(|key| format!("{name}.{key}")).collect(),
                _ => vec![name],
            })
            .collect()
    }

    #[test]
    fn the_readme_of_the_templates_documents_exactly_the_variables_that_exist() {
        let readme = include_str!("../../../templates/README.md");
        let documented: BTreeSet<String> = readme
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut existing = variables(&projects()[0]);
        existing.extend(variables(&services()[0]));
        assert_eq!(documented, existing);
    }
}
