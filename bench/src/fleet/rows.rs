//! The deployments of the fleet, as the store has them.

use super::actor;
use super::services::Member;
use crate::server::Home;
use anyhow::Context as _;
use inkstone_spec::{CommitId, Revision, Trigger};
use inkstone_store::{NewDeployment, Outcome, Store};
use jiff::Timestamp;

/// Who works them off.
const WORKER: &str = "fleet";
/// How long it may take for one, in milliseconds.
const LEASE_MS: i64 = 60_000;

/// Queues and ends the deployment of every member.
pub(super) async fn fill(
    home: &Home,
    members: &[Member],
    state_commit: &CommitId,
) -> anyhow::Result<()> {
    let store = Store::open(&home.data().join("inkstone.db")).await?;
    let now = Timestamp::now().as_millisecond();
    for member in members {
        let new = NewDeployment {
            id: member.release.deployment.clone(),
            service: member.name.clone(),
            service_uid: member.uid.clone(),
            trigger: Trigger::GitPush,
            actor: actor()?,
            tool: "git push".to_owned(),
            request_id: member.uid.to_string(),
            revision: Revision::Commit {
                branch: member.branch.clone(),
                commit: member.release.source_commit.clone().context("nothing was built")?,
            },
            intent_hash: member.uid.to_string(),
            override_of: None,
        };
        store.enqueue(&new, now).await?;
        store.lease_next(WORKER, now, LEASE_MS, u32::MAX).await?;
        let outcome = Outcome::Committed {
            state_commit: state_commit.clone(),
            image: member.release.image.clone(),
        };
        store.finish(&new.id, WORKER, &outcome, now).await?;
    }
    store.close().await;
    Ok(())
}
