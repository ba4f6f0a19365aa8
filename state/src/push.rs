//! Judging an operator's push before it is taken: run by git's `pre-receive`, while what was pushed is
//! still in quarantine.

use crate::StateError;
use crate::check::{Finding, Rule, check_commit, check_head};
use crate::history::{Commit, object_id, read_commit};
use crate::objects::Objects;
use crate::repo::MAIN;
use inkstone_spec::CommitId;
use std::path::Path;
use std::sync::Arc;

/// The most commits that one push may bring.
const MAX_COMMITS: usize = 1_000;
/// The most findings that are told; the rest are counted.
pub const MAX_TOLD: usize = 20;

/// One ref that a push wants to move; `None` stands for "is not there".
#[derive(Clone, Debug)]
pub struct RefUpdate {
    /// The full name of the ref.
    pub name: String,
    /// Where it is.
    pub old: Option<CommitId>,
    /// Where it should be.
    pub new: Option<CommitId>,
}

/// Checks a push to the repo at `git_dir`; the pushed objects are in `quarantine`, where git keeps them
/// until it has our word. Nothing found means it may be taken.
pub fn check_push(
    git_dir: &Path,
    quarantine: Option<&Path>,
    updates: &[RefUpdate],
) -> Result<Vec<Finding>, StateError> {
    let own = git_dir.join("objects");
    let directories: Vec<&Path> = quarantine.into_iter().chain([own.as_path()]).collect();
    let objects = Arc::new(Objects::open(&directories)?);
    let mut findings = Vec::new();
    for update in updates {
        let refuse = |why: &str| Finding::of(Rule::Push, format!("{}: {why}", update.name));
        match (&update.old, &update.new) {
            _ if update.name != MAIN => {
                findings.push(refuse("only refs/heads/main takes pushes; live is Inkstone's own"));
            }
            (_, None) => findings.push(refuse("cannot be deleted")),
            (None, _) => findings.push(refuse("must exist before it is pushed to")),
            (Some(old), Some(new)) => match commits_between(&objects, old, new)? {
                Some(commits) => findings.extend(check_line(&objects, old, &commits)?),
                None => findings.push(refuse(
                    "this push would drop or rewrite commits, or brings more than 1000",
                )),
            },
        }
    }
    Ok(findings)
}

/// The commits from `new` back to (not including) `old`, newest first; `None` if `old` is not reached.
fn commits_between(
    objects: &Arc<Objects>,
    old: &CommitId,
    new: &CommitId,
) -> Result<Option<Vec<Commit>>, StateError> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut next = object_id(new)?;
    let base = object_id(old)?;
    while next != base {
        let commit = read_commit(objects, next)?;
        let parent = commit.parents.first().copied();
        commits.push(commit);
        match parent {
            Some(parent) if commits.len() < MAX_COMMITS => next = parent,
            _ => return Ok(None),
        }
    }
    Ok(Some(commits))
}

fn check_line(
    objects: &Arc<Objects>,
    old: &CommitId,
    commits: &[Commit],
) -> Result<Vec<Finding>, StateError> {
    let base = read_commit(objects, object_id(old)?)?.snapshot;
    let mut findings = Vec::new();
    let mut parent = base.clone();
    for commit in commits.iter().rev() {
        findings.extend(check_commit(commit, Some(&parent))?);
        parent = commit.snapshot.clone();
    }
    if let Some(head) = commits.first() {
        let allows = head.message.allows_removal;
        for finding in check_head(&base, &head.snapshot, allows)? {
            let known = findings.iter().any(|f: &Finding| {
                f.rule == finding.rule && f.path == finding.path && f.message == finding.message
            });
            if !known {
                findings.push(finding);
            }
        }
    }
    Ok(findings)
}
