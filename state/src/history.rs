//! The history of the state repo: a line of commits, newest first.

use crate::check::{diff, is_vouched_for};
use crate::message::{Claim, DEPLOY, ReadMessage, read};
use crate::objects::Objects;
use crate::{Snapshot, StateError};
use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::CommitRef;
use inkstone_spec::{CommitId, DeploymentId, Owner, ServiceRef, StatePath};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

pub use crate::entry::{By, Entry};
pub use crate::verify::{Verified, verify};

/// How far Inkstone's own clock may have been put back, in seconds.
const CLOCK_STEP: i64 = 60 * 60;

/// One commit, read.
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// The state repo at this commit.
    pub snapshot: Snapshot,
    /// Who asked.
    pub author: String,
    /// When.
    pub time: Timestamp,
    pub(crate) parents: Vec<ObjectId>,
    /// The names of author and committer.
    pub(crate) names: [String; 2],
    /// Their addresses.
    pub(crate) emails: [String; 2],
    /// What its message is written in, where it says so.
    pub(crate) encoding: Option<String>,
    pub(crate) message: ReadMessage,
    pub(crate) raw: Vec<u8>,
}

impl Commit {
    /// The first line of its message.
    pub fn subject(&self) -> &str {
        &self.message.subject
    }

    /// What its trailers claim; `None` where they are not valid. Whether the claim is honest is for
    /// [`check_commit`] to say.
    pub fn claim(&self) -> Option<&Claim> {
        self.message.claim.as_ref().ok()
    }

    /// The state before it; `None` for the first one.
    pub fn before(&self) -> Result<Option<Snapshot>, StateError> {
        let objects = self.snapshot.objects();
        let parent = self.parents.first().map(|id| read_commit(objects, *id)).transpose()?;
        Ok(parent.map(|parent| parent.snapshot))
    }

    /// The services that have a file which it changes.
    pub fn services(&self) -> Result<BTreeSet<ServiceRef>, StateError> {
        let before = self.before()?.map(|before| before.tree());
        let files = diff(self.snapshot.objects(), before, self.snapshot.tree())?;
        let owners = files.iter().filter_map(|file| file.path.parse::<StatePath>().ok()?.owner());
        let service = |owner| if let Owner::Service(name) = owner { Some(name) } else { None };
        Ok(owners.filter_map(service).collect())
    }
}

pub(crate) fn commit_id(id: ObjectId) -> Result<CommitId, StateError> {
    CommitId::new(id.to_string())
        .map_err(|error| StateError::Git { what: "reading a commit id", reason: error.to_string() })
}

pub(crate) fn object_id(id: &CommitId) -> Result<ObjectId, StateError> {
    ObjectId::from_hex(id.as_str().as_bytes())
        .map_err(|error| StateError::Git { what: "reading a commit id", reason: error.to_string() })
}

/// Reads one commit.
pub(crate) fn read_commit(objects: &Arc<Objects>, id: ObjectId) -> Result<Commit, StateError> {
    let failed = || StateError::git("reading a commit");
    let (_, raw) = objects.find(id)?;
    let parsed = CommitRef::from_bytes(&raw, Sha1).map_err(failed())?;
    let (author, committer) =
        (parsed.author().map_err(failed())?, parsed.committer().map_err(failed())?);
    let seconds = committer.time().map_err(failed())?.seconds;
    let commit = commit_id(id)?;
    Ok(Commit {
        snapshot: Snapshot::new(Arc::clone(objects), Some(commit.clone()), parsed.tree()),
        id: commit,
        author: author.name.to_string(),
        time: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
        parents: parsed.parents().collect(),
        names: [author.name.to_string(), committer.name.to_string()],
        emails: [author.email.to_string(), committer.email.to_string()],
        encoding: parsed.encoding.map(ToString::to_string),
        message: read(&String::from_utf8_lossy(parsed.message)),
        raw: raw.clone(),
    })
}

/// A walk from a commit towards the first one.
pub struct Walk {
    objects: Arc<Objects>,
    next: Option<ObjectId>,
}

impl Walk {
    /// Starts at `snapshot`'s commit; files that were never committed have no history.
    pub fn from(snapshot: &Snapshot) -> Result<Self, StateError> {
        let next = snapshot.commit().map(object_id).transpose()?;
        Ok(Self { objects: Arc::clone(snapshot.objects()), next })
    }

    pub(crate) fn at(objects: &Arc<Objects>, commit: ObjectId) -> Self {
        Self { objects: Arc::clone(objects), next: Some(commit) }
    }
}

impl Iterator for Walk {
    type Item = Result<Commit, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next.take()?;
        let commit = read_commit(&self.objects, id);
        if let Ok(commit) = &commit {
            self.next = commit.parents.first().copied();
        }
        Some(commit)
    }
}

/// The commit of a deployment, if Inkstone made it: looked for from `snapshot` back to `since`, before
/// which the deployment did not exist. One that only brings its release back is another.
pub fn find_deployment(
    snapshot: &Snapshot,
    deployment: &DeploymentId,
    since: Timestamp,
) -> Result<Option<CommitId>, StateError> {
    let since = since.as_second().saturating_sub(CLOCK_STEP);
    for commit in Walk::from(snapshot)? {
        let commit = commit?;
        let names_it = commit.claim().is_some_and(|claim| {
            claim.action.as_deref() == Some(DEPLOY) && claim.deployment.as_ref() == Some(deployment)
        });
        // Only Inkstone's own commits tell its time: an operator's clock may be anywhere.
        let is_old = commit.message.claims && commit.time.as_second() < since;
        if (names_it || is_old) && is_vouched_for(&commit, commit.before()?.as_ref())? {
            return Ok(names_it.then_some(commit.id));
        }
    }
    Ok(None)
}
