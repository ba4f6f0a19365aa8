//! What edits would change of manifests, as `git diff` shows it.

use crate::output::colours;
use anyhow::{Context as _, bail};
use inkstone_spec::StatePath;
use inkstone_state::{Edit, Snapshot};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What git's exit code says where files differ (git-diff(1), `--exit-code`).
const DIFFER: i32 = 1;

/// Prints what `edits` change of manifests.
pub(super) fn print(before: &Snapshot, edits: &[Edit]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // Two folders of these names make the headers of git's diffs.
    let (old, new) = (folder.path().join("a"), folder.path().join("b"));
    fs::create_dir_all(&old)?;
    fs::create_dir_all(&new)?;
    for edit in edits {
        let (Edit::Write(path, _) | Edit::Remove(path)) = edit;
        if !matches!(path, StatePath::ProjectManifest(..) | StatePath::ServiceManifest(..)) {
            continue;
        }
        if let Some(bytes) = before.bytes(path)? {
            put(&old, path, &bytes)?;
        }
        if let Edit::Write(path, bytes) = edit {
            put(&new, path, bytes)?;
        }
    }
    let colour = if colours() { "--color=always" } else { "--color=never" };
    let status = Command::new("git")
        .current_dir(folder.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["--no-pager", "diff", "--no-index", "--no-prefix", "--no-ext-diff", colour])
        .args(["a", "b"])
        .status()
        .context("cannot run git: is it installed?")?;
    if !status.success() && status.code() != Some(DIFFER) {
        bail!("git diff ended with {status}");
    }
    Ok(())
}

fn put(folder: &Path, path: &StatePath, bytes: &[u8]) -> anyhow::Result<()> {
    let file = folder.join(path.to_string());
    fs::create_dir_all(file.parent().unwrap_or(folder))?;
    Ok(fs::write(file, bytes)?)
}
