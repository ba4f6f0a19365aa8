//! `inkstone render`: what manifests should be, on any clone, without the server.

use crate::Verdict;
use crate::cli::RenderArgs;
use crate::output::{count, json, line};
use anyhow::{Context as _, bail};
use inkstone_state::{Edit, is_bare, plan, snapshot_of};
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

pub(crate) fn render(args: &RenderArgs) -> anyhow::Result<Verdict> {
    let bare = is_bare(&args.repo)
        .with_context(|| format!("{} is not a clone of a state repo", args.repo.display()))?;
    if bare && !args.check {
        bail!("a bare repository has no files to write: clone it, or use --check");
    }
    let snapshot = snapshot_of(&args.repo, bare.then_some("HEAD"))?;
    snapshot.inkstone()?;
    let edits = plan::render_all(&snapshot)?;
    let paths: Vec<String> = edits
        .iter()
        .map(|edit| match edit {
            Edit::Write(path, _) | Edit::Remove(path) => path.to_string(),
        })
        .collect();
    if !args.check {
        for edit in &edits {
            write(args, edit)?;
        }
    }
    if args.json {
        let key = if args.check { "differ" } else { "written" };
        json(&serde_json::json!({ key: paths }));
    } else {
        paths.iter().for_each(line);
        if !args.check {
            line(format_args!("{} written", count(paths.len(), "file")));
        }
    }
    Ok(if args.check && !paths.is_empty() { Verdict::Bad } else { Verdict::Good })
}

/// Carries an edit out inside the clone: a link is never followed, neither on the way nor at the end.
fn write(args: &RenderArgs, edit: &Edit) -> anyhow::Result<()> {
    let (Edit::Write(path, _) | Edit::Remove(path)) = edit;
    let relative = path.to_string();
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", &relative));
    let mut at = args.repo.clone();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => bail!("{} is not a directory: remove it, then render again", at.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir(&at)?,
            Err(error) => return Err(error.into()),
        }
    }
    at.push(name);
    if fs::symlink_metadata(&at).is_ok_and(|found| !found.is_file()) {
        bail!("{} is not a plain file: remove it, then render again", at.display());
    }
    match edit {
        Edit::Write(_, bytes) => {
            let folder = at.parent().unwrap_or(&args.repo);
            let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
            fresh.write_all(bytes)?;
            fresh.as_file().set_permissions(Permissions::from_mode(0o644))?;
            fresh.persist(&at).with_context(|| format!("cannot write {}", at.display()))?;
        }
        Edit::Remove(_) => {
            fs::remove_file(&at).with_context(|| format!("cannot remove {}", at.display()))?;
        }
    }
    Ok(())
}
