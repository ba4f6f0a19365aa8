//! The variables that templates see. `templates/README.md` documents each; a test holds it to that.

use crate::quantity;
use crate::render::{ProjectInput, RenderError, ServiceInput};
use inkstone_spec::{
    Cluster, Digest, EnvKey, Hostname, Isolation, Project, ProjectRef, Release, ServiceName,
    default_host, port_name,
};
use serde::Serialize;

/// Hex digits of the env fingerprint in the name of a Secret: 40 bits tell apart the few Secrets that
/// one service has within a revert window.
const FINGERPRINT_DIGITS: usize = 10;

/// The sealed environment of a service, as far as rendering needs it: never a value.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// The names of the variables.
    pub keys: &'a [EnvKey],
    /// The digest of the sorted names and ciphertexts.
    pub fingerprint: &'a Digest,
}

/// The name of the Secret that holds a service's environment: `<service>-env-<10 hex>`, at most 55
/// bytes. The end has a fixed length, so two services never share a name.
pub fn env_secret_name(service: &ServiceName, fingerprint: &Digest) -> String {
    let short = fingerprint.hex().get(..FINGERPRINT_DIGITS).unwrap_or_default();
    format!("{service}-env-{short}")
}

/// What every template sees.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) workspace: String,
    pub(crate) project: String,
    pub(crate) namespace: String,
    pub(crate) ingress: IngressController,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct IngressController {
    pub(crate) class: String,
    pub(crate) namespace: String,
}

/// What project templates see.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProjectContext {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) pod_security: &'static str,
    pub(crate) quota: Quota,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Quota {
    pub(crate) pods: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
}

/// What service templates see.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceContext {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) service: ServiceIdentity,
    pub(crate) release: ReleaseIdentity,
    pub(crate) image: String,
    pub(crate) port: u16,
    pub(crate) port_name: String,
    pub(crate) user: u32,
    pub(crate) runtime_class: Option<String>,
    pub(crate) replicas: u8,
    pub(crate) memory: String,
    pub(crate) cpu: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) env_secret: Option<String>,
    pub(crate) env_keys: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceIdentity {
    pub(crate) name: String,
    pub(crate) uid: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReleaseIdentity {
    pub(crate) deployment: String,
    pub(crate) source_commit: Option<String>,
}

impl Place {
    fn new(cluster: &Cluster, project: &ProjectRef) -> Self {
        Self {
            region: cluster.metadata.region.to_string(),
            workspace: project.workspace.to_string(),
            project: project.project.to_string(),
            namespace: project.namespace().to_string(),
            ingress: IngressController {
                class: cluster.spec.ingress.class.to_string(),
                namespace: cluster.spec.ingress.namespace.to_string(),
            },
        }
    }
}

/// The runtime class of a project's pods, where its isolation asks for one.
fn runtime_class(cluster: &Cluster, project: &Project) -> Result<Option<String>, RenderError> {
    match (project.spec.isolation, &cluster.spec.sandboxed_runtime_class) {
        (Isolation::Restricted, _) => Ok(None),
        (Isolation::Sandboxed, Some(class)) => Ok(Some(class.to_string())),
        (Isolation::Sandboxed, None) => {
            Err(RenderError::NoSandbox { project: project.metadata.project_ref() })
        }
    }
}

impl ProjectContext {
    pub(crate) fn new(input: &ProjectInput<'_>) -> Result<Self, RenderError> {
        let Project { metadata, spec, .. } = input.project;
        let runtime_class = runtime_class(input.cluster, input.project)?;
        Ok(Self {
            place: Place::new(input.cluster, &metadata.project_ref()),
            pod_security: if runtime_class.is_some() { "baseline" } else { "restricted" },
            quota: Quota {
                pods: quantity::count(spec.quota.pods.get()),
                cpu: quantity::count(spec.quota.vcpus.get()),
                memory: quantity::gibibytes(spec.quota.memory_gi.get()),
            },
        })
    }
}

impl ServiceContext {
    pub(crate) fn new(input: &ServiceInput<'_>, release: &Release) -> Result<Self, RenderError> {
        let service = input.service;
        let reference = service.metadata.service_ref();
        let project = reference.project_ref();
        if project != input.project.metadata.project_ref() {
            return Err(RenderError::OtherProject {
                service: reference,
                project: input.project.metadata.project_ref(),
            });
        }
        let cluster = &input.cluster.spec;
        let runtime_class = runtime_class(input.cluster, input.project)?;
        if release.user.get() == 0 && runtime_class.is_none() {
            return Err(RenderError::Root { service: reference });
        }
        let env = input.env.filter(|env| !env.keys.is_empty());
        Ok(Self {
            place: Place::new(input.cluster, &project),
            service: ServiceIdentity {
                name: service.metadata.name.to_string(),
                uid: service.metadata.uid.to_string(),
            },
            release: ReleaseIdentity {
                deployment: release.deployment.to_string(),
                source_commit: release.source_commit.as_ref().map(ToString::to_string),
            },
            image: format!("{}/{reference}@{}", cluster.registry, release.image),
            port: service.spec.port.unwrap_or(release.port).get(),
            port_name: port_name(&reference),
            user: release.user.get(),
            runtime_class,
            replicas: service.spec.replicas.get(),
            memory: quantity::memory(service.spec.resources.memory).to_owned(),
            cpu: quantity::cpu(service.spec.resources.vcpus).to_owned(),
            hosts: hosts(input)?,
            env_secret: env.map(|env| env_secret_name(&service.metadata.name, env.fingerprint)),
            env_keys: env.iter().flat_map(|env| env.keys).map(ToString::to_string).collect(),
        })
    }
}

/// The default host, then the others in the order of the intent.
fn hosts(input: &ServiceInput<'_>) -> Result<Vec<String>, RenderError> {
    let reference = input.service.metadata.service_ref();
    let default = default_host(&reference, &input.cluster.spec.apps_domain)
        .map_err(RenderError::DefaultHost)?;
    let mut hosts: Vec<&Hostname> = vec![&default];
    for host in &input.service.spec.hosts {
        if hosts.contains(&host) {
            return Err(RenderError::DuplicateHost { service: reference, host: host.clone() });
        }
        hosts.push(host);
    }
    Ok(hosts.into_iter().map(ToString::to_string).collect())
}
