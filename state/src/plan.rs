//! From a wish to the edits that fulfil it: pure functions of a snapshot, so the same wish on the same
//! commit is always the same change.
//!
//! Each planner touches one owner's files and re-renders exactly what follows from them.

use crate::{Edit, Snapshot, StateError};
use inkstone_renderer::TemplateSet;
use inkstone_secrets::EnvFile;
use inkstone_spec::{
    ApiVersion, FileName, Host, HostKind, HostMetadata, HostSpec, Hostname, Project, ProjectKind,
    ProjectMetadata, ProjectRef, ProjectRelease, ProjectSpec, Region, Release, Service, ServiceRef,
    StatePath, Workspace, WorkspaceKind, WorkspaceMetadata, WorkspaceName, WorkspaceSpec,
    default_host, yaml,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Makes `set` the template set of the next deploys: copies it in and names it in every cluster.
pub fn install_templates(snapshot: &Snapshot, set: &TemplateSet) -> Result<Vec<Edit>, StateError> {
    let mut edits = template_files(set);
    for region in snapshot.regions()? {
        if let Some(cluster) = snapshot.cluster(&region)? {
            let mut cluster = (*cluster).clone();
            cluster.spec.templates = set.digest().clone();
            edits.push(write(StatePath::Cluster(region), &cluster)?);
        }
    }
    Ok(edits)
}

/// The files of a template set, where the state repo keeps them.
pub(crate) fn template_files(set: &TemplateSet) -> Vec<Edit> {
    set.files().map(|(path, text)| Edit::Write(path, text.as_bytes().to_vec())).collect()
}

/// Adds a workspace.
pub fn add_workspace(region: &Region, name: &WorkspaceName) -> Result<Vec<Edit>, StateError> {
    let file = Workspace {
        api_version: ApiVersion::V1,
        kind: WorkspaceKind::Workspace,
        metadata: WorkspaceMetadata { name: name.clone() },
        spec: WorkspaceSpec::default(),
    };
    Ok(vec![write(StatePath::Workspace(region.clone(), name.clone()), &file)?])
}

/// Adds a project, with the manifests of its namespace.
pub fn create_project(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
) -> Result<Vec<Edit>, StateError> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| StateError::Absent(format!("region {region} has no cluster")))?;
    let project = Project {
        api_version: ApiVersion::V1,
        kind: ProjectKind::Project,
        metadata: ProjectMetadata { workspace: name.workspace.clone(), name: name.project.clone() },
        spec: ProjectSpec::default(),
        release: ProjectRelease { templates: cluster.spec.templates.clone() },
    };
    let mut edits = vec![write(StatePath::Project(region.clone(), name.clone()), &project)?];
    edits.extend(project_manifests(snapshot, region, name, &project)?);
    Ok(edits)
}

/// Adds a service: its intent, its sealed env and the claims on its hosts. No workload yet.
pub fn create_service(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
    env: Option<&EnvFile>,
) -> Result<Vec<Edit>, StateError> {
    let name = service.metadata.service_ref();
    let mut edits = vec![write(StatePath::Service(region.clone(), name.clone()), service)?];
    if let Some(env) = env {
        let path = StatePath::ServiceEnv(region.clone(), name.clone());
        edits.push(Edit::Write(path, env.to_string().into_bytes()));
    }
    for host in hosts(snapshot, region, service)? {
        let claim = Host {
            api_version: ApiVersion::V1,
            kind: HostKind::Host,
            metadata: HostMetadata { name: host.clone() },
            spec: HostSpec {
                workspace: name.workspace.clone(),
                project: name.project.clone(),
                service: name.service.clone(),
                uid: service.metadata.uid.clone(),
            },
        };
        edits.push(write(StatePath::Host(host), &claim)?);
    }
    Ok(edits)
}

/// Puts a release into a service's intent and renders its manifests.
pub fn deploy(
    snapshot: &Snapshot,
    name: &ServiceRef,
    release: Release,
) -> Result<Vec<Edit>, StateError> {
    let files = existing(snapshot, name)?;
    let mut service = (*files.service).clone();
    service.release = Some(release);
    let rendered = snapshot.render_service(&files.region, &service, files.env.as_deref())?;
    let mut edits = vec![write(StatePath::Service(files.region.clone(), name.clone()), &service)?];
    edits.extend(replace_service_manifests(snapshot, &files.region, name, rendered)?);
    Ok(edits)
}

/// Removes a service: its intent, env, manifests and host claims. Reverting the commit brings all of
/// it back.
pub fn delete_service(snapshot: &Snapshot, name: &ServiceRef) -> Result<Vec<Edit>, StateError> {
    let files = existing(snapshot, name)?;
    let region = &files.region;
    let mut edits = vec![
        Edit::Remove(StatePath::Service(region.clone(), name.clone())),
        Edit::Remove(StatePath::ServiceEnv(region.clone(), name.clone())),
    ];
    for file in snapshot.manifests(&StatePath::service_dir(region, name))?.into_keys() {
        edits.push(Edit::Remove(StatePath::ServiceManifest(region.clone(), name.clone(), file)));
    }
    for host in hosts(snapshot, region, &files.service)? {
        if snapshot.host(&host)?.is_some_and(|claim| claim.spec.uid == files.service.metadata.uid) {
            edits.push(Edit::Remove(StatePath::Host(host)));
        }
    }
    Ok(edits)
}

/// Re-renders everything: what `inkstone render` writes into a clone.
pub fn render_all(snapshot: &Snapshot) -> Result<Vec<Edit>, StateError> {
    let mut edits = Vec::new();
    for (workspace, regions) in snapshot.workspaces()? {
        for region in regions {
            for project in snapshot.projects_in(&region, &workspace)? {
                edits.extend(render_project(snapshot, &region, &project)?);
                for service in snapshot.services_in(&region, &project)? {
                    edits.extend(render_service(snapshot, &region, &service)?);
                }
            }
        }
    }
    Ok(edits)
}

/// What the manifests of a project should be; none where the project is gone.
fn render_project(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
) -> Result<Vec<Edit>, StateError> {
    match snapshot.project_in(region, name)? {
        Some(project) => project_manifests(snapshot, region, name, &project),
        None => replace_project_manifests(snapshot, region, name, BTreeMap::new()),
    }
}

/// What the manifests of a service should be; none where the service is gone.
fn render_service(
    snapshot: &Snapshot,
    region: &Region,
    name: &ServiceRef,
) -> Result<Vec<Edit>, StateError> {
    let rendered = match snapshot.service_in(region, name)? {
        Some(service) => {
            let env = snapshot.env(region, name)?;
            snapshot.render_service(region, &service, env.as_deref())?
        }
        None => BTreeMap::new(),
    };
    replace_service_manifests(snapshot, region, name, rendered)
}

/// Every host of a service, the default one first.
pub fn hosts(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
) -> Result<Vec<Hostname>, StateError> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| StateError::Absent(format!("region {region} has no cluster")))?;
    let name = service.metadata.service_ref();
    let default =
        default_host(&name, &cluster.spec.apps_domain).map_err(|error| StateError::Malformed {
            path: StatePath::Cluster(region.clone()).to_string(),
            reason: error.to_string(),
        })?;
    Ok(std::iter::once(default).chain(service.spec.hosts.iter().cloned()).collect())
}

fn project_manifests(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
    project: &Project,
) -> Result<Vec<Edit>, StateError> {
    let rendered = snapshot.render_project(region, project)?;
    replace_project_manifests(snapshot, region, name, rendered)
}

fn replace_project_manifests(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
    rendered: BTreeMap<FileName, String>,
) -> Result<Vec<Edit>, StateError> {
    replace_manifests(snapshot, &StatePath::project_dir(region, name), rendered, |file| {
        StatePath::ProjectManifest(region.clone(), name.clone(), file)
    })
}

fn replace_service_manifests(
    snapshot: &Snapshot,
    region: &Region,
    name: &ServiceRef,
    rendered: BTreeMap<FileName, String>,
) -> Result<Vec<Edit>, StateError> {
    replace_manifests(snapshot, &StatePath::service_dir(region, name), rendered, |file| {
        StatePath::ServiceManifest(region.clone(), name.clone(), file)
    })
}

/// Writes what was rendered and removes what is no longer rendered; leaves equal files alone.
fn replace_manifests(
    snapshot: &Snapshot,
    dir: &str,
    rendered: BTreeMap<FileName, String>,
    path: impl Fn(FileName) -> StatePath,
) -> Result<Vec<Edit>, StateError> {
    let mut present = snapshot.manifests(dir)?;
    let mut edits = Vec::new();
    for (file, text) in rendered {
        let same =
            present.remove(&file).is_some_and(|id| crate::check::is_blob(&id, text.as_bytes()));
        if !same {
            edits.push(Edit::Write(path(file), text.into_bytes()));
        }
    }
    edits.extend(present.into_keys().map(|file| Edit::Remove(path(file))));
    Ok(edits)
}

fn existing(snapshot: &Snapshot, name: &ServiceRef) -> Result<crate::ServiceFiles, StateError> {
    snapshot
        .service(name)?
        .ok_or_else(|| StateError::Absent(format!("service {name} does not exist")))
}

pub(crate) fn write<T: Serialize>(path: StatePath, file: &T) -> Result<Edit, StateError> {
    match yaml::print(file) {
        Ok(text) => Ok(Edit::Write(path, text.into_bytes())),
        Err(error) => {
            Err(StateError::Malformed { path: path.to_string(), reason: error.to_string() })
        }
    }
}
