//! The source repositories of the fleet. Each is its own; they borrow their one commit from a template.

use super::services::Member;
use crate::git;
use crate::server::Home;
use anyhow::Context as _;
use inkstone_spec::CommitId;
use std::fs;
use std::path::PathBuf;

/// Makes the repository that the others borrow from and returns its commit.
pub(super) fn template(home: &Home) -> anyhow::Result<CommitId> {
    let path = path(home);
    fs::create_dir_all(&path)?;
    git::run(&path, &["init", "--quiet", "--initial-branch", "main"])?;
    fs::write(path.join("index.html"), "<!doctype html><title>Fleet</title>\n")?;
    git::run(&path, &["add", "--all"])?;
    git::run(&path, &["commit", "--quiet", "--message", "one"])?;
    Ok(git::rev_parse(&path, "HEAD")?.parse()?)
}

/// Makes the repository of a service, with the commit that is deployed at its branch.
pub(super) fn place(home: &Home, member: &Member) -> anyhow::Result<()> {
    let repo = home.repo(member.name.workspace.as_str(), member.branch.repo.as_str());
    fs::create_dir_all(repo.join("objects/info"))?;
    fs::create_dir_all(repo.join("refs/heads"))?;
    let objects = path(home).join(".git/objects");
    fs::write(repo.join("HEAD"), "ref: refs/heads/main\n")?;
    fs::write(repo.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")?;
    fs::write(repo.join("objects/info/alternates"), format!("{}\n", objects.display()))?;
    let branch = repo.join("refs/heads").join(member.branch.branch.as_str());
    let commit = member.release.source_commit.as_ref().context("nothing was built")?;
    Ok(fs::write(branch, format!("{commit}\n"))?)
}

fn path(home: &Home) -> PathBuf {
    home.folder.join("template")
}
