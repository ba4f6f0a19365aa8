//! Putting objects on disk so that they survive a power cut.
//!
//! git's storage here never syncs by itself. The order is the guarantee: objects, then the directories
//! that name them, then (by the caller) the refs that name the objects.

use crate::StateError;
use crate::objects::{Objects, Overlay};
use gix::hash::Kind::Sha1;
use gix::objs::{Exists as _, Write as _};
use gix::odb::loose;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Writes every object of `overlay` that the repo does not have yet, as loose objects, and syncs them.
pub(crate) fn write_objects(
    objects: &Objects,
    directory: &Path,
    mut overlay: Overlay,
) -> Result<(), StateError> {
    let store = loose::Store::at(directory, Sha1);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let known = objects.overlay()?;
    let made = overlay.take_object_memory().unwrap_or_default();
    for (id, (kind, bytes)) in made.iter() {
        if known.exists(id) {
            continue;
        }
        store
            .write_buf_with_known_id(*kind, bytes, *id)
            .map_err(StateError::git("writing an object"))?;
        let path = store.object_path(id);
        folders.extend(path.parent().map(Path::to_path_buf));
        files.push(path);
    }
    folders.insert(directory.to_path_buf());
    files.iter().try_for_each(|path| sync(path))?;
    folders.iter().try_for_each(|path| sync(path))
}

/// Syncs a file or a directory.
pub(crate) fn sync(path: &Path) -> Result<(), StateError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StateError::io("syncing to disk", path))
}
