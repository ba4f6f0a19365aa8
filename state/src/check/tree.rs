//! The whole tree: every path, every file, every reference.

use super::diff::diff;
use super::finding::{Finding, Rule};
use super::owners::Inspector;
use crate::objects::Entry;
use crate::{Snapshot, StateError};
use gix::objs::tree::EntryKind;
use inkstone_spec::{Hostname, ProjectRef, Region, ServiceRef, StatePath, WorkspaceName};
use std::collections::BTreeSet;

/// Checks everything that is in `snapshot`.
pub fn check_tree(snapshot: &Snapshot) -> Result<Vec<Finding>, StateError> {
    let mut scope = Scope::default();
    let mut inspector = Inspector::new(snapshot);
    for file in diff(snapshot.objects(), None, snapshot.tree())? {
        if let Some(path) = layout_path(&file.path, file.new, &mut inspector.findings) {
            scope.add(&path);
        }
    }
    inspector.inkstone()?;
    scope.inspect(&mut inspector)?;
    Ok(inspector.findings)
}

/// The path if it is of the layout and a plain file; a finding otherwise.
pub(super) fn layout_path(
    path: &str,
    entry: Option<Entry>,
    findings: &mut Vec<Finding>,
) -> Option<StatePath> {
    match entry.map(|e| e.kind) {
        None | Some(EntryKind::Blob) => {}
        Some(EntryKind::BlobExecutable) => {
            findings.push(Finding::at(Rule::Layout, path, "is executable"));
        }
        Some(EntryKind::Link) => {
            findings.push(Finding::at(Rule::Layout, path, "is a symbolic link"))
        }
        Some(EntryKind::Commit) => findings.push(Finding::at(Rule::Layout, path, "is a submodule")),
        Some(EntryKind::Tree) => {
            findings.push(Finding::at(Rule::Layout, path, "is nested too deep"))
        }
    }
    match path.parse() {
        Ok(path) => Some(path),
        Err(_) => {
            findings.push(Finding::at(
                Rule::Layout,
                path.escape_debug(),
                "is not a path of the layout",
            ));
            None
        }
    }
}

/// The owners that a check looks at.
#[derive(Default)]
pub(super) struct Scope {
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
            StatePath::Inkstone | StatePath::Template(..) => self.platform = true,
            StatePath::Cluster(region) => {
                self.platform = true;
                self.clusters.insert(region.clone());
            }
            StatePath::Workspace(region, workspace) => {
                self.workspaces.insert((region.clone(), workspace.clone()));
            }
            StatePath::Project(region, project)
            | StatePath::ProjectManifest(region, project, _) => {
                self.projects.insert((region.clone(), project.clone()));
            }
            StatePath::Service(region, service)
            | StatePath::ServiceEnv(region, service)
            | StatePath::ServiceManifest(region, service, _) => {
                self.services.insert((region.clone(), service.clone()));
            }
            StatePath::Host(host) => {
                self.hosts.insert(host.clone());
            }
        }
    }

    pub(super) fn inspect(&self, inspector: &mut Inspector<'_>) -> Result<(), StateError> {
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
