//! Undoing: of a service, exactly what one commit changed, or all that changed since some point, however
//! much was changed beside it since.
//!
//! A three-way merge, field by field. With `base` the service where the change is and `theirs` the
//! service without it: a field that is the same in both stays as it is; one that nobody touched since
//! goes back; one that was touched since is a [`Conflict`], for a person to decide.
//!
//! Env variables are merged sealed. Where the result needs values of both files, whoever can open them
//! does, and seals what [`EnvMerge`] says; then [`edits`] is what to commit.

mod env;
mod field;
mod merge;

pub use env::EnvMerge;
pub use field::{Field, Leaf, differing};
pub use merge::{Conflict, Merged, Sides, merge};

use crate::history::Commit;
use crate::plan::{PlanError, delete_service, is_claim_of, put_service};
use crate::{Edit, ServiceFiles, Snapshot, StateError};
use inkstone_secrets::EnvFile;
use inkstone_spec::{CommitId, ServiceRef, StatePath};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What becomes of fields that were changed again since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing is changed; the conflicts are told.
    #[default]
    Ask,
    /// They go back too.
    Restore,
    /// They stay as they are.
    Keep,
}

impl Sides {
    /// Reads the service `name` at its three places. `base` or `theirs` is `None` before the first commit.
    pub fn read(
        name: &ServiceRef,
        base: Option<&Snapshot>,
        theirs: Option<&Snapshot>,
        head: &Snapshot,
    ) -> Result<Self, StateError> {
        let at = |snapshot: Option<&Snapshot>| {
            snapshot.map_or(Ok(None), |snapshot| snapshot.service(name))
        };
        let theirs = at(theirs)?;
        let mut taken = BTreeSet::new();
        if let Some(theirs) = &theirs {
            for host in &theirs.service.spec.hosts {
                if head.host(host)?.is_some_and(|claim| !is_claim_of(&claim, &theirs.service)) {
                    taken.insert(host.clone());
                }
            }
        }
        Ok(Self { base: at(base)?, theirs, ours: head.service(name)?, taken })
    }
}

/// Makes the service `name` at `head` what `merged` says, with `env` as its sealed env. A file that is
/// again what it was at `theirs` is again the same bytes.
pub fn edits(
    head: &Snapshot,
    theirs: Option<&Snapshot>,
    name: &ServiceRef,
    merged: Option<&Merged>,
    env: Option<&EnvFile>,
) -> Result<Vec<Edit>, PlanError> {
    let ours = head.service(name)?;
    let Some(Merged { region, service, .. }) = merged else {
        return if ours.is_some() { Ok(delete_service(head, name)?) } else { Ok(Vec::new()) };
    };
    let mut edits = put_service(head, region, ours.as_ref(), service, env)?;
    let Some(theirs) = theirs else { return Ok(edits) };
    let was = theirs.service(name)?;
    for edit in &mut edits {
        let Edit::Write(path, bytes) = edit else { continue };
        let is_again = was.as_ref().is_some_and(|was| match path {
            StatePath::Service(..) => *was.service == *service,
            StatePath::ServiceEnv(..) => was.env.as_deref() == env,
            _ => false,
        });
        if is_again && let Some(found) = theirs.bytes(path)? {
            *bytes = found;
        }
    }
    Ok(edits)
}

/// For each of `fields`, the newest commit of `walk`, from a head back to (not including) `since`, that
/// changed it in the service `name`.
pub fn who_changed(
    walk: impl IntoIterator<Item = Result<Commit, StateError>>,
    name: &ServiceRef,
    fields: &[Field],
    since: Option<&CommitId>,
) -> Result<Vec<Option<Rc<Commit>>>, StateError> {
    let mut found: Vec<Option<Rc<Commit>>> = vec![None; fields.len()];
    let mut newer: Option<(Rc<Commit>, Option<ServiceFiles>)> = None;
    for commit in walk {
        let commit = Rc::new(commit?);
        let files = commit.snapshot.service(name)?;
        if let Some((newer, was)) = newer.take() {
            note(&mut found, fields, &newer, files.as_ref(), was.as_ref());
        }
        if Some(&commit.id) == since || found.iter().all(Option::is_some) {
            return Ok(found);
        }
        newer = Some((commit, files));
    }
    // The first commit: before it there was nothing.
    if let Some((first, files)) = newer {
        note(&mut found, fields, &first, None, files.as_ref());
    }
    Ok(found)
}

/// Notes `commit` for the fields that it changed, where no newer one is noted.
fn note(
    found: &mut [Option<Rc<Commit>>],
    fields: &[Field],
    commit: &Rc<Commit>,
    before: Option<&ServiceFiles>,
    after: Option<&ServiceFiles>,
) {
    for (found, field) in found.iter_mut().zip(fields) {
        if found.is_none() && !field.is_same(before, after) {
            *found = Some(Rc::clone(commit));
        }
    }
}
