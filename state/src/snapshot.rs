//! Reading the state repo at one commit.

use crate::StateError;
use crate::check::diff;
use crate::history::{object_id, read_commit};
use crate::objects::{Objects, Parsed};
use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use inkstone_renderer::{
    Env, ProjectInput, Renderer, ServiceInput, TemplateName, TemplateSet, env_secret_name,
};
use inkstone_secrets::EnvFile;
use inkstone_spec::{
    Cluster, CommitId, Digest, EnvKey, FileName, Host, Hostname, Inkstone, LAYOUT_VERSION, Project,
    ProjectName, ProjectRef, Region, Service, ServiceName, ServiceRef, StatePath, TemplateScope,
    Workspace, WorkspaceName, yaml,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state repo as it is at one commit: immutable, cheap to clone, read lazily.
#[derive(Clone)]
pub struct Snapshot {
    objects: Arc<Objects>,
    commit: Option<CommitId>,
    tree: ObjectId,
}

/// The files of one service.
#[derive(Clone, Debug)]
pub struct ServiceFiles {
    /// The cluster it is in.
    pub region: Region,
    /// Its intent and release.
    pub service: Arc<Service>,
    /// Its sealed env, where it has one.
    pub env: Option<Arc<EnvFile>>,
}

impl ServiceFiles {
    /// The names of its variables.
    pub fn env_keys(&self) -> impl Iterator<Item = &EnvKey> {
        self.env.as_deref().into_iter().flat_map(EnvFile::keys)
    }

    /// The name of the Secret with its variables; `None` where it has none.
    pub fn env_secret(&self) -> Option<String> {
        let env = self.env.as_ref().filter(|env| env.keys().next().is_some())?;
        Some(env_secret_name(&self.service.metadata.name, &env.fingerprint()))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("commit", &self.commit)
            .field("tree", &self.tree)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) fn new(objects: Arc<Objects>, commit: Option<CommitId>, tree: ObjectId) -> Self {
        Self { objects, commit, tree }
    }

    pub(crate) fn objects(&self) -> &Arc<Objects> {
        &self.objects
    }

    pub(crate) fn tree(&self) -> ObjectId {
        self.tree
    }

    /// Another commit of the same repo.
    pub fn at(&self, commit: &CommitId) -> Result<Self, StateError> {
        Ok(read_commit(&self.objects, object_id(commit)?)?.snapshot)
    }

    /// The commit that this is; `None` for files that were never committed.
    pub fn commit(&self) -> Option<&CommitId> {
        self.commit.as_ref()
    }

    /// `inkstone.yaml`; refuses a layout that this version does not know.
    pub fn inkstone(&self) -> Result<Arc<Inkstone>, StateError> {
        let file = self.read(&StatePath::Inkstone, &self.objects.inkstones)?.ok_or_else(|| {
            StateError::Absent("inkstone.yaml is missing: this is not a state repo".to_owned())
        })?;
        if file.spec.layout_version != LAYOUT_VERSION {
            return Err(StateError::Layout {
                found: file.spec.layout_version,
                known: LAYOUT_VERSION,
            });
        }
        Ok(file)
    }

    /// Every region that has a cluster.
    pub fn regions(&self) -> Result<Vec<Region>, StateError> {
        self.names_below("clusters")
    }

    /// A region's cluster.
    pub fn cluster(&self, region: &Region) -> Result<Option<Arc<Cluster>>, StateError> {
        self.read(&StatePath::Cluster(region.clone()), &self.objects.clusters)
    }

    /// Every workspace, with the regions it is in.
    pub fn workspaces(&self) -> Result<BTreeMap<WorkspaceName, Vec<Region>>, StateError> {
        let mut all: BTreeMap<WorkspaceName, Vec<Region>> = BTreeMap::new();
        for region in self.regions()? {
            for workspace in self.names_below(&StatePath::cluster_dir(&region))? {
                all.entry(workspace).or_default().push(region.clone());
            }
        }
        Ok(all)
    }

    /// A workspace and the region it is in.
    pub fn workspace(
        &self,
        name: &WorkspaceName,
    ) -> Result<Option<(Region, Arc<Workspace>)>, StateError> {
        self.in_any_region(|region| self.workspace_in(region, name))
    }

    pub(crate) fn workspace_in(
        &self,
        region: &Region,
        name: &WorkspaceName,
    ) -> Result<Option<Arc<Workspace>>, StateError> {
        self.read(&StatePath::Workspace(region.clone(), name.clone()), &self.objects.workspaces)
    }

    /// The projects of a workspace.
    pub fn projects(&self, workspace: &WorkspaceName) -> Result<Vec<ProjectRef>, StateError> {
        let mut all = Vec::new();
        for region in self.regions()? {
            all.extend(self.projects_in(&region, workspace)?);
        }
        Ok(all)
    }

    pub(crate) fn projects_in(
        &self,
        region: &Region,
        workspace: &WorkspaceName,
    ) -> Result<Vec<ProjectRef>, StateError> {
        let names = self.names_below(&StatePath::workspace_dir(region, workspace))?;
        let full = |project: ProjectName| ProjectRef { workspace: workspace.clone(), project };
        Ok(names.into_iter().map(full).collect())
    }

    /// A project and the region it is in.
    pub fn project(&self, name: &ProjectRef) -> Result<Option<(Region, Arc<Project>)>, StateError> {
        self.in_any_region(|region| self.project_in(region, name))
    }

    pub(crate) fn project_in(
        &self,
        region: &Region,
        name: &ProjectRef,
    ) -> Result<Option<Arc<Project>>, StateError> {
        self.read(&StatePath::Project(region.clone(), name.clone()), &self.objects.projects)
    }

    /// The services of a project.
    pub fn services(&self, project: &ProjectRef) -> Result<Vec<ServiceRef>, StateError> {
        let mut all = Vec::new();
        for region in self.regions()? {
            all.extend(self.services_in(&region, project)?);
        }
        Ok(all)
    }

    pub(crate) fn services_in(
        &self,
        region: &Region,
        project: &ProjectRef,
    ) -> Result<Vec<ServiceRef>, StateError> {
        let dir = format!("{}/services", StatePath::project_dir(region, project));
        let names: Vec<ServiceName> = self.names_below(&dir)?;
        Ok(names.iter().map(|name| project.service(name)).collect())
    }

    /// A service's intent and release, without its env, and the region it is in: what is enough to look
    /// through many.
    pub fn intent(&self, name: &ServiceRef) -> Result<Option<(Region, Arc<Service>)>, StateError> {
        self.in_any_region(|region| self.service_in(region, name))
    }

    /// A service's files.
    pub fn service(&self, name: &ServiceRef) -> Result<Option<ServiceFiles>, StateError> {
        let Some((region, service)) = self.intent(name)? else { return Ok(None) };
        let env = self.env(&region, name)?;
        Ok(Some(ServiceFiles { region, service, env }))
    }

    pub(crate) fn service_in(
        &self,
        region: &Region,
        name: &ServiceRef,
    ) -> Result<Option<Arc<Service>>, StateError> {
        self.read(&StatePath::Service(region.clone(), name.clone()), &self.objects.services)
    }

    /// A service's sealed env.
    pub fn env(
        &self,
        region: &Region,
        service: &ServiceRef,
    ) -> Result<Option<Arc<EnvFile>>, StateError> {
        let path = StatePath::ServiceEnv(region.clone(), service.clone());
        self.parse(&path, &self.objects.envs, |bytes| {
            let text =
                std::str::from_utf8(bytes).map_err(|_| malformed(&path, &"not UTF-8 text"))?;
            EnvFile::parse(text)
                .map_err(|e| StateError::Sealed { path: path.to_string(), reason: e.to_string() })
        })
    }

    /// The claim on a host name.
    pub fn host(&self, host: &Hostname) -> Result<Option<Arc<Host>>, StateError> {
        self.read(&StatePath::Host(host.clone()), &self.objects.hosts)
    }

    /// Whether the template set is in the repo.
    pub fn has_templates(&self, set: &Digest) -> Result<bool, StateError> {
        Ok(self.objects.entry(self.tree, &StatePath::template_dir(set))?.is_some())
    }

    /// The compiled template set.
    pub fn renderer(&self, set: &Digest) -> Result<Arc<Renderer>, StateError> {
        let dir = StatePath::template_dir(set);
        let absent = || {
            StateError::Absent(format!(
                "template set {dir} is named by a release but not in the repo"
            ))
        };
        let entry = self.objects.entry(self.tree, &dir)?.ok_or_else(absent)?;
        // A tree that was compiled once may also be filed under a digest that it does not have.
        let key = (entry.id, set.clone());
        if let Some(known) = self.objects.renderers.get(&key) {
            return Ok(known);
        }
        let mut files = BTreeMap::new();
        for scope in [TemplateScope::Project, TemplateScope::Service] {
            for file in self.names_below::<FileName>(&format!("{dir}/{}", scope.as_str()))? {
                let path = StatePath::Template(set.clone(), scope, file.clone());
                let bytes = self.bytes(&path)?.ok_or_else(absent)?;
                let text =
                    String::from_utf8(bytes).map_err(|_| malformed(&path, &"not UTF-8 text"))?;
                files.insert(TemplateName { scope, file }, text);
            }
        }
        let found = TemplateSet::new(files).map_err(|error| malformed(&dir, &error))?;
        if found.digest() != set {
            let reason = format!("its content has the digest {}", found.digest());
            return Err(malformed(&dir, &reason));
        }
        let renderer = Renderer::new(&found).map_err(|error| malformed(&dir, &error))?;
        let renderer = Arc::new(renderer);
        self.objects.renderers.insert(key, Arc::clone(&renderer));
        Ok(renderer)
    }

    /// What a service's manifests should be: nothing before its first release.
    pub fn render_service(
        &self,
        region: &Region,
        service: &Service,
        env: Option<&EnvFile>,
    ) -> Result<BTreeMap<FileName, String>, StateError> {
        let Some(release) = &service.release else { return Ok(BTreeMap::new()) };
        let name = service.metadata.service_ref();
        let cluster = self.cluster(region)?.ok_or_else(|| no_cluster(region))?;
        let project = self.project_in(region, &name.project_ref())?.ok_or_else(|| {
            StateError::Absent(format!("project {} has no project.yaml", name.project_ref()))
        })?;
        let keys: Vec<_> = env.map(|env| env.keys().cloned().collect()).unwrap_or_default();
        let fingerprint = env.map(EnvFile::fingerprint);
        let input = ServiceInput {
            cluster: &cluster,
            project: &project,
            service,
            env: fingerprint.as_ref().map(|fingerprint| Env { keys: &keys, fingerprint }),
        };
        self.renderer(&release.templates)?.render_service(&input).map_err(|error| {
            StateError::Render {
                path: StatePath::Service(region.clone(), name.clone()).to_string(),
                reason: error.to_string(),
            }
        })
    }

    /// What a project's manifests should be.
    pub fn render_project(
        &self,
        region: &Region,
        project: &Project,
    ) -> Result<BTreeMap<FileName, String>, StateError> {
        let cluster = self.cluster(region)?.ok_or_else(|| no_cluster(region))?;
        let input = ProjectInput { cluster: &cluster, project };
        self.renderer(&project.release.templates)?.render_project(&input).map_err(|error| {
            StateError::Render {
                path: StatePath::Project(region.clone(), project.metadata.project_ref())
                    .to_string(),
                reason: error.to_string(),
            }
        })
    }

    /// The files of a manifests folder by name, with the ids of their blobs.
    pub(crate) fn manifests(&self, dir: &str) -> Result<BTreeMap<FileName, ObjectId>, StateError> {
        let Some(entry) = self.objects.entry(self.tree, &format!("{dir}/manifests"))? else {
            return Ok(BTreeMap::new());
        };
        let listing = self.objects.dir(entry.id)?;
        Ok(listing.iter().filter_map(|(name, e)| Some((name.parse().ok()?, e.id))).collect())
    }

    /// Whether a service has the same manifests at another commit of the repo. False for a commit that is
    /// not there.
    pub fn has_same_manifests(
        &self,
        region: &Region,
        service: &ServiceRef,
        other: &CommitId,
    ) -> Result<bool, StateError> {
        let dir = format!("{}/manifests", StatePath::service_dir(region, service));
        let id = object_id(other)?;
        let other = match self.objects.roots.get_or_insert_with(&id, || {
            Ok::<_, StateError>(read_commit(&self.objects, id)?.snapshot.tree())
        }) {
            Err(StateError::Missing { .. }) => return Ok(false),
            found => found?,
        };
        let of = |tree| Ok::<_, StateError>(self.objects.entry(tree, &dir)?.map(|entry| entry.id));
        Ok(of(self.tree)? == of(other)?)
    }

    /// The files that differ from an earlier state of the same repo, in path order.
    pub fn changed_since(&self, before: &Self) -> Result<Vec<String>, StateError> {
        let files = diff(&self.objects, Some(before.tree), self.tree)?;
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    /// Whether something is there.
    pub(crate) fn has(&self, path: &StatePath) -> Result<bool, StateError> {
        Ok(self.objects.entry(self.tree, &path.to_string())?.is_some())
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &StatePath) -> Result<Option<Vec<u8>>, StateError> {
        match self.objects.entry(self.tree, &path.to_string())? {
            Some(entry) if entry.kind == EntryKind::Blob => {
                let (kind, bytes) = self.objects.find(entry.id)?;
                Ok((kind == Kind::Blob).then_some(bytes))
            }
            _ => Ok(None),
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: &StatePath,
        cache: &Parsed<T>,
    ) -> Result<Option<Arc<T>>, StateError> {
        self.parse(path, cache, |bytes| yaml::parse(bytes).map_err(|error| malformed(path, &error)))
    }

    fn parse<T>(
        &self,
        path: &StatePath,
        cache: &Parsed<T>,
        make: impl FnOnce(&[u8]) -> Result<T, StateError>,
    ) -> Result<Option<Arc<T>>, StateError> {
        match self.objects.entry(self.tree, &path.to_string())? {
            Some(entry) if entry.kind == EntryKind::Blob => {
                cache.get(entry.id, || Ok(self.objects.find(entry.id)?.1), make).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The names of a folder that parse as `T`; the checks refuse the others.
    fn names_below<T: std::str::FromStr>(&self, dir: &str) -> Result<Vec<T>, StateError> {
        let Some(entry) = self.objects.entry(self.tree, dir)? else { return Ok(Vec::new()) };
        if entry.kind != EntryKind::Tree {
            return Ok(Vec::new());
        }
        let listing = self.objects.dir(entry.id)?;
        Ok(listing.keys().filter_map(|name| name.parse().ok()).collect())
    }

    fn in_any_region<T>(
        &self,
        find: impl Fn(&Region) -> Result<Option<T>, StateError>,
    ) -> Result<Option<(Region, T)>, StateError> {
        for region in self.regions()? {
            if let Some(found) = find(&region)? {
                return Ok(Some((region, found)));
            }
        }
        Ok(None)
    }
}

fn malformed(path: &dyn std::fmt::Display, reason: &dyn std::fmt::Display) -> StateError {
    StateError::Malformed { path: path.to_string(), reason: reason.to_string() }
}

fn no_cluster(region: &Region) -> StateError {
    StateError::Absent(format!("clusters/{region}/cluster.yaml is missing"))
}
