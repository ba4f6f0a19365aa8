//! Checks of one owner's files in one snapshot. Each looks only at that owner and at what it names.

use super::finding::{Finding, Rule, in_order};
use super::is_blob;
use crate::{Snapshot, StateError, plan};
use gix::ObjectId;
use inkstone_spec::{
    Digest, FileName, Hostname, ProjectRef, Region, Service, ServiceRef, StatePath, WorkspaceName,
};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Collects findings about one snapshot.
pub(crate) struct Inspector<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Inspector<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, findings: Vec::new() }
    }

    /// What was found, sorted, each once.
    pub(crate) fn findings(self) -> Vec<Finding> {
        in_order(self.findings)
    }

    pub(crate) fn add(&mut self, rule: Rule, path: impl Display, message: impl Into<String>) {
        self.findings.push(Finding::at(rule, path, message));
    }

    /// Takes what reading gave, or notes what is wrong with the file.
    fn take<T>(
        &mut self,
        path: &dyn Display,
        result: Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.findings.push(Finding::from_error(error, path)?);
                Ok(None)
            }
        }
    }

    pub(crate) fn inkstone(&mut self) -> Result<(), StateError> {
        let read = self.snapshot.inkstone();
        self.take(&StatePath::Inkstone, read).map(drop)
    }

    pub(crate) fn templates(&mut self, set: &Digest) -> Result<(), StateError> {
        if self.snapshot.has_templates(set)? {
            let compiled = self.snapshot.renderer(set);
            self.take(&StatePath::template_dir(set), compiled)?;
        }
        Ok(())
    }

    pub(crate) fn cluster(&mut self, region: &Region) -> Result<(), StateError> {
        let path = StatePath::Cluster(region.clone());
        let read = self.snapshot.cluster(region);
        match self.take(&path, read)? {
            Some(Some(cluster)) => {
                if cluster.metadata.region != *region {
                    self.add(Rule::Parses, &path, "metadata.region does not agree with the path");
                }
                let renderer = self.snapshot.renderer(&cluster.spec.templates);
                self.take(&path, renderer)?;
            }
            Some(None) if self.snapshot.regions()?.contains(region) => {
                self.add(Rule::Named, &path, "the region has files but no cluster.yaml");
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn workspace(
        &mut self,
        region: &Region,
        name: &WorkspaceName,
    ) -> Result<(), StateError> {
        let path = StatePath::Workspace(region.clone(), name.clone());
        let read = self.snapshot.workspace_in(region, name);
        match self.take(&path, read)? {
            Some(Some(workspace)) if workspace.metadata.name != *name => {
                self.add(Rule::Parses, &path, "metadata.name does not agree with the path");
            }
            Some(None) if !self.snapshot.projects_in(region, name)?.is_empty() => {
                let message = "the workspace is not empty but has no workspace.yaml";
                self.add(Rule::Removal, &path, message);
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn project(&mut self, region: &Region, name: &ProjectRef) -> Result<(), StateError> {
        let path = StatePath::Project(region.clone(), name.clone());
        let read = self.snapshot.project_in(region, name);
        let Some(found) = self.take(&path, read)? else { return Ok(()) };
        let dir = StatePath::project_dir(region, name);
        let present = self.snapshot.manifests(&dir)?;
        let Some(project) = found else {
            if !self.snapshot.services_in(region, name)?.is_empty() {
                self.add(Rule::Removal, &path, "the project has services but no project.yaml");
            } else if !present.is_empty() {
                self.add(Rule::Rendered, &path, "manifests are left of a project that is gone");
            }
            return Ok(());
        };
        if project.metadata.project_ref() != *name {
            self.add(Rule::Parses, &path, "metadata does not agree with the path");
            return Ok(());
        }
        self.in_one_region(&path, |region| StatePath::Project(region, name.clone()))?;
        let workspace = self.snapshot.workspace_in(region, &name.workspace);
        if self.take(&path, workspace)?.is_some_and(|workspace| workspace.is_none()) {
            let message = format!("workspace {} has no workspace.yaml in {region}", name.workspace);
            self.add(Rule::Named, &path, message);
        }
        let rendered = self.snapshot.render_project(region, &project);
        let Some(rendered) = self.take(&path, rendered)? else { return Ok(()) };
        self.same(&dir, &rendered, present);
        Ok(())
    }

    pub(crate) fn service(&mut self, region: &Region, name: &ServiceRef) -> Result<(), StateError> {
        let path = StatePath::Service(region.clone(), name.clone());
        let dir = StatePath::service_dir(region, name);
        let read = self.snapshot.service_in(region, name);
        let Some(found) = self.take(&path, read)? else { return Ok(()) };
        let env = self.snapshot.env(region, name);
        let Some(env) = self.take(&path, env)? else { return Ok(()) };
        let present = self.snapshot.manifests(&dir)?;
        let Some(service) = found else {
            if !present.is_empty() || env.is_some() {
                self.add(Rule::Named, &path, "files are left of a service that is gone");
            }
            return Ok(());
        };
        if service.metadata.service_ref() != *name {
            self.add(Rule::Parses, &path, "metadata does not agree with the path");
            return Ok(());
        }
        self.in_one_region(&path, |region| StatePath::Service(region, name.clone()))?;
        let project = self.snapshot.project_in(region, &name.project_ref());
        if self.take(&path, project)?.is_some_and(|project| project.is_none()) {
            let message = format!("project {} has no project.yaml in {region}", name.project_ref());
            self.add(Rule::Named, &path, message);
            return Ok(());
        }
        self.hosts_of(region, &service)?;
        let rendered = self.snapshot.render_service(region, &service, env.as_deref());
        let Some(rendered) = self.take(&path, rendered)? else { return Ok(()) };
        self.same(&dir, &rendered, present);
        Ok(())
    }

    /// Names do not say a region, so each is used in one only.
    fn in_one_region(
        &mut self,
        path: &StatePath,
        there: impl Fn(Region) -> StatePath,
    ) -> Result<(), StateError> {
        for region in self.snapshot.regions()? {
            let other = there(region);
            if other != *path && self.snapshot.has(&other)? {
                self.add(Rule::Named, path, format!("the same name is used by {other}"));
            }
        }
        Ok(())
    }

    fn hosts_of(&mut self, region: &Region, service: &Service) -> Result<(), StateError> {
        let name = service.metadata.service_ref();
        let path = StatePath::Service(region.clone(), name.clone());
        let hosts = plan::hosts(self.snapshot, region, service);
        let Some(hosts) = self.take(&path, hosts)? else { return Ok(()) };
        let cluster = self.snapshot.cluster(region)?;
        for (at, host) in hosts.iter().enumerate() {
            if hosts.iter().take(at).any(|earlier| earlier == host) {
                self.add(Rule::Host, &path, format!("host {host} is listed twice"));
            }
            if cluster.as_ref().is_some_and(|c| host.is_reserved_under(&c.spec.apps_domain)) {
                self.add(Rule::Host, &path, format!("host {host} is the platform's own"));
            }
            let claim = self.snapshot.host(host);
            match self.take(&StatePath::Host(host.clone()), claim)? {
                Some(Some(claim))
                    if claim.spec.service_ref() != name
                        || claim.spec.uid != service.metadata.uid =>
                {
                    let owner = claim.spec.service_ref();
                    self.add(Rule::Host, &path, format!("host {host} is claimed by {owner}"));
                }
                Some(None) => self.add(Rule::Host, &path, format!("host {host} has no claim")),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn host(&mut self, host: &Hostname) -> Result<(), StateError> {
        let path = StatePath::Host(host.clone());
        let read = self.snapshot.host(host);
        let Some(Some(claim)) = self.take(&path, read)? else { return Ok(()) };
        if claim.metadata.name != *host {
            self.add(Rule::Parses, &path, "metadata.name does not agree with the path");
        }
        let owner = claim.spec.service_ref();
        let service = self.snapshot.service(&owner);
        let Some(found) = self.take(&path, service)? else { return Ok(()) };
        let Some(files) = found.filter(|f| f.service.metadata.uid == claim.spec.uid) else {
            self.add(
                Rule::Host,
                &path,
                format!("claims the host for {owner}, which does not exist"),
            );
            return Ok(());
        };
        let hosts = plan::hosts(self.snapshot, &files.region, &files.service);
        if self.take(&path, hosts)?.is_some_and(|hosts| !hosts.contains(host)) {
            self.add(
                Rule::Host,
                &path,
                format!("claims the host for {owner}, which does not list it"),
            );
        }
        Ok(())
    }

    fn same(
        &mut self,
        dir: &str,
        rendered: &BTreeMap<FileName, String>,
        mut present: BTreeMap<FileName, ObjectId>,
    ) {
        for (file, text) in rendered {
            let path = format!("{dir}/manifests/{file}");
            match present.remove(file) {
                Some(id) if is_blob(&id, text.as_bytes()) => {}
                Some(_) => self.add(Rule::Rendered, path, "is not what its intent renders to"),
                None => self.add(Rule::Rendered, path, "is missing: its intent renders to it"),
            }
        }
        for file in present.into_keys() {
            let path = format!("{dir}/manifests/{file}");
            self.add(Rule::Rendered, path, "is not rendered by any template of its set");
        }
    }
}
