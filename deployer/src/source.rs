//! The tree of one source commit, read from git objects: never a checkout, so nothing in it can run or
//! lead outside.

use gix::ObjectId;
use gix::objs::tree::EntryKind as GitKind;
use inkstone_builder::{Entry, EntryKind, SourceError, SourceTree};
use inkstone_spec::CommitId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// What a directory holds, by name.
type Listing = BTreeMap<Vec<u8>, (GitKind, ObjectId)>;

/// A commit's tree in a bare repository.
pub(crate) struct GitTree {
    repo: gix::Repository,
    root: ObjectId,
    /// The directory that was read last: files are asked for one directory after another.
    last: RefCell<Option<(String, Rc<Listing>)>>,
}

impl GitTree {
    /// The tree of `commit` in the repository at `git_dir`.
    pub(crate) fn open(git_dir: &Path, commit: &CommitId) -> Result<Self, SourceError> {
        let repo = gix::open_opts(git_dir, gix::open::Options::isolated()).map_err(unreadable)?;
        let id = ObjectId::from_hex(commit.as_str().as_bytes()).map_err(unreadable)?;
        let root = repo
            .find_commit(id)
            .map_err(|_| SourceError::Unreadable(format!("commit {commit} is not in the repo")))?
            .tree_id()
            .map_err(unreadable)?
            .detach();
        Ok(Self { repo, root, last: RefCell::default() })
    }

    /// What the directory at `path` holds; only directories are passed through.
    fn listing(&self, path: &str) -> Result<Rc<Listing>, SourceError> {
        if let Some((known, listing)) = self.last.borrow().as_ref()
            && known == path
        {
            return Ok(Rc::clone(listing));
        }
        let mut id = self.root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let listing = self.read_tree(id)?;
            match listing.get(name.as_bytes()) {
                Some((GitKind::Tree, below)) => id = *below,
                _ => return Err(SourceError::Unreadable(format!("there is no directory {path}"))),
            }
        }
        let listing = Rc::new(self.read_tree(id)?);
        self.last.replace(Some((path.to_owned(), Rc::clone(&listing))));
        Ok(listing)
    }

    fn read_tree(&self, id: ObjectId) -> Result<Listing, SourceError> {
        let tree = self.repo.find_tree(id).map_err(unreadable)?;
        tree.iter()
            .map(|entry| {
                let entry = entry.map_err(unreadable)?;
                Ok((entry.filename().to_vec(), (entry.mode().kind(), entry.object_id())))
            })
            .collect()
    }
}

impl SourceTree for GitTree {
    fn list(&self, directory: &str) -> Result<Vec<Entry>, SourceError> {
        let entry = |(name, (kind, _)): (&Vec<u8>, &(GitKind, ObjectId))| Entry {
            name: name.clone(),
            kind: match kind {
                GitKind::Tree => EntryKind::Directory,
                GitKind::Blob => EntryKind::File { executable: false },
                GitKind::BlobExecutable => EntryKind::File { executable: true },
                GitKind::Link => EntryKind::Symlink,
                GitKind::Commit => EntryKind::Submodule,
            },
        };
        Ok(self.listing(directory)?.iter().map(entry).collect())
    }

    fn read(&self, path: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let id = match self.listing(directory)?.get(name.as_bytes()) {
            Some((GitKind::Blob | GitKind::BlobExecutable | GitKind::Link, id)) => *id,
            _ => return Err(SourceError::Unreadable(format!("there is no file {path}"))),
        };
        let bytes = self.repo.find_header(id).map_err(unreadable)?.size();
        if bytes > max_bytes {
            return Err(SourceError::TooLarge { bytes });
        }
        Ok(self.repo.find_blob(id).map_err(unreadable)?.take_data())
    }
}

fn unreadable(error: impl std::fmt::Display) -> SourceError {
    SourceError::Unreadable(error.to_string())
}
