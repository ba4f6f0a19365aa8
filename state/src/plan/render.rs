//! Manifests: what they should be, and the edits that make them so.

use super::write;
use crate::together::together;
use crate::{Edit, Snapshot, StateError};
use inkstone_spec::{FileName, Owner, Project, ProjectRef, Region, ServiceRef, StatePath};
use std::collections::BTreeMap;

/// Re-renders everything: what `inkstone render` writes into a clone.
pub fn render_all(snapshot: &Snapshot) -> Result<Vec<Edit>, StateError> {
    let mut owners: Vec<(Region, Owner)> = Vec::new();
    for (workspace, regions) in snapshot.workspaces()? {
        for region in regions {
            for project in snapshot.projects_in(&region, &workspace)? {
                let services = snapshot.services_in(&region, &project)?;
                owners.push((region.clone(), Owner::Project(project)));
                owners.extend(services.into_iter().map(|s| (region.clone(), Owner::Service(s))));
            }
        }
    }
    let parts = together(&owners, |part| {
        let mut edits = Vec::new();
        for (region, owner) in part {
            edits.extend(render(snapshot, region, owner)?);
        }
        Ok(edits)
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Renders one owner's manifests: what follows from what somebody else committed, also from removing the
/// owner. Nothing where they are what they should be.
pub fn follow_up(snapshot: &Snapshot, owner: &Owner) -> Result<Vec<Edit>, StateError> {
    let mut edits = Vec::new();
    for region in snapshot.regions()? {
        edits.extend(render(snapshot, &region, owner)?);
    }
    Ok(edits)
}

/// What one owner's manifests should be in a region.
fn render(snapshot: &Snapshot, region: &Region, owner: &Owner) -> Result<Vec<Edit>, StateError> {
    match owner {
        Owner::Service(name) => render_service(snapshot, region, name),
        Owner::Project(name) => render_project(snapshot, region, name),
        Owner::Platform | Owner::Workspace(_) => Ok(Vec::new()),
    }
}

/// Renders one service or project by its cluster's current template set, which it keeps from then on.
/// Nothing where it has that set already, or no release.
pub fn upgrade(snapshot: &Snapshot, owner: &Owner) -> Result<Vec<Edit>, StateError> {
    match owner {
        Owner::Service(name) => {
            let Some(files) = snapshot.service(name)? else { return Ok(Vec::new()) };
            let region = &files.region;
            let mut service = (*files.service).clone();
            let Some(release) = &mut service.release else { return Ok(Vec::new()) };
            let Some(cluster) = snapshot.cluster(region)? else { return Ok(Vec::new()) };
            if release.templates == cluster.spec.templates {
                return Ok(Vec::new());
            }
            release.templates.clone_from(&cluster.spec.templates);
            let rendered = snapshot.render_service(region, &service, files.env.as_deref())?;
            let path = StatePath::Service(region.clone(), name.clone());
            let mut edits = vec![write(path, &service)?];
            edits.extend(replace_service_manifests(snapshot, region, name, rendered)?);
            Ok(edits)
        }
        Owner::Project(name) => {
            let Some((region, project)) = snapshot.project(name)? else { return Ok(Vec::new()) };
            let mut project = (*project).clone();
            let Some(cluster) = snapshot.cluster(&region)? else { return Ok(Vec::new()) };
            if project.release.templates == cluster.spec.templates {
                return Ok(Vec::new());
            }
            project.release.templates.clone_from(&cluster.spec.templates);
            let path = StatePath::Project(region.clone(), name.clone());
            let mut edits = vec![write(path, &project)?];
            edits.extend(project_manifests(snapshot, &region, name, &project)?);
            Ok(edits)
        }
        Owner::Platform | Owner::Workspace(_) => Ok(Vec::new()),
    }
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

pub(super) fn project_manifests(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
    project: &Project,
) -> Result<Vec<Edit>, StateError> {
    let rendered = snapshot.render_project(region, project)?;
    replace_project_manifests(snapshot, region, name, rendered)
}

pub(super) fn replace_project_manifests(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
    rendered: BTreeMap<FileName, String>,
) -> Result<Vec<Edit>, StateError> {
    replace_manifests(snapshot, &StatePath::project_dir(region, name), rendered, |file| {
        StatePath::ProjectManifest(region.clone(), name.clone(), file)
    })
}

pub(super) fn replace_service_manifests(
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
