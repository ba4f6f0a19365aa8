//! Where everything lives in the state repo: every path is one of these, or it is a stray.

use crate::text::{is_label, validated_string};
use crate::{Digest, Hostname, Invalid, ProjectRef, Region, ServiceRef, WorkspaceName};
use std::fmt;
use std::str::FromStr;

validated_string! {
    /// The name of a manifest or template file.
    FileName, "manifest file name", pattern: "^[a-z](-?[a-z0-9])*\\.yaml$", max: 60,
    allowed: "a lower-case name with hyphens that ends in .yaml", example: "deployment.yaml",
    check: |v| v.strip_suffix(".yaml").is_some_and(is_label)
}

/// What a template is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateScope {
    /// Once for each project.
    Project,
    /// Once for each service that has a release.
    Service,
}

impl TemplateScope {
    /// The folder of a template set that holds templates of this scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Service => "service",
        }
    }
}

/// The part of the state repo that one commit may touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// What belongs to the repo or a cluster, not to a tenant.
    Platform,
    /// A workspace's own file.
    Workspace(WorkspaceName),
    /// A project's own files.
    Project(ProjectRef),
    /// A service's directory; its host claims go with it.
    Service(ServiceRef),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("the platform"),
            Self::Workspace(workspace) => write!(f, "workspace {workspace}"),
            Self::Project(project) => write!(f, "project {project}"),
            Self::Service(service) => write!(f, "service {service}"),
        }
    }
}

/// A path of the state repo, layout version 1. `Display` and `FromStr` are inverse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatePath {
    /// `README.md`
    Readme,
    /// `inkstone.yaml`
    Inkstone,
    /// `templates/<digest>/<scope>/<file>`
    Template(Digest, TemplateScope, FileName),
    /// `clusters/<region>/cluster.yaml`
    Cluster(Region),
    /// `clusters/<region>/<workspace>/workspace.yaml`
    Workspace(Region, WorkspaceName),
    /// `clusters/<region>/<workspace>/<project>/project.yaml`
    Project(Region, ProjectRef),
    /// `clusters/<region>/<workspace>/<project>/manifests/<file>`
    ProjectManifest(Region, ProjectRef, FileName),
    /// `clusters/<region>/<workspace>/<project>/services/<service>/service.yaml`
    Service(Region, ServiceRef),
    /// `clusters/<region>/<workspace>/<project>/services/<service>/env.sops.yaml`
    ServiceEnv(Region, ServiceRef),
    /// `clusters/<region>/<workspace>/<project>/services/<service>/manifests/<file>`
    ServiceManifest(Region, ServiceRef, FileName),
    /// `hosts/<2 hex>/<hostname>.yaml`
    Host(Hostname),
}

impl StatePath {
    /// Whose this path is. `None` for a host claim: its content says.
    pub fn owner(&self) -> Option<Owner> {
        Some(match self {
            Self::Readme | Self::Inkstone | Self::Template(..) | Self::Cluster(_) => {
                Owner::Platform
            }
            Self::Workspace(_, workspace) => Owner::Workspace(workspace.clone()),
            Self::Project(_, project) | Self::ProjectManifest(_, project, _) => {
                Owner::Project(project.clone())
            }
            Self::Service(_, service)
            | Self::ServiceEnv(_, service)
            | Self::ServiceManifest(_, service, _) => Owner::Service(service.clone()),
            Self::Host(_) => return None,
        })
    }

    /// The directory of a cluster.
    pub fn cluster_dir(region: &Region) -> String {
        format!("clusters/{region}")
    }

    /// The directory of a workspace.
    pub fn workspace_dir(region: &Region, workspace: &WorkspaceName) -> String {
        format!("clusters/{region}/{workspace}")
    }

    /// The directory of a project.
    pub fn project_dir(region: &Region, project: &ProjectRef) -> String {
        format!("clusters/{region}/{project}")
    }

    /// The directory of a service.
    pub fn service_dir(region: &Region, service: &ServiceRef) -> String {
        format!(
            "{}/services/{}",
            Self::project_dir(region, &service.project_ref()),
            service.service
        )
    }

    /// The directory of a template set.
    pub fn template_dir(set: &Digest) -> String {
        format!("templates/{}", set.hex())
    }
}

impl fmt::Display for StatePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readme => f.write_str("README.md"),
            Self::Inkstone => f.write_str("inkstone.yaml"),
            Self::Template(set, scope, file) => {
                write!(f, "{}/{}/{file}", Self::template_dir(set), scope.as_str())
            }
            Self::Cluster(region) => write!(f, "{}/cluster.yaml", Self::cluster_dir(region)),
            Self::Workspace(region, workspace) => {
                write!(f, "{}/workspace.yaml", Self::workspace_dir(region, workspace))
            }
            Self::Project(region, project) => {
                write!(f, "{}/project.yaml", Self::project_dir(region, project))
            }
            Self::ProjectManifest(region, project, file) => {
                write!(f, "{}/manifests/{file}", Self::project_dir(region, project))
            }
            Self::Service(region, service) => {
                write!(f, "{}/service.yaml", Self::service_dir(region, service))
            }
            Self::ServiceEnv(region, service) => {
                write!(f, "{}/env.sops.yaml", Self::service_dir(region, service))
            }
            Self::ServiceManifest(region, service, file) => {
                write!(f, "{}/manifests/{file}", Self::service_dir(region, service))
            }
            Self::Host(host) => write!(f, "hosts/{}/{host}.yaml", host.shard()),
        }
    }
}

impl FromStr for StatePath {
    type Err = Invalid;

    fn from_str(path: &str) -> Result<Self, Invalid> {
        let stray = || {
            Invalid::new(
                "path of the state repo",
                path,
                "the layout that README.md describes",
                "clusters/eu-central-1/acme/web-shop/services/api/service.yaml",
            )
        };
        let project = |workspace: &str, project: &str| -> Result<ProjectRef, Invalid> {
            Ok(ProjectRef { workspace: workspace.parse()?, project: project.parse()? })
        };
        let parts: Vec<&str> = path.split('/').collect();
        Ok(match parts.as_slice() {
            ["README.md"] => Self::Readme,
            ["inkstone.yaml"] => Self::Inkstone,
            ["templates", set, scope, file] => {
                let scope = match *scope {
                    "project" => TemplateScope::Project,
                    "service" => TemplateScope::Service,
                    _ => return Err(stray()),
                };
                Self::Template(Digest::from_hex(set)?, scope, file.parse()?)
            }
            ["clusters", region, "cluster.yaml"] => Self::Cluster(region.parse()?),
            ["clusters", region, workspace, "workspace.yaml"] => {
                Self::Workspace(region.parse()?, workspace.parse()?)
            }
            ["clusters", region, ws, proj, "project.yaml"] => {
                Self::Project(region.parse()?, project(ws, proj)?)
            }
            ["clusters", region, ws, proj, "manifests", file] => {
                Self::ProjectManifest(region.parse()?, project(ws, proj)?, file.parse()?)
            }
            ["clusters", region, ws, proj, "services", service, rest @ ..] => {
                let region = region.parse()?;
                let service = project(ws, proj)?.service(&service.parse()?);
                match rest {
                    ["service.yaml"] => Self::Service(region, service),
                    ["env.sops.yaml"] => Self::ServiceEnv(region, service),
                    ["manifests", file] => Self::ServiceManifest(region, service, file.parse()?),
                    _ => return Err(stray()),
                }
            }
            ["hosts", shard, file] => {
                let host: Hostname = file.strip_suffix(".yaml").ok_or_else(stray)?.parse()?;
                if host.shard() != *shard {
                    return Err(stray());
                }
                Self::Host(host)
            }
            _ => return Err(stray()),
        })
    }
}
