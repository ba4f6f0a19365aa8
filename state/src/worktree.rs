//! Reading a clone, checked out or bare, for the commands that need no server.

use crate::history::object_id;
use crate::objects::Objects;
use crate::{Snapshot, StateError};
use inkstone_spec::CommitId;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Whether the repository at `dir` has no checked-out files.
pub fn is_bare(dir: &Path) -> Result<bool, StateError> {
    Ok(git(dir, [OsStr::new("rev-parse"), OsStr::new("--is-bare-repository")], &[])? == "true")
}

/// The state repo in `dir` at `revision` (anything that `git rev-parse` knows, `HEAD` for instance), or,
/// for `None`, as its files are on disk now, committed or not. Nothing is written into the clone: blobs
/// and trees of files on disk go to a directory that `keep` holds.
pub fn snapshot_of(
    dir: &Path,
    revision: Option<&str>,
    keep: &tempfile::TempDir,
) -> Result<Snapshot, StateError> {
    let arg = OsStr::new;
    let path = |out: String| -> PathBuf { dir.join(out) };
    let objects = path(git(dir, [arg("rev-parse"), arg("--git-path"), arg("objects")], &[])?);
    if let Some(revision) = revision {
        let peeled = format!("{revision}^{{commit}}");
        let out = git(
            dir,
            [arg("rev-parse"), arg("--verify"), arg("--end-of-options"), arg(&peeled)],
            &[],
        )?;
        let commit = CommitId::new(out).map_err(|error| StateError::Git {
            what: "looking up a revision",
            reason: error.to_string(),
        })?;
        let objects = Arc::new(Objects::open(&[&objects])?);
        return Ok(crate::history::read_commit(&objects, object_id(&commit)?)?.snapshot);
    }
    let index = keep.path().join("index");
    let env = [
        ("GIT_INDEX_FILE", index.as_os_str()),
        ("GIT_OBJECT_DIRECTORY", keep.path().as_os_str()),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects.as_os_str()),
    ];
    git(dir, [arg("add"), arg("--all"), arg("--force"), arg(":/")], &env)?;
    let tree = git(dir, [arg("write-tree")], &env)?;
    let tree = gix::ObjectId::from_hex(tree.as_bytes()).map_err(|error| StateError::Git {
        what: "reading a tree id",
        reason: error.to_string(),
    })?;
    let objects = Arc::new(Objects::open(&[keep.path(), &objects])?);
    Ok(Snapshot::new(objects, None, tree))
}

/// Runs git in `dir` with a hardened command line and returns its trimmed output.
fn git<'a>(
    dir: &Path,
    args: impl IntoIterator<Item = &'a OsStr>,
    env: &[(&str, &OsStr)],
) -> Result<String, StateError> {
    let failed = |reason: String| StateError::Git { what: "running git", reason };
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.autocrlf=false",
        ])
        .args(args)
        .envs(env.iter().copied())
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| failed(format!("{error}; is git installed?")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
