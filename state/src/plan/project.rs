//! Projects.

use super::render::{project_manifests, replace_project_manifests};
use super::{PlanError, write};
use crate::{Edit, Snapshot, StateError};
use inkstone_spec::{
    ApiVersion, Isolation, Project, ProjectKind, ProjectMetadata, ProjectRef, ProjectRelease,
    ProjectSpec, Region, StatePath,
};
use std::collections::BTreeMap;

/// Adds a project, with the manifests of its namespace.
pub fn create_project(
    snapshot: &Snapshot,
    region: &Region,
    name: &ProjectRef,
    isolation: Isolation,
) -> Result<Vec<Edit>, StateError> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| StateError::Absent(format!("region {region} has no cluster")))?;
    let project = Project {
        api_version: ApiVersion::V1,
        kind: ProjectKind::Project,
        metadata: ProjectMetadata { workspace: name.workspace.clone(), name: name.project.clone() },
        spec: ProjectSpec { isolation, ..ProjectSpec::default() },
        release: ProjectRelease { templates: cluster.spec.templates.clone() },
    };
    let mut edits = vec![write(StatePath::Project(region.clone(), name.clone()), &project)?];
    edits.extend(project_manifests(snapshot, region, name, &project)?);
    Ok(edits)
}

/// Removes a project: its intent and manifests. Refused while it has services.
pub fn delete_project(snapshot: &Snapshot, name: &ProjectRef) -> Result<Vec<Edit>, PlanError> {
    let services = snapshot.services(name)?;
    if !services.is_empty() {
        return Err(PlanError::NotEmpty { project: name.clone(), services });
    }
    let (region, _) = snapshot
        .project(name)?
        .ok_or_else(|| StateError::Absent(format!("project {name} does not exist")))?;
    let mut edits = vec![Edit::Remove(StatePath::Project(region.clone(), name.clone()))];
    edits.extend(replace_project_manifests(snapshot, &region, name, BTreeMap::new())?);
    Ok(edits)
}
