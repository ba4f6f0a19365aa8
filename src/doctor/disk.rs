//! Space, the size of repositories, and locks that somebody left.

use super::{Check, size};
use crate::data_dir::DataDir;
use crate::output::count;
use rustix::fs::statvfs;
use std::fmt;
use std::fs::{DirEntry, read_dir};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Less free space than this is too little to go on with, in bytes.
const LITTLE: u64 = 256 * 1024 * 1024;
/// Less than this should be looked at, in bytes.
const SCARCE: u64 = 2 * 1024 * 1024 * 1024;
/// The most packs before reading gets slow.
const MANY_PACKS: usize = 500;
/// The most loose objects before reading gets slow.
const MANY_LOOSE: usize = 100_000;
/// Moving a branch takes milliseconds: a lock that is older was left by a process that died.
const STALE_LOCK: Duration = Duration::from_mins(1);
/// The deepest folder of refs that is looked into.
const MAX_DEPTH: usize = 10;

/// The objects of a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Objects {
    loose: usize,
    packs: usize,
    bytes: u64,
}

pub(super) fn look(data: &DataDir) -> Vec<Check> {
    let state = data.state_git_dir();
    let hosted = hosted(&data.repos_dir());
    vec![
        space(data.root()),
        state_size(&state),
        hosted_size(&hosted),
        locks(std::iter::once(&state).chain(&hosted)),
    ]
}

fn space(root: &Path) -> Check {
    let name = "disk";
    let found = match statvfs(root) {
        Ok(found) => found,
        Err(error) => return Check::fail(name, error.to_string(), "see to the file system"),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let shown = format!("{} free", size(free));
    let advice = "make room: nothing can be committed on a full disk";
    // File systems that do not count their files say 0 of 0.
    if found.f_files > 0 && found.f_favail == 0 {
        return Check::fail(name, format!("{shown}, and not one inode"), advice);
    }
    match free {
        ..LITTLE => Check::fail(name, shown, advice),
        LITTLE..SCARCE => Check::warn(name, shown, advice),
        _ => Check::ok(name, shown),
    }
}

fn state_size(git_dir: &Path) -> Check {
    let name = "state repo size";
    let objects = measure(git_dir);
    let found = objects.to_string();
    if objects.is_many() {
        Check::warn(name, found, repack(git_dir))
    } else {
        Check::ok(name, found)
    }
}

fn hosted_size(repos: &[PathBuf]) -> Check {
    let name = "source repos";
    let mut all = Objects::default();
    let mut worst = None;
    for repo in repos {
        let objects = measure(repo);
        all.bytes = all.bytes.saturating_add(objects.bytes);
        all.packs += objects.packs;
        all.loose += objects.loose;
        if objects.is_many() {
            worst = Some(repo);
        }
    }
    let found = format!("{} with {all}", count(repos.len(), "repo"));
    match worst {
        Some(repo) => Check::warn(name, found, repack(repo)),
        None => Check::ok(name, found),
    }
}

/// How to fold packs without dropping an object that somebody is about to name.
fn repack(git_dir: &Path) -> String {
    format!("git -C {} repack -d -n --geometric=2", git_dir.display())
}

impl Objects {
    fn is_many(self) -> bool {
        self.packs > MANY_PACKS || self.loose > MANY_LOOSE
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (packs, loose) = (count(self.packs, "pack"), count(self.loose, "loose object"));
        write!(f, "{}: {packs}, {loose}", size(self.bytes))
    }
}

/// Counts and weighs the objects of a repository; what goes away meanwhile is not counted.
fn measure(git_dir: &Path) -> Objects {
    let mut objects = Objects::default();
    for folder in entries(&git_dir.join("objects")) {
        let name = folder.file_name();
        let is_loose = name.len() == 2;
        if !is_loose && name != "pack" {
            continue;
        }
        for file in entries(&folder.path()) {
            objects.bytes = objects.bytes.saturating_add(file.metadata().map_or(0, |m| m.len()));
            objects.loose += usize::from(is_loose);
            objects.packs += usize::from(file.path().extension().is_some_and(|e| e == "pack"));
        }
    }
    objects
}

/// The hosted repositories: `<workspace>/<repo>.git`.
fn hosted(root: &Path) -> Vec<PathBuf> {
    let is_repo = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "git");
    let workspaces = entries(root).into_iter().filter(is_folder);
    let repos = workspaces.flat_map(|workspace| entries(&workspace.path()));
    repos.filter(is_folder).map(|repo| repo.path()).filter(is_repo).collect()
}

fn locks<'a>(repos: impl Iterator<Item = &'a PathBuf>) -> Check {
    let name = "locks";
    let mut stale = Vec::new();
    for repo in repos {
        // Those of `git` on branches, on the packed ones, on its settings.
        let files = entries(repo).into_iter().filter(|entry| !is_folder(entry));
        let own = files.map(|file| file.path()).filter(|path| !path.ends_with("inkstone.lock"));
        stale.extend(own.filter(|path| is_stale_lock(path)));
        collect_locks(&repo.join("refs"), 0, &mut stale);
    }
    let Some(first) = stale.first() else { return Check::ok(name, "none is left over") };
    let found = format!("{} left over, {} among them", stale.len(), first.display());
    Check::warn(name, found, format!("if no git process is at work there: rm {}", first.display()))
}

fn collect_locks(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in entries(folder) {
        if is_folder(&entry) {
            if depth < MAX_DEPTH {
                collect_locks(&entry.path(), depth + 1, found);
            }
        } else if is_stale_lock(&entry.path()) {
            found.push(entry.path());
        }
    }
}

fn is_stale_lock(path: &Path) -> bool {
    let age = || {
        SystemTime::now()
            .duration_since(path.metadata()?.modified()?)
            .map_err(std::io::Error::other)
    };
    path.extension().is_some_and(|extension| extension == "lock")
        && age().is_ok_and(|age| age > STALE_LOCK)
}

/// What is in a folder; nothing where it cannot be read, which other checks tell.
fn entries(folder: &Path) -> Vec<DirEntry> {
    read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_default()
}

/// Links are not followed.
fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}
