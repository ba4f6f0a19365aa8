//! What one commit did and who did it, as people read it.

use crate::check::{diff, is_vouched_for, says_inkstones};
use crate::history::Commit;
use crate::{Snapshot, StateError};
use inkstone_spec::{CommitId, DeploymentId, Host, KeyName, Owner, Release, StatePath, yaml};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// One commit in a list of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The commit.
    pub commit: CommitId,
    /// When, by the clock of whoever committed.
    pub at: Timestamp,
    /// Who did it.
    pub by: By,
    /// What it changed.
    pub owners: BTreeSet<Owner>,
    /// The deployment whose release it brings.
    pub deployment: Option<DeploymentId>,
    /// The source commit of that release.
    pub source_commit: Option<CommitId>,
    /// The first line of its message, as it was written.
    pub subject: String,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Inkstone, as a key of the state before vouches.
    Inkstone {
        /// `Inkstone-Action`.
        action: String,
        /// For whom.
        actor: KeyName,
        /// Through what.
        tool: String,
    },
    /// A person, by the name that git has.
    Person(String),
    /// Somebody who says to be Inkstone, or on whose behalf it acts, with nothing to show for it.
    Nobody(String),
}

impl Entry {
    /// Reads what `commit` did.
    pub fn read(commit: &Commit) -> Result<Self, StateError> {
        let before = commit.before()?;
        let before = before.as_ref();
        let owners = owners(before, &commit.snapshot)?;
        let (mut deployment, mut source_commit) = (None, None);
        let by = by(commit, before)?;
        if let (By::Inkstone { .. }, Some(claim)) = (&by, commit.claim()) {
            (deployment, source_commit) = (claim.deployment.clone(), claim.source_commit.clone());
        } else if let Some(release) = brought(before, &commit.snapshot, &owners)? {
            (deployment, source_commit) = (Some(release.deployment), release.source_commit);
        }
        Ok(Self {
            commit: commit.id.clone(),
            at: commit.time,
            by,
            owners,
            deployment,
            source_commit,
            subject: commit.subject().to_owned(),
        })
    }
}

fn by(commit: &Commit, before: Option<&Snapshot>) -> Result<By, StateError> {
    if !says_inkstones(commit) {
        return Ok(By::Person(commit.author.clone()));
    }
    let claim = commit
        .claim()
        .and_then(|claim| Some((claim.action.clone()?, claim.actor.clone()?, claim.tool.clone()?)));
    Ok(match claim {
        Some((action, actor, tool)) if is_vouched_for(commit, before)? => {
            By::Inkstone { action, actor, tool }
        }
        _ => By::Nobody(commit.author.clone()),
    })
}

/// Whose files differ between two states. A file that is none of the layout is nobody's.
fn owners(before: Option<&Snapshot>, after: &Snapshot) -> Result<BTreeSet<Owner>, StateError> {
    let objects = after.objects();
    let mut owners = BTreeSet::new();
    for file in diff(objects, before.map(Snapshot::tree), after.tree())? {
        let Ok(path) = file.path.parse::<StatePath>() else { continue };
        owners.extend(path.owner());
        if let StatePath::Host(_) = path {
            for entry in [file.old, file.new].into_iter().flatten() {
                let (_, bytes) = objects.find(entry.id)?;
                let claim = yaml::parse::<Host>(&bytes);
                owners.extend(claim.ok().map(|claim| Owner::Service(claim.spec.service_ref())));
            }
        }
    }
    Ok(owners)
}

/// The release that a service has now and had not before. Files that cannot be read bring none.
fn brought(
    before: Option<&Snapshot>,
    after: &Snapshot,
    owners: &BTreeSet<Owner>,
) -> Result<Option<Release>, StateError> {
    for owner in owners {
        let Owner::Service(name) = owner else { continue };
        let release = |snapshot: &Snapshot| -> Result<Option<Release>, StateError> {
            let intent = crate::check::if_readable(snapshot.intent(name))?;
            Ok(intent.and_then(|(_, service)| service.release.clone()))
        };
        let was = before.map(release).transpose()?.flatten();
        let is = release(after)?;
        if is.is_some() && is != was {
            return Ok(is);
        }
    }
    Ok(None)
}
