//! What there should be in the namespace of a project.

use inkstone_secrets::EnvFile;
use inkstone_spec::{ProjectRef, Region, ServiceName};
use inkstone_state::{Snapshot, StateError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a project's namespace should have beside what `ArgoCD` applies.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The environments of its services, by the names of their Secrets.
    pub envs: BTreeMap<String, SealedEnv>,
    /// What is wrong with services whose environment cannot be read.
    pub broken: BTreeMap<ServiceName, String>,
}

/// An environment that is still sealed.
#[derive(Clone, Debug)]
pub struct SealedEnv {
    /// Whose it is.
    pub service: ServiceName,
    /// The file.
    pub file: Arc<EnvFile>,
}

/// What the namespace of `project` should have, or `None` where there is no such project in `region`. A
/// service that cannot be read is said to be broken, and takes nobody with it.
pub fn desired(
    snapshot: &Snapshot,
    region: &Region,
    project: &ProjectRef,
) -> Result<Option<Desired>, StateError> {
    match snapshot.project(project)? {
        Some((found, _)) if found == *region => {}
        _ => return Ok(None),
    }
    let mut desired = Desired::default();
    for name in snapshot.services(project)? {
        let files = match snapshot.service(&name) {
            Ok(Some(files)) if files.region == *region => files,
            Ok(_) => continue,
            Err(error) => {
                desired.broken.insert(name.service, error.to_string());
                continue;
            }
        };
        if let (Some(secret), Some(file)) = (files.env_secret(), files.env) {
            desired.envs.insert(secret, SealedEnv { service: name.service, file });
        }
    }
    Ok(Some(desired))
}

/// Every project of a region.
pub fn projects(snapshot: &Snapshot, region: &Region) -> Result<Vec<ProjectRef>, StateError> {
    let mut all = Vec::new();
    for (workspace, regions) in snapshot.workspaces()? {
        if regions.contains(region) {
            all.extend(snapshot.projects(&workspace)?);
        }
    }
    Ok(all)
}
