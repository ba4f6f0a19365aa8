//! Whose files a check looks at.

use super::owners::Inspector;
use crate::StateError;
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
            StatePath::Project(region, project)
            | StatePath::ProjectManifest(region, project, _) => {
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
        for (region, project) in &self.projects {
            inspector.project(region, project)?;
        }
        for (region, service) in &self.services {
            inspector.service(region, service)?;
        }
        for host in &self.hosts {
            inspector.host(host)?;
        }
        Ok(())
    }
}
