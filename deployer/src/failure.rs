//! Failures of the machine that a caller can tell apart: a disk that is full, and one that takes nothing.

use crate::Refusal;
use inkstone_store::StoreError;
use std::error::Error;
use std::io;

impl Refusal {
    /// The code where there is no room on the disk.
    pub(crate) const STORAGE_FULL: &'static str = "storage_full";
    /// The code where the disk takes nothing.
    pub(crate) const STORAGE_READ_ONLY: &'static str = "storage_read_only";

    /// A failure that is ours: the details go to the log. What the disk does not take is told apart, so
    /// that whoever reads it knows that trying again is worth while later.
    pub(crate) fn failure(what: &'static str, error: &(dyn Error + 'static)) -> Self {
        let (code, message, advice) = match disk(error) {
            Some(Disk::Full) => (
                Self::STORAGE_FULL,
                "The server's disk is full.",
                "Look whether your change has arrived, by get_service or a list; if not, try again when an operator has made room. Deployments wait and go on by themselves.",
            ),
            Some(Disk::ReadOnly) => (
                Self::STORAGE_READ_ONLY,
                "The server's disk is read-only.",
                "Try again when an operator has made the data directory writable. Deployments wait and go on by themselves.",
            ),
            None => return Self::internal(what, &error),
        };
        tracing::error!(%error, "{what}");
        Self::new(code, message, advice)
    }
}

/// What is the matter with the disk.
enum Disk {
    Full,
    ReadOnly,
}

/// What the system said about the disk, if that is what failed.
fn disk(error: &(dyn Error + 'static)) -> Option<Disk> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Full(_)) => return Some(Disk::Full),
            Some(StoreError::ReadOnly(_)) => return Some(Disk::ReadOnly),
            _ => {}
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Disk::Full),
                io::ErrorKind::ReadOnlyFilesystem => Some(Disk::ReadOnly),
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_state::StateError;

    #[test]
    fn a_disk_that_takes_nothing_is_told_apart_from_what_only_the_log_can_tell() {
        let code = |kind: io::ErrorKind| {
            let source = io::Error::from(kind);
            let error = StateError::Io { what: "writing to", path: "/srv".into(), source };
            Refusal::failure("the state repo could not be written", &error).code
        };
        assert_eq!(code(io::ErrorKind::StorageFull), "storage_full");
        assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), "storage_read_only");
        assert_eq!(code(io::ErrorKind::UnexpectedEof), "internal");
    }
}
