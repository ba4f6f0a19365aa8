//! Reading a clone, checked out or bare, for the commands that need no server.

use crate::files::{self, Edit};
use crate::history::{object_id, read_commit};
use crate::objects::{MAX_OBJECT_BYTES, Objects, Overlay};
use crate::{Snapshot, StateError};
use inkstone_spec::{CommitId, StatePath};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Whether the repository at `dir` has no checked-out files.
pub fn is_bare(dir: &Path) -> Result<bool, StateError> {
    Ok(git(dir, &["rev-parse", "--is-bare-repository"])? == "true")
}

/// The state repo in `dir` at `revision` (anything that `git rev-parse` knows, `HEAD` for instance), or,
/// for `None`, as its files are on disk now, committed or not. Nothing is written: blobs and trees of
/// files on disk are kept in memory.
pub fn snapshot_of(dir: &Path, revision: Option<&str>) -> Result<Snapshot, StateError> {
    let path = dir.join(git(dir, &["rev-parse", "--git-path", "objects"])?);
    let Some(revision) = revision else { return on_disk(dir, &path) };
    let peeled = format!("{revision}^{{commit}}");
    let found = git(dir, &["rev-parse", "--verify", "--end-of-options", &peeled])?;
    let commit = CommitId::new(found).map_err(|error| StateError::Git {
        what: "looking up a revision",
        reason: error.to_string(),
    })?;
    let objects = Arc::new(Objects::open(&[&path])?);
    Ok(read_commit(&objects, object_id(&commit)?)?.snapshot)
}

/// The plain files of the layout below `dir`. They are read as they are: git itself would run whatever
/// filters the clone's settings name, and convert line ends.
fn on_disk(dir: &Path, clone: &Path) -> Result<Snapshot, StateError> {
    let objects = Arc::new(Objects::open(&[clone])?);
    let overlay = Overlay::new(&objects);
    let mut edits = Vec::new();
    read_below(dir, "", &mut edits)?;
    let tree = files::apply(&objects, &overlay, None, &edits)?;
    let made = overlay.into_made();
    objects.plan(made);
    Ok(Snapshot::new(objects, None, tree))
}

fn read_below(dir: &Path, below: &str, edits: &mut Vec<Edit>) -> Result<(), StateError> {
    let here = dir.join(below);
    let failed = |error| StateError::io("reading", &here)(error);
    for entry in fs::read_dir(&here).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| *name != ".git") else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            read_below(dir, &path, edits)?;
        } else if kind.is_file()
            && let Ok(path) = path.parse::<StatePath>()
        {
            let bytes = entry.metadata().map_err(failed)?.len();
            if bytes > MAX_OBJECT_BYTES as u64 {
                let reason = format!("has {bytes} bytes, and at most {MAX_OBJECT_BYTES} are read");
                return Err(StateError::Malformed { path: path.to_string(), reason });
            }
            edits.push(Edit::Write(path, fs::read(entry.path()).map_err(failed)?));
        }
    }
    Ok(())
}

/// Asks git about the repository in `dir`, and about no other; returns its trimmed answer.
fn git(dir: &Path, args: &[&str]) -> Result<String, StateError> {
    let failed = |reason: String| StateError::Git { what: "running git", reason };
    let output = Command::new("git")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // So that it says the same, in one line, whatever is mounted where.
        .env("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1")
        // A clone's own configuration may name a place to fetch missing objects from, and a command to
        // run for that. This outranks it.
        .env("GIT_ALLOW_PROTOCOL", "none")
        .arg("-C")
        .arg(dir)
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "safe.directory=*"])
        .args(args)
        .output()
        .map_err(|error| failed(format!("{error}; is git installed?")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
