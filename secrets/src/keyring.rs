//! The identities of a running server: those of its file, as it is now.

use crate::{Identities, IdentityError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The identities of a file, read again when the file was replaced: so a rotation needs no restart.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
    read: Mutex<(Stamp, Arc<Identities>)>,
}

/// What tells one state of a file from another: its number, its time in nanoseconds, its length.
type Stamp = (u64, i64, i64, u64);

impl Keyring {
    /// Reads the file; refuses one that [`Identities::load`] refuses.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        // The stamp first: a change in between is read once more, and not missed.
        let stamp = stamp(path)?;
        let identities = Arc::new(Identities::load(path)?);
        Ok(Self { path: path.to_owned(), read: Mutex::new((stamp, identities)) })
    }

    /// The identities as the file has them now. A file that is missing or cannot be used is an error:
    /// what it had may have been taken away on purpose.
    pub fn identities(&self) -> Result<Arc<Identities>, IdentityError> {
        let stamp = stamp(&self.path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != stamp {
            *read = (stamp, Arc::new(Identities::load(&self.path)?));
        }
        Ok(Arc::clone(&read.1))
    }
}

fn stamp(path: &Path) -> Result<Stamp, IdentityError> {
    let found = std::fs::metadata(path)
        .map_err(|error| IdentityError::Unreadable { path: path.into(), error })?;
    Ok((found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}
