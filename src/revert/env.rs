//! The sealed env of a service whose change is undone.

use anyhow::{Context as _, bail};
use inkstone_secrets::{EnvFile, Identities, open, seal_merged};
use inkstone_spec::Recipient;
use inkstone_state::Snapshot;
use inkstone_state::undo::{EnvMerge, Merged, Sides};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The env file that the service gets at `head`. Values are opened only where there is no other way:
/// that takes an identity.
pub(super) fn env(
    head: &Snapshot,
    sides: &Sides,
    merged: Option<&Merged>,
    identity: Option<&Path>,
) -> anyhow::Result<Option<EnvFile>> {
    let Some(merged) = merged else { return Ok(None) };
    let [ours, theirs] = [&sides.ours, &sides.theirs]
        .map(|side| side.as_ref().and_then(|files| files.env.as_deref()));
    let cluster = head.cluster(&merged.region)?.context("the service's region has no cluster")?;
    let recipients: BTreeSet<Recipient> = cluster.spec.recipients.iter().cloned().collect();
    let why = match &merged.env {
        EnvMerge::Ours => return Ok(ours.cloned()),
        EnvMerge::Absent => return Ok(None),
        EnvMerge::Theirs => {
            let sealed_to = theirs.map(|env| env.recipients().cloned().collect::<BTreeSet<_>>());
            if sealed_to.is_none_or(|sealed_to| sealed_to == recipients) {
                return Ok(theirs.cloned());
            }
            "who can open sealed values has changed since"
        }
        EnvMerge::Mixed { .. } => "other variables were changed since",
    };
    let Some(identity) = identity else {
        bail!(
            "the env has to be opened and sealed again, because {why}: say --identity FILE with an age identity that opens it (the server's age-identity.txt, or that of another recipient); nothing was changed"
        );
    };
    let identities = Identities::load(identity).map_err(|error| {
        let suggestion = error.suggestion();
        anyhow::Error::new(error).context(suggestion)
    })?;
    let values = |file: Option<&EnvFile>| {
        let Some(file) = file else { return Ok(BTreeMap::new()) };
        open(file, &identities).with_context(|| {
            format!("{} does not open the env; nothing was changed", identity.display())
        })
    };
    let (keep, values) = match &merged.env {
        EnvMerge::Mixed { .. } => (ours, merged.env.values(values(ours)?, values(theirs)?)),
        _ => (theirs, values(theirs)?),
    };
    let now = jiff::Timestamp::now();
    let sealed = seal_merged(keep, theirs, &values, &identities, &recipients, now);
    sealed.context("the env could not be sealed; nothing was changed")
}
