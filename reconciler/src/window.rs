//! What the revert window still names: a revert must find it there.

use inkstone_spec::{ProjectRef, ServiceRef};
use inkstone_state::history::Walk;
use inkstone_state::{Snapshot, StateError};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long what a commit names is kept.
pub const DAYS: i64 = 30;
/// How many commits of a service keep what they name, however old they are.
pub const COMMITS: usize = 50;

/// The names of the Secrets that the window names, by project.
pub type Named = BTreeMap<ProjectRef, BTreeSet<String>>;

/// Every environment that a commit of the window has, or the one before it: that is what undoing it
/// brings back.
pub fn named_secrets(live: &Snapshot, now: Timestamp) -> Result<Named, StateError> {
    let oldest = now - SignedDuration::from_hours(24 * DAYS);
    let mut seen: HashMap<ServiceRef, usize> = HashMap::new();
    let mut named = Named::new();
    for commit in Walk::from(live)? {
        let commit = commit?;
        let before = commit.before()?;
        for service in commit.services()? {
            let count = seen.entry(service.clone()).or_default();
            *count += 1;
            if *count > COMMITS && commit.time < oldest {
                continue;
            }
            for snapshot in [Some(&commit.snapshot), before.as_ref()].into_iter().flatten() {
                // What could not be read then names nothing that could be brought back.
                let Ok(Some(files)) = snapshot.service(&service) else { continue };
                let secret = files.env_secret();
                named.entry(service.project_ref()).or_default().extend(secret);
            }
        }
    }
    Ok(named)
}
