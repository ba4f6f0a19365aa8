//! A source tree held in memory, for tests of whatever builds.

use std::collections::BTreeMap;

use crate::source::{Entry, EntryKind, SourceError, SourceTree};

/// A tree made of paths. It also holds what git never would, such as a name with a slash.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    directories: BTreeMap<String, Vec<Entry>>,
    contents: BTreeMap<String, Vec<u8>>,
}

impl MemoryTree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and the directories above it.
    #[must_use]
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.content(path, EntryKind::File { executable: false }, content.into())
    }

    /// Adds a file that may be run, and the directories above it.
    #[must_use]
    pub fn executable(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.content(path, EntryKind::File { executable: true }, content.into())
    }

    /// Adds a symbolic link and the directories above it.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.content(path, EntryKind::Symlink, target.into())
    }

    /// Adds a submodule and the directories above it.
    #[must_use]
    pub fn submodule(self, path: &str) -> Self {
        self.content(path, EntryKind::Submodule, Vec::new())
    }

    /// Adds an entry to a directory, whatever its name.
    #[must_use]
    pub fn entry(mut self, directory: &str, name: &[u8], kind: EntryKind) -> Self {
        self.directory(directory);
        let entries = self.directories.entry(directory.to_owned()).or_default();
        entries.push(Entry { name: name.to_vec(), kind });
        self
    }

    fn content(mut self, path: &str, kind: EntryKind, content: Vec<u8>) -> Self {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.contents.insert(path.to_owned(), content);
        self.entry(directory, name.as_bytes(), kind)
    }

    fn directory(&mut self, path: &str) {
        if path.is_empty() || self.directories.contains_key(path) {
            return;
        }
        self.directories.insert(path.to_owned(), Vec::new());
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.directory(parent);
        let entry = Entry { name: name.into(), kind: EntryKind::Directory };
        self.directories.entry(parent.to_owned()).or_default().push(entry);
    }
}

impl SourceTree for MemoryTree {
    fn list(&self, directory: &str) -> Result<Vec<Entry>, SourceError> {
        match self.directories.get(directory) {
            Some(entries) => Ok(entries.clone()),
            None if directory.is_empty() => Ok(Vec::new()),
            None => Err(SourceError::Unreadable(format!("there is no directory {directory}"))),
        }
    }

    fn read(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let content = self
            .contents
            .get(path)
            .ok_or_else(|| SourceError::Unreadable(format!("there is no file {path}")))?;
        let bytes = content.len() as u64;
        if bytes > max_bytes {
            return Err(SourceError::TooLarge { bytes });
        }
        Ok(content.clone())
    }
}
