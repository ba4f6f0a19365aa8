//! The commits between two heads: each for what it touches, and the last one as a head.

use super::finding::{Finding, Rule, in_order};
use super::{check_commit, check_head};
use crate::StateError;
use crate::history::{Commit, commit_id, read_commit};
use crate::objects::Objects;
use gix::ObjectId;
use std::sync::Arc;

/// Checks that `new` continues `old`, whose tree passed, by at most `limit` lawful commits.
pub(crate) fn check_line(
    objects: &Arc<Objects>,
    old: ObjectId,
    new: ObjectId,
    limit: usize,
) -> Result<Vec<Finding>, StateError> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut next = new;
    while next != old {
        if commits.len() == limit {
            return Ok(vec![Finding::of(Rule::Push, format!("brings more than {limit} commits"))]);
        }
        let commit = read_commit(objects, next)?;
        let parent = commit.parents.first().copied();
        commits.push(commit);
        let Some(parent) = parent else {
            let old = commit_id(old)?;
            let why = format!("does not continue {old}: it would drop or rewrite commits");
            return Ok(vec![Finding::of(Rule::Push, why)]);
        };
        next = parent;
    }
    let base = read_commit(objects, old)?.snapshot;
    let mut findings = Vec::new();
    let mut parent = &base;
    for commit in commits.iter().rev() {
        findings.extend(check_commit(commit, Some(parent))?);
        parent = &commit.snapshot;
    }
    if let Some(head) = commits.first() {
        let mut found = check_head(&base, &head.snapshot, head.message.allows_removal)?;
        found.retain(|finding| !findings.iter().any(|known| known.is_same_fault(finding)));
        findings.extend(found);
    }
    Ok(in_order(findings))
}
