//! Whose files a check looks at.

use super::owners::Inspector;
use crate::StateError;
use crate::together::together;
use inkstone_spec::{Digest, Hostname, ProjectRef, Region, ServiceRef, StatePath, WorkspaceName};
use std::collections::BTreeSet;

/// The owners that a check looks at.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) templates: BTreeSet<Digest>,
    pub(super) clusters: BTreeSet<Region>,
    pub(super) workspaces: BTreeSet<(Region, WorkspaceName)>,
    pub(super) projects: BTreeSet<(Region, ProjectRef)>,
    pub(super) services: BTreeSet<(Region, ServiceRef)>,
    pub(super) hosts: BTreeSet<Hostname>,
    /// Projects whose services' manifests may depend on what changed.
    pub(super) parents: BTreeSet<(Region, ProjectRef)>,
    /// Whether something changed that every rendering may depend on.
    pub(super) platform: bool,
}

impl Scope {
    pub(super) fn add(&mut self, path: &StatePath) {
        match path {
            StatePath::Readme => {}
            StatePath::Inkstone => self.platform = true,
            StatePath::Template(set, ..) => {
                self.platform = true;
                self.templates.insert(set.clone());
            }
            StatePath::Cluster(region) => {
                self.platform = true;
                self.clusters.insert(region.clone());
            }
            StatePath::Workspace(region, workspace) => {
                self.clusters.insert(region.clone());
                self.workspaces.insert((region.clone(), workspace.clone()));
            }
            StatePath::Project(region, project) => {
                self.clusters.insert(region.clone());
                self.projects.insert((region.clone(), project.clone()));
                self.parents.insert((region.clone(), project.clone()));
            }
            StatePath::ProjectManifest(region, project, _) => {
                self.clusters.insert(region.clone());
                self.projects.insert((region.clone(), project.clone()));
            }
            StatePath::Service(region, service)
            | StatePath::ServiceEnv(region, service)
            | StatePath::ServiceManifest(region, service, _) => {
                self.clusters.insert(region.clone());
                self.services.insert((region.clone(), service.clone()));
            }
            StatePath::Host(host) => {
                self.hosts.insert(host.clone());
            }
        }
    }

    pub(super) fn inspect(&self, inspector: &mut Inspector<'_>) -> Result<(), StateError> {
        for set in &self.templates {
            inspector.templates(set)?;
        }
        for region in &self.clusters {
            inspector.cluster(region)?;
        }
        for (region, workspace) in &self.workspaces {
            inspector.workspace(region, workspace)?;
        }
        each(&self.projects, inspector, |one, (region, name)| one.project(region, name))?;
        each(&self.services, inspector, |one, (region, name)| one.service(region, name))?;
        let hosts = self.hosts.iter().filter(|host| !inspector.has_agreed(host)).cloned().collect();
        each(&hosts, inspector, Inspector::host)
    }
}

/// Looks at each of `items`; at many on several processors.
fn each<'a, T: Sync>(
    items: &BTreeSet<T>,
    inspector: &mut Inspector<'a>,
    look: impl Fn(&mut Inspector<'a>, &T) -> Result<(), StateError> + Sync,
) -> Result<(), StateError> {
    let items: Vec<&T> = items.iter().collect();
    let snapshot = inspector.snapshot;
    let parts = together(&items, |part| {
        let mut inspector = Inspector::new(snapshot);
        part.iter().try_for_each(|item| look(&mut inspector, item))?;
        Ok(inspector)
    })?;
    for part in parts {
        inspector.absorb(part);
    }
    Ok(())
}
