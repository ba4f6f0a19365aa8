//! The commits between two heads: each for what it touches, and the last one as a head.

use super::choices::Choices;
use super::commit::examine;
use super::finding::{Finding, Rule, in_order};
use super::handmade::handmade;
use super::head::inspect_head;
use crate::history::{Commit, Walk};
use crate::push::Reach;
use crate::{Snapshot, StateError};
use inkstone_spec::{CommitId, Owner};
use std::collections::BTreeSet;

/// What the commits between two heads are found to be.
#[derive(Debug, Default)]
pub struct Line {
    /// What breaks a law.
    pub findings: Vec<Finding>,
    /// Manifests at the head that are not what their intent renders to, though lawfully so.
    stale: Vec<(Owner, Finding)>,
}

impl Line {
    fn refused(finding: Finding) -> Self {
        Self { findings: vec![finding], stale: Vec::new() }
    }

    /// Whose manifests Inkstone has to render before anybody acts on the head.
    pub fn stale(&self) -> BTreeSet<Owner> {
        self.stale.iter().map(|(owner, _)| owner.clone()).collect()
    }
}

/// Looks at the commits by which `new` continues `old`, whose tree passed: at most `limit` lawful ones,
/// of which those that are not Inkstone's own stay within `reach`, also in the releases that they name.
/// Manifests may be stale, not written by hand.
pub fn inspect_line(
    old: &Snapshot,
    new: &Snapshot,
    limit: usize,
    reach: Reach,
) -> Result<Line, StateError> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut walk = Walk::from(new)?;
    loop {
        let commit = match walk.next().transpose() {
            Ok(commit) => commit,
            Err(error) => return Ok(Line::refused(Finding::from_error(error, &"a commit")?)),
        };
        if commit.as_ref().map(|commit| &commit.id) == old.commit() {
            break;
        }
        let why = match commit {
            Some(commit) if commits.len() < limit => {
                commits.push(commit);
                continue;
            }
            Some(_) => format!("brings more than {limit} commits"),
            None => {
                let old = old.commit().map_or("", CommitId::as_str);
                format!("does not continue {old}: it would drop or rewrite commits")
            }
        };
        return Ok(Line::refused(Finding::of(Rule::Push, why)));
    }
    let (mut findings, mut brought) = (Vec::new(), Vec::with_capacity(commits.len()));
    let mut choices = Choices::default();
    for (at, commit) in commits.iter().enumerate() {
        let parent = commits.get(at + 1).map_or(old, |parent| &parent.snapshot);
        let examined = examine(commit, Some(parent))?;
        if !examined.brought.own {
            let beyond = examined.paths.iter().filter(|path| !reach.covers(path));
            findings.extend(beyond.map(|path| {
                Finding::at(Rule::Permission, path, "needs the scope `admin` to be changed")
                    .in_commit(&commit.id)
            }));
            if reach == Reach::Tenants {
                choices.note(&commit.id, parent, &commit.snapshot, &examined.paths)?;
            }
        }
        findings.extend(examined.findings);
        brought.push(examined.brought);
    }
    if let Some(newest) = commits.first() {
        findings.extend(choices.never_had(new.objects(), &newest.id)?);
    }
    findings.extend(handmade(new.objects(), brought)?);
    let mut stale = Vec::new();
    if let Some(head) = commits.first() {
        let inspector = inspect_head(old, &head.snapshot, head.message.allows_removal)?;
        let (mut found, left) = inspector.findings_and_stale();
        found.retain(|finding| !findings.iter().any(|known| known.is_same_fault(finding)));
        findings.extend(found);
        stale = left;
    }
    Ok(Line { findings: in_order(findings), stale })
}
