//! Whose a commit is: what its signature proves and its trailers say.

use super::action::{Change, disagreement};
use super::finding::{Finding, Rule, if_readable};
use crate::commit::{COMMITTER_EMAIL, COMMITTER_NAME, KEY_DOMAIN};
use crate::history::Commit;
use crate::lookalike::read_as;
use crate::signature::is_signed_by;
use crate::{Snapshot, StateError};
use gix::hash::Kind::Sha1;

/// Whether a key of `inkstone.yaml` signed the commit. A commit cannot vouch for itself: the keys that
/// count are those before it, except for the first one, which everything else rests on.
pub(crate) fn is_vouched_for(
    commit: &Commit,
    parent: Option<&Snapshot>,
) -> Result<bool, StateError> {
    let inkstone = parent.unwrap_or(&commit.snapshot).inkstone().map(Some);
    let Some(inkstone) = if_readable(inkstone)? else { return Ok(false) };
    let signature = gix::objs::CommitRefIter::signature(&commit.raw, Sha1).ok().flatten();
    Ok(signature.is_some_and(|(signature, payload)| {
        is_signed_by(&inkstone.spec.signing_keys, &payload.to_bstring(), &signature)
    }))
}

/// Whether the commit is Inkstone's own; findings where it only says so.
pub(super) fn check_claim(
    commit: &Commit,
    change: &Change<'_>,
    findings: &mut Vec<Finding>,
) -> Result<bool, StateError> {
    if let Some(encoding) = &commit.encoding {
        // Git shows such a message converted: words of Inkstone's can appear that no byte search finds.
        findings.push(Finding::of(
            Rule::Trailer,
            format!("its message is in the encoding {encoding}, not in UTF-8"),
        ));
    }
    if !says_inkstones(commit) {
        if change.old.is_none() {
            findings.push(Finding::of(Rule::Signature, "the first commit must be Inkstone's own"));
        }
        return Ok(false);
    }
    if !is_vouched_for(commit, change.old)? {
        findings.push(Finding::of(
            Rule::Signature,
            "claims to be Inkstone's but no key of inkstone.yaml signed it",
        ));
        return Ok(false);
    }
    let wrong = match &commit.message.claim {
        Err(reason) => Some(reason.clone()),
        Ok(claim) => disagreement(change, claim)?,
    };
    findings.extend(wrong.map(|reason| Finding::of(Rule::Trailer, reason)));
    Ok(true)
}

/// Whether the commit says that it is Inkstone's own, or reads as if it did.
pub(crate) fn says_inkstones(commit: &Commit) -> bool {
    commit.message.claims
        || commit.emails.iter().any(|email| is_inkstones_address(email))
        || commit.names.iter().any(|name| is_inkstones_name(name))
}

fn is_inkstones_address(email: &str) -> bool {
    // Wherever it stands: a reader takes it for the address.
    let email = read_as(email);
    email.contains(COMMITTER_EMAIL) || email.contains(KEY_DOMAIN)
}

fn is_inkstones_name(name: &str) -> bool {
    let letters: String = read_as(name).chars().filter(|c| c.is_alphanumeric()).collect();
    letters == read_as(COMMITTER_NAME)
}
