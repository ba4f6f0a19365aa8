//! Taking a commit's message apart.

use super::Actor;
use crate::lookalike::{lines, read_as};
use inkstone_spec::{CommitId, DeploymentId, Digest, ServiceRef};
use std::fmt;
use std::str::FromStr;

/// What every trailer that only Inkstone may write starts with.
const CLAIM_PREFIX: &str = "Inkstone-";
/// The trailer by which an operator allows a push to remove many services.
const ALLOW_REMOVAL: (&str, &str) = ("Allow-Removal", "yes");

/// What the trailers of a commit claim, read back from its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// `Inkstone-Action`.
    pub action: Option<String>,
    /// `Inkstone-Service`.
    pub service: Option<ServiceRef>,
    /// `Inkstone-Deployment`.
    pub deployment: Option<DeploymentId>,
    /// `Inkstone-Actor`.
    pub actor: Option<Actor>,
    /// `Inkstone-Tool`.
    pub tool: Option<String>,
    /// `Source-Repo`, as it is written.
    pub source_repo: Option<String>,
    /// `Source-Commit`.
    pub source_commit: Option<CommitId>,
    /// `Image`.
    pub image: Option<Digest>,
}

/// A message, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadMessage {
    /// The first line.
    pub(crate) subject: String,
    /// Whether any line starts like a trailer that only Inkstone may write.
    pub(crate) claims: bool,
    /// The trailers, or what is wrong with them.
    pub(crate) claim: Result<Claim, String>,
    /// Whether it allows a large removal.
    pub(crate) allows_removal: bool,
}

/// Takes a commit message apart. Only the last paragraph holds trailers (git-interpret-trailers(1)); a
/// line elsewhere that looks like one of Inkstone's still counts as a claim, so it cannot mislead.
pub(crate) fn read(message: &str) -> ReadMessage {
    let prefix = read_as(CLAIM_PREFIX);
    let claims = lines(message).any(|line| read_as(line).trim_start().starts_with(&prefix));
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let pairs = last.lines().filter_map(|line| line.split_once(": "));
    let allows_removal = pairs.clone().any(|pair| pair == ALLOW_REMOVAL);
    let mut claim = Claim::default();
    let mut wrong = None;
    for (key, value) in pairs {
        let result = match key {
            "Inkstone-Action" => set(&mut claim.action, value),
            "Inkstone-Service" => set(&mut claim.service, value),
            "Inkstone-Deployment" => set(&mut claim.deployment, value),
            "Inkstone-Actor" => set(&mut claim.actor, value),
            "Inkstone-Tool" => set(&mut claim.tool, value),
            "Source-Repo" => set(&mut claim.source_repo, value),
            "Source-Commit" => set(&mut claim.source_commit, value),
            "Image" => set(&mut claim.image, value),
            unknown if unknown.starts_with(CLAIM_PREFIX) => {
                Err("is not a trailer of Inkstone's".to_owned())
            }
            _ => Ok(()),
        };
        if let Err(reason) = result {
            wrong.get_or_insert(format!("trailer {key} {reason}"));
        }
    }
    ReadMessage {
        subject: message.lines().next().unwrap_or_default().to_owned(),
        claims,
        claim: wrong.map_or(Ok(claim), Err),
        allows_removal,
    }
}

fn set<T: FromStr<Err: fmt::Display>>(slot: &mut Option<T>, value: &str) -> Result<(), String> {
    if slot.is_some() {
        return Err("appears twice".to_owned());
    }
    *slot = Some(value.parse().map_err(|error| format!("is not valid: {error}"))?);
    Ok(())
}
