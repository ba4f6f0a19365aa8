//! Making a commit object: signed, reproducible from its inputs.

use crate::message::Message;
use crate::objects::Overlay;
use crate::{Edit, Signer, StateError};
use gix::ObjectId;
use gix::actor::Signature;
use gix::objs::{Commit, Kind, Write, WriteTo};
use jiff::Timestamp;

/// How Inkstone signs as committer. A commit with this address claims to be Inkstone's.
pub(crate) const COMMITTER_NAME: &str = "Inkstone";
pub(crate) const COMMITTER_EMAIL: &str = "inkstone@inkstone.dev";
/// Where the addresses of keys live; nobody receives mail there.
pub(crate) const KEY_DOMAIN: &str = "keys.inkstone.dev";

/// One change of the state repo, planned: what to say and what to edit.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The commit's message; its actor becomes the author.
    pub message: Message,
    /// The files that change.
    pub edits: Vec<Edit>,
}

/// Writes the commit of `tree` on `parent` into `overlay`.
pub(crate) fn write(
    overlay: &Overlay<'_>,
    tree: ObjectId,
    parent: Option<ObjectId>,
    message: &Message,
    signer: &Signer,
    now: Timestamp,
) -> Result<ObjectId, StateError> {
    let time = gix::date::Time::new(now.as_second(), 0);
    let mut commit = Commit {
        tree,
        parents: parent.into_iter().collect(),
        author: Signature {
            name: message.actor.as_str().into(),
            email: format!("{}@{KEY_DOMAIN}", message.actor).into(),
            time,
        },
        committer: Signature { name: COMMITTER_NAME.into(), email: COMMITTER_EMAIL.into(), time },
        encoding: None,
        message: message.to_string().into(),
        extra_headers: Vec::new(),
    };
    let mut payload = Vec::new();
    commit
        .write_to(&mut payload)
        .map_err(|error| StateError::Git { what: "writing a commit", reason: error.to_string() })?;
    let signature = signer.sign(&payload)?;
    commit.extra_headers.push(("gpgsig".into(), signature.trim_end().into()));
    let mut bytes = Vec::new();
    commit
        .write_to(&mut bytes)
        .map_err(|error| StateError::Git { what: "writing a commit", reason: error.to_string() })?;
    overlay.write_buf(Kind::Commit, &bytes).map_err(StateError::git("writing a commit"))
}
