//! Putting objects on disk so that they survive a power cut.
//!
//! git's storage here never syncs by itself. The order is the guarantee: an object has its bytes on disk
//! before it has its name, and its name before (by the caller) a ref names it.

use crate::StateError;
use crate::objects::{Made, Objects};
use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::{Data, Kind};
use gix::odb::loose;
use gix::progress::Discard;
use gix::zlib::Compression;
use gix::zlib::stream::deflate;
use gix_pack::Bundle;
use gix_pack::bundle::write::Options;
use gix_pack::data::Version;
use gix_pack::data::output::bytes::FromEntriesIter;
use gix_pack::data::output::{Count, Entry};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// How many files are synced at once.
const SYNCS_AT_ONCE: usize = 8;
/// From this many objects on, one pack is on disk sooner than as many files. A deploy has about twelve.
const PACK_FROM: usize = 40;

/// How often a file is given its name while somebody removes its folder.
const MAX_TRIES: usize = 10;

/// An object that is to be written.
type New<'a> = (&'a ObjectId, &'a (Kind, Arc<[u8]>));

/// Writes objects to disk, those that are not there yet: a few as loose objects, many as a pack. One that
/// is there may be waiting for garbage collection: it is made young again.
pub(crate) fn write_objects(
    objects: &Objects,
    directory: &Path,
    made: &Made,
) -> Result<(), StateError> {
    let store = loose::Store::at(directory, Sha1);
    let mut new: Vec<New<'_>> = Vec::new();
    for (id, object) in made {
        if !is_renewed(&store.object_path(id))? && !objects.is_stored(id) {
            new.push((id, object));
        }
    }
    if new.len() < PACK_FROM {
        write_loose(&store, directory, &new)
    } else {
        write_pack(&directory.join("pack"), &new)
    }
}

fn write_loose(store: &loose::Store, directory: &Path, new: &[New<'_>]) -> Result<(), StateError> {
    in_shares(new, |(id, (kind, bytes))| {
        let path = store.object_path(id);
        let failed = || StateError::io("writing an object to", &path);
        let header = gix::objs::encode::loose_header(*kind, bytes.len() as u64);
        let file = NamedTempFile::with_prefix_in("tmp_obj_", directory).map_err(failed())?;
        let mut deflate = deflate::Write::new(file, Compression::BEST_SPEED);
        let written = deflate.write_all(&header).and_then(|()| deflate.write_all(bytes));
        written.and_then(|()| deflate.flush()).map_err(failed())?;
        let file = deflate.into_inner();
        read_only(file.as_file()).and_then(|()| file.as_file().sync_all()).map_err(failed())?;
        name(file, &path).map_err(failed())
    })?;
    let named = new.iter().filter_map(|(id, _)| Some(store.object_path(id).parent()?.to_owned()));
    let folders: BTreeSet<PathBuf> = named.chain([directory.to_owned()]).collect();
    in_shares(&Vec::from_iter(folders), |folder| match sync(folder) {
        // git packed what was in it, and put the pack on disk first.
        Err(StateError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        synced => synced,
    })
}

/// Whether a loose object is there; then it is made young again.
fn is_renewed(path: &Path) -> Result<bool, StateError> {
    match File::open(path).and_then(|file| file.set_modified(SystemTime::now())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StateError::io("renewing", path)(error)),
    }
}

/// Gives a file its name. Whoever packs loose objects removes folders that are empty then.
fn name(mut file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    for _ in 0..MAX_TRIES {
        // Not `create_dir_all`: it fails where the folder was there and goes while it looks.
        match path.parent().map_or(Ok(()), std::fs::create_dir) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match file.persist(path) {
            Ok(_) => return Ok(()),
            Err(failed) if failed.error.kind() == ErrorKind::NotFound => file = failed.file,
            Err(failed) => return Err(failed.error),
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// Objects are never changed: what git writes has this mode too.
fn read_only(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o444))
}

/// Writes a pack. Nothing keeps it from garbage collection until a ref names what is in it, but its age.
pub(crate) fn write_pack(directory: &Path, new: &[New<'_>]) -> Result<(), StateError> {
    let failed = || StateError::git("writing a pack");
    let entries: Vec<Entry> = new
        .iter()
        .map(|(id, (kind, bytes))| {
            let data = Data::new(bytes, *kind, Sha1);
            Entry::from_data(&Count::from_data(**id, None), &data, Compression::BEST_SPEED)
        })
        .collect::<Result<_, _>>()
        .map_err(failed())?;
    let count = u32::try_from(new.len())
        .map_err(|error| StateError::Git { what: "writing a pack", reason: error.to_string() })?;
    let mut pack = Vec::new();
    for written in FromEntriesIter::new(once(Ok(entries)), &mut pack, count, Version::V2, Sha1) {
        written.map_err(failed())?;
    }
    // Made and synced where git does not look, so that what has a pack's name is whole.
    let staging = tempfile::Builder::new()
        .prefix("tmp_inkstone_")
        .tempdir_in(directory)
        .map_err(StateError::io("writing a pack to", directory))?;
    let options = Options { thread_limit: Some(1), ..Options::default() };
    let bundle = Bundle::write_to_directory(
        &mut pack.as_slice(),
        Some(staging.path()),
        &mut Discard,
        &AtomicBool::new(false),
        None::<gix::objs::find::Never>,
        Sha1,
        options,
    )
    .map_err(failed())?;
    // The index last: a pack without one is not looked at.
    let files = [bundle.data_path, bundle.index_path];
    let files: Vec<PathBuf> = files.into_iter().flatten().collect();
    in_shares(&files, |file| sync(file))?;
    for file in &files {
        let name = file.file_name().unwrap_or_default();
        std::fs::rename(file, directory.join(name))
            .map_err(StateError::io("moving a pack into place", file))?;
    }
    sync(directory)
}

/// Does `work` on each item, a few at a time: the disk answers several together almost as fast as one.
pub(crate) fn in_shares<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), StateError> + Sync,
) -> Result<(), StateError> {
    let share = items.len().div_ceil(SYNCS_AT_ONCE).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let shares: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().try_for_each(work)))
            .collect();
        shares.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| {
                let reason = "a thread ended early".to_owned();
                Err(StateError::Git { what: "writing to disk", reason })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_file_gets_its_name_while_somebody_removes_its_folder() {
        const FILES: usize = 5_000;
        const REMOVALS: usize = 3;
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("9c");
        // How often the folder may still be removed. git removes it once each time it packs.
        let (left, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if left.load(Ordering::Relaxed) > 0 && std::fs::remove_dir(&folder).is_ok() {
                        left.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            });
            let named = (0..FILES).try_for_each(|_| {
                let path = folder.join("object");
                let file = NamedTempFile::new_in(&directory)?;
                left.store(REMOVALS, Ordering::Relaxed);
                name(file, &path)?;
                std::fs::remove_file(path)
            });
            done.store(true, Ordering::Relaxed);
            named.unwrap();
        });
    }
}
