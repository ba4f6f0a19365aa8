//! After a start: events that a crash swallowed are found again by looking at the world.

use crate::caller::request_id;
use crate::queue::Origin;
use crate::services::names_in;
use crate::{Deployer, Refusal};
use inkstone_spec::{CommitId, KeyName, RepoRef, ServiceRef, Trigger};
use inkstone_state::{ServiceFiles, Snapshot, history};
use std::collections::HashSet;

/// Who acts when nobody asked anew.
const ACTOR: &str = "inkstone";
/// Through what.
const TOOL: &str = "inkstone serve";

impl Deployer {
    /// Queues a deployment for every service whose branch points at a commit that was neither queued nor
    /// deployed: a push that was stored just before a crash. Returns how many there were.
    pub async fn resume(&self) -> Result<usize, Refusal> {
        let services = self.with_state(|state| all_services(&state.main()?)).await?;
        let mut lost: Vec<(ServiceFiles, CommitId)> = Vec::new();
        for files in services {
            let name = files.service.metadata.service_ref();
            let source = &files.service.spec.source;
            let repo = RepoRef { workspace: name.workspace.clone(), repo: source.repo.clone() };
            let Some(head) = self.inner.repos.branch_head(&repo, &source.branch).await? else {
                continue;
            };
            if files.service.release.as_ref().is_some_and(|r| r.source_commit == head) {
                continue;
            }
            let latest = self.inner.store.latest(&name).await?;
            if latest.is_none_or(|d| {
                d.service_uid != files.service.metadata.uid || d.source_commit != head
            }) {
                lost.push((files, head));
            }
        }
        if lost.is_empty() {
            return Ok(0);
        }
        // A commit that was deployed once and is not now was undone by somebody: it stays undone.
        let deployed = self.with_state(|state| deployed_ever(&state.main()?)).await?;
        let mut queued = 0;
        for (files, head) in lost {
            let name = files.service.metadata.service_ref();
            if deployed.contains(&(name.clone(), head.clone())) {
                continue;
            }
            let origin = Origin {
                actor: KeyName::new(ACTOR)?,
                tool: TOOL.to_owned(),
                request_id: request_id(),
            };
            self.enqueue_as(origin, &files, Trigger::GitPush, head).await?;
            queued += 1;
        }
        Ok(queued)
    }
}

fn all_services(snapshot: &Snapshot) -> Result<Vec<ServiceFiles>, Refusal> {
    let mut all = Vec::new();
    for workspace in snapshot.workspaces()?.into_keys() {
        for name in names_in(snapshot, &workspace)? {
            all.extend(snapshot.service(&name)?);
        }
    }
    Ok(all)
}

/// Every source commit that any service was ever deployed at.
fn deployed_ever(snapshot: &Snapshot) -> Result<HashSet<(ServiceRef, CommitId)>, Refusal> {
    let mut all = HashSet::new();
    for commit in history::Walk::from(snapshot)? {
        let commit = commit?;
        if let Some(claim) = commit.claim()
            && let (Some(service), Some(source)) = (&claim.service, &claim.source_commit)
        {
            all.insert((service.clone(), source.clone()));
        }
    }
    Ok(all)
}
