//! What a remote sends, apart from the repo until it is whole and git's checks have passed it.
//!
//! It comes into a repository of its own, which borrows what is here already. So a fetch that fails, or
//! is refused, leaves nothing behind, and nobody has to be kept from writing while it goes on. That costs
//! time, though, so that whoever races others to the remote would lose: a writer fetches in place.

use super::{COPY_TIME, There};
use crate::StateError;
use crate::refs::{LIVE, MAIN};
use crate::sync::{in_shares, sync};
use gix::ObjectId;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// How the names of such repositories start.
const PREFIX: &str = "incoming-";
/// How the names of packs start that git is writing.
const UNNAMED: &str = "tmp_pack_";
/// What was last written so long ago is nobody's: a process that was killed left it. No fetch takes as long.
const DEAD_TIME: Duration = COPY_TIME.saturating_mul(2);
/// Where git writes what it has fetched.
const FETCHED: &str = "FETCH_HEAD";
/// Where packs are.
const PACKS: &str = "objects/pack";

/// A fetch; gone with all that it brought when dropped.
pub(crate) struct Incoming {
    /// `None`: in place.
    folder: Option<TempDir>,
    git_dir: PathBuf,
    pub(super) there: There,
}

impl Incoming {
    /// In the repo at `git_dir`, for whoever has the turn. One that is refused may leave a pack, until the
    /// next one apart.
    pub(super) fn in_place(git_dir: &Path) -> Self {
        Self { folder: None, git_dir: git_dir.to_owned(), there: There::default() }
    }

    /// Beside the objects of the repo at `git_dir`.
    pub(super) fn apart(git_dir: &Path) -> Result<Self, StateError> {
        sweep(git_dir).map_err(StateError::io("clearing", git_dir))?;
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(git_dir)
            .map_err(StateError::io("fetching into", git_dir))?;
        make(folder.path()).map_err(StateError::io("fetching into", folder.path()))?;
        Ok(Self { folder: Some(folder), git_dir: git_dir.to_owned(), there: There::default() })
    }

    /// The repository that git fetches into.
    pub(super) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(&self.git_dir, TempDir::path)
    }

    /// Reads where the branches are that git was asked for.
    pub(super) fn fetched(mut self, names: &[&str]) -> Result<Self, StateError> {
        let path = self.path().join(FETCHED);
        let fetched = fs::read_to_string(&path).map_err(StateError::io("reading", path))?;
        // A line for each branch, in the order in which they were asked for.
        for (line, name) in fetched.lines().zip(names) {
            let id = line.split('\t').next().unwrap_or_default();
            let id = ObjectId::from_hex(id.as_bytes()).ok();
            match *name {
                MAIN => self.there.main = id,
                LIVE => self.there.live = id,
                _ => {}
            }
        }
        Ok(self)
    }

    /// Whether git was stopped because a file came to be as large as it may be.
    pub(super) fn is_full(&self, max_bytes: u64) -> bool {
        let Ok(entries) = fs::read_dir(self.path().join(PACKS)) else { return false };
        let unnamed = entries.flatten().filter(|entry| is_named(entry, UNNAMED));
        let mut sizes = unnamed.filter_map(|entry| Some(entry.metadata().ok()?.len()));
        sizes.any(|size| size >= max_bytes)
    }

    /// Makes it part of the repo and says where the remote's branches are.
    pub(crate) fn keep(self) -> Result<There, StateError> {
        if self.folder.is_none() {
            return Ok(self.there);
        }
        let (from, to) = (self.path().join(PACKS), self.git_dir.join(PACKS));
        let mut files = packs(&from).map_err(StateError::io("reading", &from))?;
        // The index last: a pack without one is not looked at.
        files.sort_by_key(|file| file.extension().is_some_and(|kind| kind == "idx"));
        in_shares(&files, |file| sync(file))?;
        for file in &files {
            let name = file.file_name().unwrap_or_default();
            fs::rename(file, to.join(name))
                .map_err(StateError::io("moving a pack into place", file))?;
        }
        if !files.is_empty() {
            sync(&to)?;
        }
        Ok(self.there)
    }
}

/// An empty repository that borrows the objects of the one around it.
fn make(git_dir: &Path) -> io::Result<()> {
    for folder in ["refs", "objects/info", PACKS] {
        fs::create_dir_all(git_dir.join(folder))?;
    }
    fs::write(git_dir.join("HEAD"), format!("ref: {MAIN}\n"))?;
    fs::write(git_dir.join("objects/info/alternates"), "../../objects\n")
}

/// The files of whole packs.
fn packs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_named(&entry, "pack-") {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn is_named(entry: &DirEntry, prefix: &str) -> bool {
    entry.file_name().to_string_lossy().starts_with(prefix)
}

/// Removes what killed processes, and fetches in place that failed, left.
fn sweep(git_dir: &Path) -> io::Result<()> {
    remove_dead(git_dir, PREFIX, |path| fs::remove_dir_all(path))?;
    remove_dead(&git_dir.join(PACKS), UNNAMED, |path| fs::remove_file(path))
}

/// Removes what is named so and was last written long ago.
fn remove_dead(
    folder: &Path,
    prefix: &str,
    remove: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_named(&entry, prefix) {
            continue;
        }
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        let removed = made.and_then(|made| {
            let is_dead = SystemTime::now().duration_since(made).is_ok_and(|age| age > DEAD_TIME);
            if is_dead { remove(&entry.path()) } else { Ok(()) }
        });
        match removed {
            // Somebody else was first, or its process was alive and is done with it.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Bounds, Place, Remote, RemoteConfig, process};
    use super::*;
    use crate::StateError;

    /// A bare repository with a head that has `bytes` which nobody can compress.
    fn there(git_dir: &Path, bytes: usize) {
        let git = |args: &[&str]| {
            let mut command = process::local(git_dir);
            let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
            let output = command.args(who).args(args).output().unwrap();
            assert!(output.status.success(), "{args:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "--quiet", "--bare"]);
        let file = git_dir.join("noise");
        fs::write(
            &file,
            std::iter::repeat_with(|| fastrand::u8(..)).take(bytes).collect::<Vec<_>>(),
        )
        .unwrap();
        let blob = git(&["hash-object", "-w", file.to_str().unwrap()]);
        git(&["--work-tree=/", "update-index", "--add", "--cacheinfo", "100644", &blob, "noise"]);
        let tree = git(&["write-tree"]);
        let commit = git(&["commit-tree", "-m", "noise", &tree]);
        for name in [MAIN, LIVE] {
            git(&["update-ref", name, &commit]);
        }
    }

    #[test]
    fn what_is_too_large_is_refused_and_leaves_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let (here, from) = (temp.path().join("here.git"), temp.path().join("there.git"));
        there(&from, 200_000);
        fs::create_dir_all(&here).unwrap();
        make(&here).unwrap();
        fs::remove_file(here.join("objects/info/alternates")).unwrap();
        let url = format!("file://{}", from.display()).parse().unwrap();
        let config = RemoteConfig { url, credentials: None, pushes_per_minute: None };
        let remote = Remote::new(&here, config);
        let fetch = |max_bytes| {
            remote.fetch(Place::Apart, There::default(), Bounds { time: COPY_TIME, max_bytes })
        };
        let left = || fs::read_dir(&here).unwrap().count();
        let before = left();
        let refused = fetch(100_000).err().unwrap();
        assert!(matches!(refused, StateError::RemoteUnfit { .. }), "{refused}");
        assert_eq!((left(), packs(&here.join(PACKS)).unwrap().len()), (before, 0));
        let taken = fetch(400_000).unwrap().keep().unwrap();
        assert!(taken.main.is_some() && taken.main == taken.live);
        assert!(packs(&here.join(PACKS)).unwrap().len() >= 2);
        assert_eq!(left(), before);
    }
}
