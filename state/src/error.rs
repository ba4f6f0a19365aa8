//! What can go wrong with the state repo.

use crate::remote::Rewound;
use std::path::PathBuf;

/// Why the state repo could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file system operation failed.
    #[error("{what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The git repository could not be read or written.
    #[error("the state repo's git storage failed while {what}: {reason}")]
    Git {
        /// What was tried.
        what: &'static str,
        /// What git's storage said.
        reason: String,
    },
    /// An object that history refers to is not there.
    #[error("object {id} is missing from the state repo; restore it from a clone with `git fetch`")]
    Missing {
        /// The object's id.
        id: String,
    },
    /// A file does not say what its schema asks for.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file's path in the state repo.
        path: String,
        /// What is wrong, with line and column where known.
        reason: String,
    },
    /// Manifests could not be rendered.
    #[error("{path}: {reason}")]
    Render {
        /// The intent that was rendered.
        path: String,
        /// What the renderer said.
        reason: String,
    },
    /// A sealed file could not be used.
    #[error("{path}: {reason}")]
    Sealed {
        /// The file's path in the state repo.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The repo has a layout that this version does not know.
    #[error(
        "the state repo has layout version {found}, this inkstone knows {known}: use a newer inkstone"
    )]
    Layout {
        /// The version in `inkstone.yaml`.
        found: u32,
        /// The version that this binary writes.
        known: u32,
    },
    /// The signing key cannot be used.
    #[error("the signing key {path} cannot be used: {reason}", path = path.display())]
    SigningKey {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The remote does not answer, or fails. Whether what was being pushed has arrived is not known.
    #[error("the state repo's remote fails: {why}")]
    RemoteDown {
        /// What it, or git, said.
        why: String,
    },
    /// git's checks refuse what the remote has.
    #[error(
        "the state repo's remote has what cannot be taken: {why}; `inkstone state restore` puts back what it had"
    )]
    RemoteUnfit {
        /// What they found.
        why: String,
    },
    /// The remote does not want what was pushed.
    #[error("the state repo's remote refused the push: {said}")]
    RemoteRefused {
        /// What it said.
        said: String,
    },
    /// The remote has lost commits, so nothing is written on top of what it has.
    #[error("the state repo's remote was rewound: {0}")]
    Rewound(Box<Rewound>),
    /// What a change builds on is not there.
    #[error("{0}")]
    Absent(String),
}

impl StateError {
    /// Wraps a failure of git's storage.
    pub(crate) fn git(what: &'static str) -> impl FnOnce(gix::Error) -> Self {
        move |error| Self::Git { what, reason: error.to_string() }
    }

    /// Wraps a failure of the file system.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, path: path.into(), source }
    }
}
