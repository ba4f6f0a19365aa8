//! Checks of one owner's files in one snapshot. Each looks only at that owner and at what it names.

use super::finding::{Finding, Rule, in_order};
use super::is_blob;
use crate::{Snapshot, StateError, plan};
use gix::ObjectId;
use gix::objs::Kind;
use inkstone_spec::{
    Digest, FileName, Hostname, Owner, ProjectRef, Region, Service, ServiceRef, StatePath,
    WorkspaceName,
};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;

/// Collects findings about one snapshot.
pub(crate) struct Inspector<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) findings: Vec<Finding>,
    /// Manifests that are not what their intent renders to, and whose they are.
    stale: Vec<(Owner, Finding)>,
    /// Hosts whose claims were found to agree with the services that list them.
    agreed: HashSet<Hostname>,
}

impl<'a> Inspector<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, findings: Vec::new(), stale: Vec::new(), agreed: HashSet::new() }
    }

    /// Takes over what another found in the same snapshot.
    pub(super) fn absorb(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.stale.extend(other.stale);
        self.agreed.extend(other.agreed);
    }

    /// Whether a host's claim and the service that lists it were found to agree.
    pub(super) fn has_agreed(&self, host: &Hostname) -> bool {
        self.agreed.contains(host)
    }

    /// What was found, sorted, each once; manifests that are not what their intent renders to among it.
    pub(crate) fn findings(mut self) -> Vec<Finding> {
        self.findings.extend(self.stale.into_iter().map(|(_, finding)| finding));
        in_order(self.findings)
    }

    /// What was found beside manifests that are not what their intent renders to; and whose those are.
    pub(super) fn findings_and_stale(self) -> (Vec<Finding>, Vec<(Owner, Finding)>) {
        (in_order(self.findings), self.stale)
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
            }
            return self.same(&Owner::Project(name.clone()), &dir, &BTreeMap::new(), present);
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
        self.same(&Owner::Project(name.clone()), &dir, &rendered, present)
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
            if env.is_some() {
                self.add(Rule::Named, &path, "the env is left of a service that is gone");
            }
            return self.same(&Owner::Service(name.clone()), &dir, &BTreeMap::new(), present);
        };
        if service.metadata.service_ref() != *name {
            self.add(Rule::Parses, &path, "metadata does not agree with the path");
            return Ok(());
        }
        if let Some(wrong) = service.spec.contradiction() {
            self.add(Rule::Parses, &path, wrong);
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
        self.same(&Owner::Service(name.clone()), &dir, &rendered, present)
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
                Some(Some(claim)) if claim.metadata.name == *host => {
                    self.agreed.insert(host.clone());
                }
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
        let service = self.snapshot.intent(&owner);
        let Some(found) = self.take(&path, service)? else { return Ok(()) };
        let found = found.filter(|(_, service)| service.metadata.uid == claim.spec.uid);
        let Some((region, service)) = found else {
            self.add(
                Rule::Host,
                &path,
                format!("claims the host for {owner}, which does not exist"),
            );
            return Ok(());
        };
        let hosts = plan::hosts(self.snapshot, &region, &service);
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
        owner: &Owner,
        dir: &str,
        rendered: &BTreeMap<FileName, String>,
        mut present: BTreeMap<FileName, ObjectId>,
    ) -> Result<(), StateError> {
        let mut differs = |file: &FileName, message: String| {
            let path = format!("{dir}/manifests/{file}");
            self.stale.push((owner.clone(), Finding::at(Rule::Rendered, path, message)));
        };
        for (file, text) in rendered {
            match present.remove(file) {
                Some(id) if is_blob(&id, text.as_bytes()) => {}
                Some(id) => {
                    let place = difference(self.snapshot, id, text)?;
                    differs(file, format!("{place} is not what its intent renders to"));
                }
                None => differs(file, "is missing: its intent renders to it".to_owned()),
            }
        }
        for file in present.into_keys() {
            differs(
                &file,
                "is rendered by nothing: its intent is gone or has no such template".to_owned(),
            );
        }
        Ok(())
    }
}

/// Where the blob `id` differs first from `expected`.
pub(super) fn difference(
    snapshot: &Snapshot,
    id: ObjectId,
    expected: &str,
) -> Result<String, StateError> {
    let found = match snapshot.objects().find(id) {
        Ok((Kind::Blob, found)) => found,
        // What stands there is no file: of a submodule not even the object is here.
        Ok(_) | Err(StateError::Missing { .. }) => return Ok("what stands there".to_owned()),
        Err(error) => return Err(error),
    };
    let pairs = expected.as_bytes().split(|b| *b == b'\n').zip(found.split(|b| *b == b'\n'));
    let line = pairs.take_while(|(expected, found)| expected == found).count() + 1;
    Ok(format!("line {line}"))
}
