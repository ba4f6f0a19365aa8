//! Between which points of history a service is taken back.

use crate::Refusal;
use crate::services::{existing_service, short};
use inkstone_spec::{CommitId, DeploymentId, Service, ServiceRef};
use inkstone_state::history::{Walk, find_deployment};
use inkstone_state::undo::{Field, differing};
use inkstone_state::{ServiceFiles, Snapshot, StateRepo};
use jiff::Timestamp;

/// Where a service should go back to, its commit looked up.
pub(super) enum Target {
    /// The release before the one that it has.
    Previous,
    /// The release that a deployment made.
    ToDeployment(DeploymentId),
    /// How it was at a commit that touched it.
    ToCommit(CommitId),
    /// How it would be without one of these.
    Undo(CommitId),
}

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

/// Looks the points up in the history of `head`.
pub(super) fn points(
    state: &StateRepo,
    head: &Snapshot,
    name: &ServiceRef,
    to: &Target,
) -> Result<Points, Refusal> {
    match to {
        Target::Undo(commit) => {
            let base = state.at(commit)?;
            let theirs = parent(&base)?;
            Ok(Points { base: Some(base), theirs, to: commit.clone(), current: Current::Any })
        }
        Target::ToCommit(commit) => {
            let (to, theirs) = (commit.clone(), state.at(commit)?);
            let (current, deploy) = current(state, head, name)?;
            // From before the current release: what was changed beside the release since stays.
            let base = match deploy {
                Some(deploy) if is_before(&to, &deploy)? => Some(deploy),
                _ => None,
            };
            Ok(Points { base, theirs: Some(theirs), to, current: Current::Is(current) })
        }
        Target::ToDeployment(deployment) => {
            existing_service(head, name)?;
            let theirs = release_of(state, head, name, deployment)?.ok_or_else(|| {
                Refusal::not_found(
                    "release of deployment",
                    deployment,
                    "Only a committed deployment of this service made one: get_service_history lists them.",
                )
            })?;
            to_release(state, head, name, theirs)
        }
        Target::Previous => {
            let service = existing_service(head, name)?.service;
            let theirs = previous(state, head, &service)?.ok_or_else(|| {
                Refusal::new(
                    "no_previous_release",
                    format!("Service {} has no release before the one that it has.", short(name)),
                    "Name to_commit or undo_commit; get_service_history lists its commits.",
                )
            })?;
            to_release(state, head, name, theirs)
        }
    }
}

fn to_release(
    state: &StateRepo,
    head: &Snapshot,
    name: &ServiceRef,
    theirs: Snapshot,
) -> Result<Points, Refusal> {
    let (current, base) = current(state, head, name)?;
    let to = theirs.commit().cloned().ok_or_else(|| no_commit(&"a deploy"))?;
    Ok(Points { base, theirs: Some(theirs), to, current: Current::Is(current) })
}

/// The release that the service has, and the state at its deploy.
fn current(
    state: &StateRepo,
    head: &Snapshot,
    name: &ServiceRef,
) -> Result<(Option<DeploymentId>, Option<Snapshot>), Refusal> {
    let Some((_, service)) = head.intent(name)? else { return Ok((None, None)) };
    let Some(release) = &service.release else { return Ok((None, None)) };
    let deploy = release_of(state, head, name, &release.deployment)?;
    Ok((Some(release.deployment.clone()), deploy))
}

/// The newest release before the current one that was another: the state at its deploy. Deploying the
/// same again is no release that anybody would want to leave.
fn previous(
    state: &StateRepo,
    head: &Snapshot,
    service: &Service,
) -> Result<Option<Snapshot>, Refusal> {
    let name = service.metadata.service_ref();
    let Some(current) = current(state, head, &name)?.1 else { return Ok(None) };
    let is = current.service(&name)?;
    let mut deploy = current;
    loop {
        let Some(before) = parent(&deploy)? else { return Ok(None) };
        let Some((_, was)) = before.intent(&name)? else { return Ok(None) };
        let Some(release) = &was.release else { return Ok(None) };
        if was.metadata != service.metadata {
            return Ok(None);
        }
        let Some(found) = release_of(state, &before, &name, &release.deployment)? else {
            return Ok(None);
        };
        if !runs_the_same(found.service(&name)?.as_ref(), is.as_ref()) {
            return Ok(Some(found));
        }
        deploy = found;
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

/// The state at the deploy of a deployment of this service; `None` where it has no such deploy.
fn release_of(
    state: &StateRepo,
    head: &Snapshot,
    name: &ServiceRef,
    deployment: &DeploymentId,
) -> Result<Option<Snapshot>, Refusal> {
    let Some(found) = find_deployment(head, deployment, Timestamp::UNIX_EPOCH)? else {
        return Ok(None);
    };
    let snapshot = state.at(&found)?;
    let is_its = snapshot.intent(name)?.is_some_and(|(_, service)| {
        service.release.as_ref().is_some_and(|release| release.deployment == *deployment)
    });
    Ok(is_its.then_some(snapshot))
}

/// The state before the commit of `snapshot`.
fn parent(snapshot: &Snapshot) -> Result<Option<Snapshot>, Refusal> {
    Ok(Walk::from(snapshot)?.nth(1).transpose()?.map(|commit| commit.snapshot))
}

/// Whether a commit is in the history of `snapshot` and not its own.
fn is_before(commit: &CommitId, snapshot: &Snapshot) -> Result<bool, Refusal> {
    for known in Walk::from(snapshot)?.skip(1) {
        if known?.id == *commit {
            return Ok(true);
        }
    }
    Ok(false)
}

fn no_commit(what: &dyn std::fmt::Display) -> Refusal {
    Refusal::internal("a state has no commit", what)
}
