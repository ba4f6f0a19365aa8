//! Files that only their owner may read.

use rustix::process::geteuid;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// The permissions of a file that only its owner reads and writes.
const OWNER_ONLY: u32 = 0o600;
/// The permission bits of everyone else.
const OTHERS: u32 = 0o077;
/// Of those, the one that lets the file's group read it.
const GROUP_READS: u32 = 0o040;

/// Why a private file is not read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The operating system refuses.
    Unreadable(io::Error),
    /// Others than its owner may read or write it: its permission bits.
    Exposed(u32),
    /// It has more bytes than are read.
    TooLarge,
}

/// Reads a file that is its owner's alone and has at most `max_bytes`.
pub(crate) fn read(path: &Path, max_bytes: usize) -> Result<Zeroizing<String>, ReadError> {
    let file = File::open(path).map_err(ReadError::Unreadable)?;
    let metadata = file.metadata().map_err(ReadError::Unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    let forbidden = if is_mounted(&metadata) { OTHERS & !GROUP_READS } else { OTHERS };
    if mode & forbidden != 0 {
        return Err(ReadError::Exposed(mode));
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(max_bytes + 1));
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_string(&mut text).map_err(ReadError::Unreadable)?;
    if text.len() > max_bytes { Err(ReadError::TooLarge) } else { Ok(text) }
}

/// Whether the file is another's, who lets this process read it through a group: so Kubernetes mounts a Secret for
/// a pod that is not root (`fsGroup`), and no mode of the volume changes it.
fn is_mounted(metadata: &Metadata) -> bool {
    let this = geteuid();
    !this.is_root() && metadata.uid() != this.as_raw()
}

/// Writes a file, 0600 and synced to disk. It appears whole or not at all, whenever the process dies.
pub(crate) fn write(path: &Path, text: &str, replaces: bool) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if replaces {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    File::open(directory)?.sync_all()
}
