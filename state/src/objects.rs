//! Reading git objects, cached by content address: what is cached can never be stale.

use crate::StateError;
use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::tree::EntryKind;
use gix::objs::{Find, Kind, TreeRefIter};
use inkstone_renderer::Renderer;
use inkstone_secrets::EnvFile;
use inkstone_spec::{Cluster, Host, Inkstone, Project, Service, Workspace};
use quick_cache::sync::Cache;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Decoded trees that are kept in memory.
const TREES_CACHED: usize = 8_192;
/// Parsed files of each kind that are kept in memory.
const FILES_CACHED: usize = 4_096;
/// Compiled template sets that are kept in memory.
const RENDERERS_CACHED: usize = 16;

/// One entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) id: ObjectId,
}

/// A decoded tree. Names that are not UTF-8 are kept lossily: no path of the layout has them, so they
/// are strays either way.
pub(crate) type Dir = BTreeMap<Box<str>, Entry>;

/// Parsed files by the id of their blob.
pub(crate) struct Parsed<T>(Cache<ObjectId, Arc<T>>);

impl<T> Parsed<T> {
    fn new(items: usize) -> Self {
        Self(Cache::new(items))
    }

    /// The value for `id`, made by `make` if it is not known yet.
    pub(crate) fn get<E>(
        &self,
        id: ObjectId,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(known) = self.0.get(&id) {
            return Ok(known);
        }
        let made = Arc::new(make()?);
        self.0.insert(id, Arc::clone(&made));
        Ok(made)
    }
}

/// The objects of one state repo, and of a push under check before them.
pub(crate) struct Objects {
    stores: Vec<Arc<gix::odb::Store>>,
    trees: Cache<ObjectId, Arc<Dir>>,
    pub(crate) services: Parsed<Service>,
    pub(crate) projects: Parsed<Project>,
    pub(crate) workspaces: Parsed<Workspace>,
    pub(crate) clusters: Parsed<Cluster>,
    pub(crate) hosts: Parsed<Host>,
    pub(crate) inkstones: Parsed<Inkstone>,
    pub(crate) envs: Parsed<EnvFile>,
    pub(crate) renderers: Parsed<Renderer>,
}

impl Objects {
    /// Opens object directories; earlier ones are asked first. More than one is how a push in
    /// quarantine is read: its own objects, then the repo's.
    pub(crate) fn open(directories: &[&Path]) -> Result<Self, StateError> {
        let stores = directories
            .iter()
            .map(|dir| {
                let options = gix::odb::store::init::Options::default();
                gix::odb::Store::at_opts(dir.to_path_buf(), Sha1, &mut std::iter::empty(), options)
                    .map(Arc::new)
                    .map_err(StateError::io("opening the object directory", *dir))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            stores,
            trees: Cache::new(TREES_CACHED),
            services: Parsed::new(FILES_CACHED),
            projects: Parsed::new(FILES_CACHED),
            workspaces: Parsed::new(FILES_CACHED),
            clusters: Parsed::new(RENDERERS_CACHED),
            hosts: Parsed::new(FILES_CACHED),
            inkstones: Parsed::new(RENDERERS_CACHED),
            envs: Parsed::new(FILES_CACHED),
            renderers: Parsed::new(RENDERERS_CACHED),
        })
    }

    /// A handle for one thread that reads and, in memory, writes.
    pub(crate) fn overlay(&self) -> Result<Overlay, StateError> {
        let store = self.stores.last().ok_or_else(|| StateError::Git {
            what: "opening the object directory",
            reason: "no object directory was given".to_owned(),
        })?;
        Ok(gix::odb::memory::Proxy::new(store.to_cache_arc(), Sha1))
    }

    /// The raw bytes of an object.
    pub(crate) fn find(&self, id: ObjectId) -> Result<(Kind, Vec<u8>), StateError> {
        let mut buffer = Vec::new();
        for store in &self.stores {
            let handle = store.to_cache_arc();
            let found =
                handle.try_find(&id, &mut buffer).map_err(StateError::git("reading an object"))?;
            if let Some(kind) = found.map(|data| data.kind) {
                return Ok((kind, buffer));
            }
        }
        Err(StateError::Missing { id: id.to_string() })
    }

    /// A tree's entries.
    pub(crate) fn dir(&self, id: ObjectId) -> Result<Arc<Dir>, StateError> {
        if let Some(known) = self.trees.get(&id) {
            return Ok(known);
        }
        if id == ObjectId::empty_tree(Sha1) {
            return Ok(Arc::default());
        }
        let (kind, bytes) = self.find(id)?;
        if kind != Kind::Tree {
            return Err(StateError::Git {
                what: "reading a tree",
                reason: format!("{id} is a {kind}"),
            });
        }
        let mut dir = Dir::new();
        for entry in TreeRefIter::from_bytes(&bytes, Sha1) {
            let entry = entry.map_err(StateError::git("reading a tree"))?;
            let name = String::from_utf8_lossy(entry.filename).into_owned();
            dir.insert(
                name.into_boxed_str(),
                Entry { kind: entry.mode.kind(), id: entry.oid.to_owned() },
            );
        }
        let dir = Arc::new(dir);
        self.trees.insert(id, Arc::clone(&dir));
        Ok(dir)
    }

    /// The entry at `path` below the tree `root`.
    pub(crate) fn entry(&self, root: ObjectId, path: &str) -> Result<Option<Entry>, StateError> {
        let mut entry = Entry { kind: EntryKind::Tree, id: root };
        for name in path.split('/') {
            if entry.kind != EntryKind::Tree {
                return Ok(None);
            }
            match self.dir(entry.id)?.get(name) {
                Some(next) => entry = *next,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }
}

/// Objects that are being made: kept in memory until they are written for good.
pub(crate) type Overlay =
    gix::odb::memory::Proxy<gix::odb::Cache<gix::odb::store::Handle<Arc<gix::odb::Store>>>>;
