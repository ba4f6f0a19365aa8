//! `inkstone render`: what manifests should be, on any clone, without the server.

use crate::Verdict;
use crate::cli::RenderArgs;
use crate::output::{json, line};
use anyhow::{Context as _, bail};
use inkstone_state::{Edit, is_bare, plan, snapshot_of};
use std::fs;

pub(crate) fn render(args: &RenderArgs) -> anyhow::Result<Verdict> {
    let keep = tempfile::tempdir()?;
    let bare = is_bare(&args.repo)
        .with_context(|| format!("{} is not a clone of a state repo", args.repo.display()))?;
    if bare && !args.check {
        bail!("a bare repository has no files to write: clone it, or use --check");
    }
    let snapshot = snapshot_of(&args.repo, bare.then_some("HEAD"), &keep)?;
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
            line(format_args!("{} files written", paths.len()));
        }
    }
    Ok(if args.check && !paths.is_empty() { Verdict::Bad } else { Verdict::Good })
}

fn write(args: &RenderArgs, edit: &Edit) -> anyhow::Result<()> {
    match edit {
        Edit::Write(path, bytes) => {
            let path = args.repo.join(path.to_string());
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
        }
        Edit::Remove(path) => {
            let path = args.repo.join(path.to_string());
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
        }
    }
}
