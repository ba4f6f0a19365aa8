//! What is built from: the tree of one commit, read through a trait.

/// The tree of exactly the commit that was asked for.
///
/// A path is the names from the root joined by `/`, without a leading slash; the root is empty.
/// Names come from whoever pushed, so nothing is assumed of them. Symbolic links are never
/// followed: a path leads through directories alone.
pub trait SourceTree {
    /// The entries of a directory, in any order. A list that is too large is refused before it is in
    /// memory.
    fn list(&self, directory: &str) -> Result<Vec<Entry>, SourceError>;

    /// The content of a file or the target of a symbolic link, of at most `max_bytes`. More is
    /// refused before it is in memory.
    fn read(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError>;
}

/// A name in a directory and what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name as the commit has it: any bytes at all.
    pub name: Vec<u8>,
    /// What it names.
    pub kind: EntryKind,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Whether it may be run.
        executable: bool,
    },
    /// A symbolic link, whose content is its target.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The content is larger than was asked for.
    #[error("it has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The commit itself, or a directory of it, is larger than any that is read.
    #[error("{what} has {bytes} bytes, and at most {limit} are read")]
    Oversized {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The commit's objects cannot be read, or there is no such path.
    #[error("{0}")]
    Unreadable(String),
}
