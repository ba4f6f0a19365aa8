//! Pushes that were stored and not queued, because of a crash or because something failed at that moment,
//! are found again by looking at the world.

use crate::admin::SERVER;
use crate::caller::request_id;
use crate::queue::Origin;
use crate::services::names_in;
use crate::{Deployer, Refusal};
use inkstone_spec::{
    CommitId, KeyName, RepoRef, Revision, Service, ServiceRef, Source, WorkspaceName,
};
use inkstone_state::{ServiceFiles, Snapshot};
use std::sync::Arc;
use std::time::Duration;

/// Through what.
const TOOL: &str = "inkstone serve";

/// How long after a push could not be queued it is looked for, and how long after that in vain.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_mins(1);

/// What was found.
struct Found {
    /// How many pushes were queued.
    queued: usize,
    /// How many could not be.
    failed: usize,
}

impl Deployer {
    /// Looks for pushes that were not queued: now, and again whenever one could not be. Never ends.
    pub async fn keep_resuming(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_all = match self.resume().await {
                Ok(Found { queued, failed }) => {
                    if queued > 0 {
                        tracing::info!(queued, "found pushes that were not deployed yet");
                    }
                    failed == 0
                }
                Err(refusal) => {
                    tracing::error!(%refusal, "could not look for lost pushes");
                    false
                }
            };
            if is_all {
                pause = FIRST_PAUSE;
                self.inner.missed.notified().await;
            }
            tokio::time::sleep(pause).await;
            if !is_all {
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }

    /// Queues a deployment for every service whose branch points at a commit that was neither queued nor
    /// deployed: a push that was stored just before a crash. What was undone stays so.
    async fn resume(&self) -> Result<Found, Refusal> {
        self.intents_changed().await?;
        drop(self.indexed().await?);
        // Everything is looked at once: what was read for that is forgotten again at the end.
        let (snapshot, workspaces) = self
            .with_state(|state| {
                let snapshot = state.main_apart()?;
                let workspaces: Vec<_> = snapshot.workspaces()?.into_keys().collect();
                Ok((snapshot, workspaces))
            })
            .await?;
        let mut lost: Vec<(ServiceRef, Revision)> = Vec::new();
        // One workspace after another: all services together would fill the memory.
        for workspace in workspaces {
            let all = snapshot.clone();
            let services = self.with_state(move |_| services_of(&all, &workspace)).await?;
            for service in services {
                if let Some(missed) = self.missed(&service).await? {
                    lost.push((service.metadata.service_ref(), missed));
                }
            }
        }
        drop(snapshot);
        let mut pushes = Found { queued: 0, failed: 0 };
        for (name, missed) in lost {
            let found = self.with_state(move |state| Ok(state.main()?.service(&name)?)).await?;
            let Some(files) = found else { continue };
            match self.event(nobody()?, &files, missed).await {
                Ok(Ok(_)) => pushes.queued += 1,
                Ok(Err(_)) => {}
                Err(refusal) => {
                    let service = files.service.metadata.service_ref();
                    tracing::error!(%refusal, %service, "a lost push was not queued");
                    pushes.failed += 1;
                }
            }
        }
        Ok(pushes)
    }

    /// The same for what others changed in the state repo by hand between two of its commits.
    pub(crate) async fn resume_changed(
        &self,
        old: Option<CommitId>,
        new: CommitId,
    ) -> Result<(), Refusal> {
        for service in self.changed_by_hand(old, new).await?.into_values() {
            if let Some((files, missed)) = self.missed_by(&service).await? {
                drop(self.event(nobody()?, &files, missed).await?);
            }
        }
        Ok(())
    }

    /// A service as it is now and what it missed, if it did: as one that was deleted misses a push, and is
    /// told of it when it comes back.
    pub(crate) async fn missed_by(
        &self,
        service: &Service,
    ) -> Result<Option<(ServiceFiles, Revision)>, Refusal> {
        let Some(missed) = self.missed(service).await? else { return Ok(None) };
        let name = service.metadata.service_ref();
        let found = self.with_state(move |state| Ok(state.main()?.service(&name)?)).await?;
        Ok(found.map(|files| (files, missed)))
    }

    /// What the service's source says that was neither queued nor deployed: where its branch points, or its
    /// image.
    async fn missed(&self, service: &Service) -> Result<Option<Revision>, Refusal> {
        let name = service.metadata.service_ref();
        let wanted = match &service.spec.source {
            Source::Image { image } => Some(Revision::Image(image.clone())),
            Source::Branch(branch) => {
                let repo = RepoRef { workspace: name.workspace.clone(), repo: branch.repo.clone() };
                match self.inner.repos.branch_head(&repo, &branch.branch).await {
                    Ok(head) => {
                        head.map(|commit| Revision::Commit { branch: branch.clone(), commit })
                    }
                    Err(error) => {
                        // One repository that is gone must not hide what others lost.
                        tracing::error!(%error, service = %name, "could not look for a lost push");
                        None
                    }
                }
            }
        };
        let Some(wanted) = wanted else { return Ok(None) };
        if service.release.as_ref().is_some_and(|release| release.is_of(&wanted)) {
            return Ok(None);
        }
        let latest = self.inner.store.latest(&name).await?;
        let is_known = latest.is_some_and(|latest| {
            latest.service_uid == service.metadata.uid && latest.revision.is_same(&wanted)
        });
        Ok((!is_known).then_some(wanted))
    }
}

/// Who acts where nobody asked anew.
fn nobody() -> Result<Origin, Refusal> {
    Ok(Origin { actor: KeyName::new(SERVER)?, tool: TOOL.to_owned(), request_id: request_id() })
}

fn services_of(
    snapshot: &Snapshot,
    workspace: &WorkspaceName,
) -> Result<Vec<Arc<Service>>, Refusal> {
    let mut all = Vec::new();
    for name in names_in(snapshot, workspace)? {
        all.extend(snapshot.intent(&name)?.map(|(_, service)| service));
    }
    Ok(all)
}
