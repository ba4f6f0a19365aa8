//! The tree of one source commit, read from git objects: never a checkout, so nothing in it can run or
//! lead outside.

use gix::ObjectId;
use gix::objs::tree::EntryKind as GitKind;
use inkstone_builder::limits::MAX_FILE_BYTES;
use inkstone_builder::{Entry, EntryKind, SourceError, SourceTree};
use inkstone_spec::CommitId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// Bytes of a commit with its message: 1 MiB.
const MAX_COMMIT_BYTES: u64 = 1 << 20;
/// Bytes of the list of what one directory holds: 16 MiB, some 300,000 entries.
const MAX_TREE_BYTES: u64 = 16 << 20;
/// Bytes that git's storage may take for one object, or for one that it is a delta of: a pack of a few
/// kilobytes can hold gigabytes.
const MAX_OBJECT_BYTES: u64 = MAX_FILE_BYTES;

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
        let limit = format!("gitoxide.objects.allocLimit={MAX_OBJECT_BYTES}");
        let options = gix::open::Options::isolated().config_overrides([limit]);
        let repo = gix::open_opts(git_dir, options).map_err(unreadable)?;
        let id = ObjectId::from_hex(commit.as_str().as_bytes()).map_err(unreadable)?;
        let absent = |_| SourceError::Unreadable(format!("commit {commit} is not in the repo"));
        let bytes = repo.find_header(id).map_err(absent)?.size();
        within(MAX_COMMIT_BYTES, bytes, "the commit with its message")?;
        let root = repo.find_commit(id).map_err(absent)?.tree_id().map_err(unreadable)?.detach();
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
        let bytes = self.repo.find_header(id).map_err(unreadable)?.size();
        within(MAX_TREE_BYTES, bytes, "the list of what it holds")?;
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

/// Refuses what is too large to be read into memory.
fn within(limit: u64, bytes: u64, what: &'static str) -> Result<(), SourceError> {
    if bytes > limit { Err(SourceError::Oversized { what, bytes, limit }) } else { Ok(()) }
}

fn unreadable(error: impl std::fmt::Display) -> SourceError {
    SourceError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gix::objs::{Kind, Write as _};

    /// A bare repository with one commit of this message, whose directory `public` lists these bytes.
    fn commit(message: &[u8], public: &[u8]) -> (tempfile::TempDir, CommitId) {
        let dir = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(dir.path()).unwrap();
        let write = |kind, bytes: &[u8]| repo.write_buf(kind, bytes).unwrap();
        let public = write(Kind::Tree, public);
        let root = write(Kind::Tree, &[b"40000 public\0", public.as_slice()].concat());
        let who = "Ada <ada@example.com> 1700000000 +0000";
        let head = format!("tree {root}\nauthor {who}\ncommitter {who}\n\n");
        let commit = write(Kind::Commit, &[head.as_bytes(), message].concat());
        (dir, commit.to_string().parse().unwrap())
    }

    /// A list of at least so many bytes: each of its entries has one name of 250.
    fn entries(bytes: u64) -> Vec<u8> {
        let entry = |at: u64| {
            let blob = ObjectId::empty_blob(gix::hash::Kind::Sha1);
            [format!("100644 {at:0250}\0").as_bytes(), blob.as_slice()].concat()
        };
        (0..=bytes / 278).flat_map(entry).collect()
    }

    #[test]
    fn what_is_huge_is_refused_before_it_is_read() {
        let (dir, huge) = commit(&vec![b'x'; 1 << 20], b"");
        let error = GitTree::open(dir.path(), &huge).err().unwrap();
        assert!(matches!(error, SourceError::Oversized { limit: MAX_COMMIT_BYTES, .. }), "{error}");
        let (dir, huge) = commit(b"words", &entries(MAX_TREE_BYTES));
        let tree = GitTree::open(dir.path(), &huge).unwrap();
        assert_eq!(tree.list("").unwrap().len(), 1);
        let error = tree.list("public").unwrap_err();
        assert!(matches!(error, SourceError::Oversized { limit: MAX_TREE_BYTES, .. }), "{error}");
    }

    #[test]
    fn what_is_large_is_read() {
        let (dir, large) = commit(&vec![b'x'; (1 << 20) - 1000], &entries(1 << 20));
        let tree = GitTree::open(dir.path(), &large).unwrap();
        assert!(tree.list("public").unwrap().len() > 3_000);
    }
}
