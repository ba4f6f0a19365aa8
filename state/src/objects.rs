//! Reading git objects, cached by content address: what is cached can never be stale. Each cache is
//! bounded by what it holds, not only by how many.

use crate::StateError;
use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::tree::EntryKind;
use gix::objs::{Data, Find, FindHeader as _, Kind, TreeRefIter, Write};
use gix::odb::store::init::Slots;
use inkstone_renderer::Renderer;
use inkstone_secrets::EnvFile;
use inkstone_spec::{Cluster, Digest, Host, Inkstone, Project, Service, Workspace};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// Commits whose tree is kept in memory: readers ask for the newest again and again.
const ROOTS_CACHED: usize = 64;
/// Entries of decoded trees that are kept in memory.
const TREE_ENTRIES_CACHED: u64 = 200_000;
/// The bytes, as they are in git, of the files of each kind whose parsed form is kept in memory.
const FILE_BYTES_CACHED: u64 = 8 * 1024 * 1024;
/// Compiled template sets that are kept in memory.
const RENDERERS_CACHED: usize = 16;
/// The most packs that a repo may have while it is open; collecting garbage leaves one.
const MAX_PACKS: u16 = 4_096;
/// Who looks at everything once keeps only this part of it: what he has seen he does not need again.
const SHARE_APART: u16 = 32;
/// The bytes of the largest object that is read, or that one may be a delta of: 16 MiB, a folder of some
/// 300,000 names. A pack of a few kilobytes can hold gigabytes.
pub(crate) const MAX_OBJECT_BYTES: usize = 16 * 1024 * 1024;
/// The bytes of the largest commit that is read: 128 KiB. Many are held at once.
const MAX_COMMIT_BYTES: usize = 128 * 1024;
/// How often an object is looked for that is not there. git moves it to a pack by removing the file once
/// the pack is in place: who looked up one and opens the other finds neither.
const MAX_LOOKS: usize = 3;
/// How many trees, or files of a kind, a cache makes room for at first.
const ITEMS_EXPECTED: usize = 4_096;

/// One entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) id: ObjectId,
    /// Whether its mode is the one that git itself writes for its kind; readers make of others what they
    /// like.
    pub(crate) usual: bool,
}

impl Entry {
    /// A folder as git itself writes it.
    pub(crate) fn folder(id: ObjectId) -> Self {
        Self { kind: EntryKind::Tree, id, usual: true }
    }
}

/// A decoded tree. Names that are not UTF-8 are kept lossily: no path of the layout has them, so they
/// are strays either way.
pub(crate) type Dir = BTreeMap<Box<str>, Entry>;

/// Weighs what is cached.
#[derive(Clone)]
struct ByWeight;

impl Weighter<ObjectId, Arc<Dir>> for ByWeight {
    fn weight(&self, _: &ObjectId, dir: &Arc<Dir>) -> u64 {
        dir.len() as u64 + 1
    }
}

impl<T> Weighter<ObjectId, (Arc<T>, u64)> for ByWeight {
    fn weight(&self, _: &ObjectId, (_, bytes): &(Arc<T>, u64)) -> u64 {
        bytes + 1
    }
}

/// Parsed files by the id of their blob, with the size of the blob.
pub(crate) struct Parsed<T>(Cache<ObjectId, (Arc<T>, u64), ByWeight>);

impl<T> Parsed<T> {
    fn new(share: u16) -> Self {
        let items = ITEMS_EXPECTED / usize::from(share);
        Self(Cache::with_weighter(items, FILE_BYTES_CACHED / u64::from(share), ByWeight))
    }

    /// The value for `id`, made of the blob by `make` if it is not known yet.
    pub(crate) fn get(
        &self,
        id: ObjectId,
        read: impl FnOnce() -> Result<Vec<u8>, StateError>,
        make: impl FnOnce(&[u8]) -> Result<T, StateError>,
    ) -> Result<Arc<T>, StateError> {
        if let Some((known, _)) = self.0.get(&id) {
            return Ok(known);
        }
        let bytes = read()?;
        let parsed = Arc::new(make(&bytes)?);
        self.0.insert(id, (Arc::clone(&parsed), bytes.len() as u64));
        Ok(parsed)
    }
}

/// Objects by their id.
pub(crate) type Made = HashMap<ObjectId, (Kind, Arc<[u8]>)>;

/// The objects of one state repo, and of a push under check before them.
pub(crate) struct Objects {
    stores: Vec<Arc<gix::odb::Store>>,
    /// What is planned and not on disk yet.
    planned: RwLock<Made>,
    /// The trees of commits.
    pub(crate) roots: Cache<ObjectId, ObjectId>,
    trees: Cache<ObjectId, Arc<Dir>, ByWeight>,
    pub(crate) services: Parsed<Service>,
    pub(crate) projects: Parsed<Project>,
    pub(crate) workspaces: Parsed<Workspace>,
    pub(crate) clusters: Parsed<Cluster>,
    pub(crate) hosts: Parsed<Host>,
    pub(crate) inkstones: Parsed<Inkstone>,
    pub(crate) envs: Parsed<EnvFile>,
    /// By the tree that holds the set and the digest that it was found to have.
    pub(crate) renderers: Cache<(ObjectId, Digest), Arc<Renderer>>,
}

impl Objects {
    /// Opens object directories; earlier ones are asked first. More than one is how a push in
    /// quarantine is read: its own objects, then the repo's.
    pub(crate) fn open(directories: &[&Path]) -> Result<Self, StateError> {
        Self::with_share(directories, 1)
    }

    /// Opens object directories to look at everything once.
    pub(crate) fn open_apart(directories: &[&Path]) -> Result<Self, StateError> {
        Self::with_share(directories, SHARE_APART)
    }

    fn with_share(directories: &[&Path], share: u16) -> Result<Self, StateError> {
        let stores = directories
            .iter()
            .map(|dir| {
                let options = gix::odb::store::init::Options {
                    slots: Slots::Given(MAX_PACKS),
                    alloc_limit_bytes: Some(MAX_OBJECT_BYTES),
                    ..<_>::default()
                };
                gix::odb::Store::at_opts(dir.to_path_buf(), Sha1, &mut std::iter::empty(), options)
                    .map(Arc::new)
                    .map_err(StateError::io("opening the object directory", *dir))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            stores,
            planned: RwLock::default(),
            roots: Cache::new(ROOTS_CACHED),
            trees: Cache::with_weighter(
                ITEMS_EXPECTED / usize::from(share),
                TREE_ENTRIES_CACHED / u64::from(share),
                ByWeight,
            ),
            services: Parsed::new(share),
            projects: Parsed::new(share),
            workspaces: Parsed::new(share),
            clusters: Parsed::new(share),
            hosts: Parsed::new(share),
            inkstones: Parsed::new(share),
            envs: Parsed::new(share),
            renderers: Cache::new(RENDERERS_CACHED),
        })
    }

    /// Lets objects be read that are not on disk yet, until they are forgotten.
    pub(crate) fn plan(&self, made: Made) {
        self.planned.write().unwrap_or_else(PoisonError::into_inner).extend(made);
    }

    /// Forgets planned objects: they are on disk now, or will never be.
    pub(crate) fn forget<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) {
        let mut planned = self.planned.write().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            planned.remove(id);
        }
    }

    /// Whether an object is on disk.
    pub(crate) fn is_stored(&self, id: &ObjectId) -> bool {
        // A pack that came since the last look would only make us write an object twice.
        self.stores.iter().any(|store| store.to_cache_arc().exists_without_refresh(id))
    }

    /// The raw bytes of an object.
    pub(crate) fn find(&self, id: ObjectId) -> Result<(Kind, Vec<u8>), StateError> {
        let mut buffer = Vec::new();
        let too_large = |bytes: u64, limit: usize| StateError::Malformed {
            path: format!("object {id}"),
            reason: format!("has {bytes} bytes, and at most {limit} are read"),
        };
        match self.read(&id, &mut buffer) {
            Ok(Some(Kind::Commit)) if buffer.len() > MAX_COMMIT_BYTES => {
                Err(too_large(buffer.len() as u64, MAX_COMMIT_BYTES))
            }
            Ok(Some(kind)) => Ok((kind, buffer)),
            Ok(None) => Err(StateError::Missing { id: id.to_string() }),
            Err(error) => match self.size(&id) {
                Some(bytes) if bytes > MAX_OBJECT_BYTES as u64 => {
                    Err(too_large(bytes, MAX_OBJECT_BYTES))
                }
                _ => Err(StateError::git("reading an object")(error)),
            },
        }
    }

    /// The size of an object on disk, which is not read for that.
    fn size(&self, id: &gix::hash::oid) -> Option<u64> {
        let size = |store: &Arc<gix::odb::Store>| {
            Some(store.to_cache_arc().try_header(id).ok().flatten()?.size)
        };
        self.stores.iter().find_map(size)
    }

    fn read(&self, id: &gix::hash::oid, buffer: &mut Vec<u8>) -> Result<Option<Kind>, gix::Error> {
        let planned = self.planned.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((kind, bytes)) = planned.get(id) {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            return Ok(Some(*kind));
        }
        drop(planned);
        for store in iter::repeat_n(&self.stores, MAX_LOOKS).flatten() {
            let handle = store.to_cache_arc();
            if let Some(kind) = handle.try_find(id, buffer)?.map(|data| data.kind) {
                return Ok(Some(kind));
            }
        }
        Ok(None)
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
        let dir = Arc::new(
            decode(&bytes)
                .map_err(|reason| StateError::Malformed { path: format!("tree {id}"), reason })?,
        );
        self.trees.insert(id, Arc::clone(&dir));
        Ok(dir)
    }

    /// The entry at `path` below the tree `root`.
    pub(crate) fn entry(&self, root: ObjectId, path: &str) -> Result<Option<Entry>, StateError> {
        let mut entry = Entry::folder(root);
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

/// Decodes a tree. What `git fsck` would refuse is refused, because a reader that takes the other one of
/// two equal names sees another state.
fn decode(bytes: &[u8]) -> Result<Dir, String> {
    let mut dir = Dir::new();
    let (mut previous, mut rest) = (None, bytes);
    for entry in TreeRefIter::from_bytes(bytes, Sha1) {
        let entry = entry.map_err(|error| error.to_string())?;
        if previous.is_some_and(|previous| previous >= entry) {
            return Err("its entries are not in git's order".to_owned());
        }
        previous = Some(entry);
        let name = String::from_utf8_lossy(entry.filename);
        if matches!(&*name, "" | "." | ".." | ".git") || name.contains('/') {
            return Err(format!("{name:?} is not a file name"));
        }
        let (kind, id) = (entry.mode.kind(), entry.oid.to_owned());
        // As it is written: parsed, 100664 and 0100644 are the same as 100644.
        let mode = rest.split(|b| *b == b' ').next().unwrap_or_default();
        let usual = *mode == **kind.as_octal_str();
        let length = mode.len() + 1 + entry.filename.len() + 1 + id.as_bytes().len();
        rest = rest.get(length..).unwrap_or_default();
        if dir.insert(name.into(), Entry { kind, id, usual }).is_some() {
            return Err("it has one name twice".to_owned());
        }
    }
    Ok(dir)
}

/// Objects that are being made: kept in memory until they are written for good.
pub(crate) struct Overlay<'a> {
    below: &'a Objects,
    made: RefCell<Made>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(below: &'a Objects) -> Self {
        Self { below, made: RefCell::default() }
    }

    /// What was made.
    pub(crate) fn into_made(self) -> Made {
        self.made.into_inner()
    }
}

impl Find for Overlay<'_> {
    fn try_find<'b>(
        &self,
        id: &gix::hash::oid,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<Data<'b>>, gix::Error> {
        let kind = match self.made.borrow().get(id) {
            Some((kind, bytes)) => {
                buffer.clear();
                buffer.extend_from_slice(bytes);
                Some(*kind)
            }
            None => self.below.read(id, buffer)?,
        };
        Ok(kind.map(|kind| Data::new(buffer, kind, Sha1)))
    }
}

impl Write for Overlay<'_> {
    fn write_buf(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectId, gix::Error> {
        let id = gix::objs::compute_hash(Sha1, kind, bytes)?;
        self.write_buf_with_known_id(kind, bytes, id)
    }

    fn write_buf_with_known_id(
        &self,
        kind: Kind,
        bytes: &[u8],
        id: ObjectId,
    ) -> Result<ObjectId, gix::Error> {
        self.made.borrow_mut().entry(id).or_insert_with(|| (kind, bytes.into()));
        Ok(id)
    }

    fn write_stream(
        &self,
        kind: Kind,
        _: u64,
        from: &mut dyn std::io::Read,
    ) -> Result<ObjectId, gix::Error> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(gix::Error::from_error)?;
        self.write_buf(kind, &bytes)
    }

    fn write_stream_with_known_id(
        &self,
        kind: Kind,
        _: u64,
        from: &mut dyn std::io::Read,
        id: ObjectId,
    ) -> Result<ObjectId, gix::Error> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(gix::Error::from_error)?;
        self.write_buf_with_known_id(kind, &bytes, id)
    }
}

#[cfg(test)]
mod tests;
