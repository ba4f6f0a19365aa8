//! Between which points of history a service is taken back.

use super::Rollback;
use crate::history_index::Indexed;
use crate::services::{existing_service, short};
use crate::{Deployer, Refusal};
use inkstone_spec::{CommitId, CommitPrefix, DeploymentId, Service, ServiceRef};
use inkstone_state::history::Walk;
use inkstone_state::undo::{Field, differing};
use inkstone_state::{ServiceFiles, Snapshot};
use inkstone_store::HistoryCommit;

/// Where a merge goes from and to.
pub(super) struct Points {
    /// With what is undone; `None`: as it is now.
    pub(super) base: Option<Snapshot>,
    /// Without it; `None`: before the first commit.
    pub(super) theirs: Option<Snapshot>,
    /// The commit that the wish comes down to.
    pub(super) to: CommitId,
    current: Current,
}

/// The release for which points were looked up.
enum Current {
    /// They are the same for any.
    Any,
    /// The one of this deployment, or none.
    Is(Option<DeploymentId>),
}

impl Points {
    /// Goes on only if the service still has the release for which the points were looked up.
    pub(super) fn refuse_newer_release(&self, service: &Service) -> Result<(), Refusal> {
        let Current::Is(expected) = &self.current else { return Ok(()) };
        let current = service.release.as_ref().map(|release| &release.deployment);
        if current == expected.as_ref() {
            return Ok(());
        }
        Err(Refusal::new(
            "release_changed",
            "The service got another release in this moment.",
            "Look at it with get_service, then try again; nothing was changed.",
        ))
    }
}

impl Deployer {
    /// Looks the points up in what is live.
    pub(super) async fn points(&self, name: &ServiceRef, to: &Rollback) -> Result<Points, Refusal> {
        let index = self.indexed().await?;
        let head = self.inner.state.at(&index.head)?;
        let past = Past { deployer: self, name, head, _index: index };
        match to {
            Rollback::Undo(commit) => {
                let to = past.commit(commit).await?.state_commit;
                let base = self.inner.state.at(&to)?;
                let theirs = parent(&base)?;
                Ok(Points { base: Some(base), theirs, to, current: Current::Any })
            }
            Rollback::ToCommit(commit) => {
                let to = past.commit(commit).await?;
                let (current, deploy) = past.current().await?;
                // From before the current release: what was changed beside the release since stays.
                let base = deploy.filter(|deploy| to.position < deploy.position);
                let to = to.state_commit;
                Ok(Points {
                    base: base.map(|deploy| deploy.snapshot),
                    theirs: Some(self.inner.state.at(&to)?),
                    to,
                    current: Current::Is(current),
                })
            }
            Rollback::ToDeployment(deployment) => {
                existing_service(&past.head, name)?;
                let theirs = past.deploy(deployment).await?.ok_or_else(|| {
                    Refusal::not_found(
                        "release of deployment",
                        deployment,
                        "Only a committed deployment of this service made one: get_service_history lists them.",
                    )
                })?;
                past.to_release(theirs).await
            }
            Rollback::Previous => {
                let service = existing_service(&past.head, name)?.service;
                let theirs = past.previous(&service).await?.ok_or_else(|| {
                    Refusal::new(
                        "no_previous_release",
                        format!(
                            "Service {} has no release before the one that it has.",
                            short(name)
                        ),
                        "Name to_commit or undo_commit; get_service_history lists its commits.",
                    )
                })?;
                past.to_release(theirs).await
            }
        }
    }
}

/// The history of a service up to one commit of `live`, which the index has.
struct Past<'a> {
    deployer: &'a Deployer,
    name: &'a ServiceRef,
    head: Snapshot,
    _index: Indexed<'a>,
}

/// A deploy of the service: its place in history, and the state at it.
struct Deploy {
    position: i64,
    snapshot: Snapshot,
}

impl Past<'_> {
    /// The commit of this history that begins so. One that touched others alone is as good as absent: they
    /// may be somebody else's.
    async fn commit(&self, wanted: &CommitPrefix) -> Result<HistoryCommit, Refusal> {
        let found = self.deployer.inner.store.service_commits(self.name, wanted).await?;
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(commit), None) => Ok(commit),
            (Some(commit), Some(other)) => Err(Refusal::new(
                "invalid_argument",
                format!(
                    "Both {} and {} begin with {wanted}.",
                    commit.state_commit, other.state_commit
                ),
                "Name the one that is meant by more of its digits; nothing was changed.",
            )),
            (None, _) => {
                // A name that was mistyped is the likelier mistake.
                existing_service(&self.head, self.name)?;
                Err(Refusal::not_found(
                    &format!("state commit of service {}", short(self.name)),
                    wanted,
                    "get_service_history lists those that touched the service.",
                ))
            }
        }
    }

    /// The deploy that made the release of a deployment; `None` where the service has no such deploy.
    async fn deploy(&self, deployment: &DeploymentId) -> Result<Option<Deploy>, Refusal> {
        let found = self.deployer.inner.store.deploy_of(self.name, deployment).await?;
        let Some(HistoryCommit { position, state_commit }) = found else { return Ok(None) };
        Ok(Some(Deploy { position, snapshot: self.deployer.inner.state.at(&state_commit)? }))
    }

    /// The release that the service has, and its deploy.
    async fn current(&self) -> Result<(Option<DeploymentId>, Option<Deploy>), Refusal> {
        let Some((_, service)) = self.head.intent(self.name)? else { return Ok((None, None)) };
        let Some(release) = &service.release else { return Ok((None, None)) };
        Ok((Some(release.deployment.clone()), self.deploy(&release.deployment).await?))
    }

    /// The newest release before the current one that was another: its deploy. Deploying the same again
    /// is no release that anybody would want to leave.
    async fn previous(&self, service: &Service) -> Result<Option<Deploy>, Refusal> {
        let Some(current) = self.current().await?.1 else { return Ok(None) };
        let is = current.snapshot.service(self.name)?;
        let mut deploy = current;
        loop {
            let Some(before) = parent(&deploy.snapshot)? else { return Ok(None) };
            let Some((_, was)) = before.intent(self.name)? else { return Ok(None) };
            let Some(release) = &was.release else { return Ok(None) };
            if was.metadata != service.metadata {
                return Ok(None);
            }
            let found = self.deploy(&release.deployment).await?;
            let Some(found) = found.filter(|found| found.position < deploy.position) else {
                return Ok(None);
            };
            if !runs_the_same(found.snapshot.service(self.name)?.as_ref(), is.as_ref()) {
                return Ok(Some(found));
            }
            deploy = found;
        }
    }

    async fn to_release(&self, theirs: Deploy) -> Result<Points, Refusal> {
        let (current, base) = self.current().await?;
        let theirs = theirs.snapshot;
        let no_commit = || Refusal::internal("a state has no commit", &"a deploy");
        Ok(Points {
            base: base.map(|deploy| deploy.snapshot),
            to: theirs.commit().cloned().ok_or_else(no_commit)?,
            theirs: Some(theirs),
            current: Current::Is(current),
        })
    }
}

/// Whether two releases run the same image as the same service.
fn runs_the_same(a: Option<&ServiceFiles>, b: Option<&ServiceFiles>) -> bool {
    let image = |files: Option<&ServiceFiles>| {
        let release = files?.service.release.as_ref()?;
        Some((release.image.clone(), release.port, release.user))
    };
    image(a) == image(b) && differing(a, b).iter().all(|field| *field == Field::Release)
}

/// The state before the commit of `snapshot`.
fn parent(snapshot: &Snapshot) -> Result<Option<Snapshot>, Refusal> {
    Ok(Walk::from(snapshot)?.nth(1).transpose()?.map(|commit| commit.snapshot))
}
