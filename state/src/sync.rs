//! Putting objects on disk so that they survive a power cut.
//!
//! git's storage here never syncs by itself. The order is the guarantee: objects, then the directories
//! that name them, then (by the caller) the refs that name the objects.

use crate::StateError;
use crate::objects::{Objects, Overlay};
use gix::hash::Kind::Sha1;
use gix::objs::Write as _;
use gix::odb::loose;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many files are synced at once.
const SYNCS_AT_ONCE: usize = 8;

/// Writes the objects of `overlay` as loose objects, and syncs them. One that is there already may have
/// been written by somebody who died before syncing it, or be waiting for garbage collection: it is
/// synced too, and made young again.
pub(crate) fn write_objects(
    objects: &Objects,
    directory: &Path,
    mut overlay: Overlay,
) -> Result<(), StateError> {
    let store = loose::Store::at(directory, Sha1);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = BTreeSet::from([directory.to_path_buf()]);
    // A pack that came since the last look would only make us write an object twice.
    let known = objects.overlay()?;
    let made = overlay.take_object_memory().unwrap_or_default();
    for (id, (kind, bytes)) in made.iter() {
        let path = store.object_path(id);
        if store.contains(id) {
            File::open(&path)
                .and_then(|file| file.set_modified(SystemTime::now()))
                .map_err(StateError::io("renewing", &path))?;
        } else if known.exists_without_refresh(id) {
            continue;
        } else {
            store
                .write_buf_with_known_id(*kind, bytes, *id)
                .map_err(StateError::git("writing an object"))?;
        }
        folders.extend(path.parent().map(Path::to_path_buf));
        files.push(path);
    }
    files.extend(folders);
    sync_together(&files)
}

/// Syncs files and directories a few at a time: the disk answers those together almost as fast as one.
fn sync_together(paths: &[PathBuf]) -> Result<(), StateError> {
    let share = paths.len().div_ceil(SYNCS_AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let syncing: Vec<_> = paths
            .chunks(share)
            .map(|paths| scope.spawn(move || paths.iter().try_for_each(|path| sync(path))))
            .collect();
        syncing.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| {
                let reason = "a thread ended early".to_owned();
                Err(StateError::Git { what: "syncing to disk", reason })
            })
        })
    })
}

/// Syncs a directory and everything in it.
pub(crate) fn sync_all(directory: &Path) -> Result<(), StateError> {
    let failed = |error| StateError::io("reading", directory)(error);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            sync(&entry.path())?;
        }
    }
    sync(directory)
}

/// Syncs a file or a directory.
pub(crate) fn sync(path: &Path) -> Result<(), StateError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StateError::io("syncing to disk", path))
}
