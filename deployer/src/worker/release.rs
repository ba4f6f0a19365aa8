//! The commit of a release: planned on the newest state, where a hold and what was undone count as they
//! are then.

use super::job::Job;
use crate::Refusal;
use crate::undone::{Look, Wanted};
use inkstone_builder::BuiltImage;
use inkstone_spec::{CommitId, Hold, Release, RepoRef, Revision};
use inkstone_state::{Action, Message, Proposal, ServiceFiles, Snapshot, StateError, Tool, plan};
use inkstone_store::{Deployment, Outcome};
use std::sync::Arc;

/// How often it is looked again at what was undone because the service changed in between.
const MAX_LOOKS: usize = 20;

/// Why a release is not committed.
pub(super) enum NoCommit {
    /// Its service is gone, or is another one under the same name, or has a source of another kind.
    Gone,
    /// Its service is on hold.
    OnHold(Hold),
    /// Its source commit was undone.
    Undone(Refusal),
    /// Something failed.
    Refused(Refusal),
}

impl From<Refusal> for NoCommit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Why nothing is planned.
enum NotPlanned {
    /// The service is not any more what was looked at.
    LookAgain,
    /// For good.
    NoCommit(NoCommit),
}

impl From<NoCommit> for NotPlanned {
    fn from(reason: NoCommit) -> Self {
        Self::NoCommit(reason)
    }
}

impl From<Refusal> for NotPlanned {
    fn from(refusal: Refusal) -> Self {
        Self::NoCommit(refusal.into())
    }
}

impl From<StateError> for NotPlanned {
    fn from(error: StateError) -> Self {
        Refusal::from(error).into()
    }
}

impl Job {
    /// Commits the release, unless that is not to be done any more.
    pub(super) async fn commit(&self, image: &BuiltImage) -> Result<CommitId, NoCommit> {
        let (deployment, image) = (Arc::new(self.deployment.clone()), Arc::new(image.clone()));
        for _ in 0..MAX_LOOKS {
            // What was undone cannot be asked while a commit is planned: before that, and then whether
            // the answer is still good.
            let look = self.deployer.look(&Wanted::from(&self.deployment)).await?;
            let (deployment, image) = (Arc::clone(&deployment), Arc::clone(&image));
            let committed = self
                .deployer
                .with_state(move |state| {
                    let plan = |snapshot: &Snapshot| plan_on(snapshot, &look, &deployment, &image);
                    Ok(state.commit(jiff::Timestamp::now(), plan))
                })
                .await?;
            match committed.map_err(Refusal::or_reason::<NotPlanned>) {
                Ok(committed) if committed.changed => return Ok(committed.commit),
                // It was there: cut off after it had arrived.
                Ok(committed) => match self.committed_before().await? {
                    Some(Outcome::Committed { state_commit, .. }) => return Ok(state_commit),
                    _ => return Ok(committed.commit),
                },
                Err(NotPlanned::LookAgain) => {}
                Err(NotPlanned::NoCommit(reason)) => return Err(reason),
            }
        }
        Err(Refusal::new(
            "state_repo_busy",
            "The service was changed again and again while its release was being committed.",
            "Call redeploy_service when its changes have come to an end.",
        )
        .into())
    }
}

fn plan_on(
    snapshot: &Snapshot,
    look: &Look,
    deployment: &Deployment,
    image: &BuiltImage,
) -> Result<Option<Proposal>, NotPlanned> {
    let files = snapshot
        .service(&deployment.service)?
        .filter(|files| files.service.metadata.uid == deployment.service_uid)
        .ok_or(NoCommit::Gone)?;
    let current = files.service.release.as_ref().map(|release| &release.deployment);
    if current == Some(&deployment.id) {
        return Ok(None);
    }
    // Its source is of another kind by now: what follows from that is deployed in its place.
    if files.service.spec.source.branch().is_some() != deployment.revision.branch().is_some() {
        return Err(NoCommit::Gone.into());
    }
    if let Some(hold) = &files.service.spec.hold {
        return Err(NoCommit::OnHold(hold.clone()).into());
    }
    if !look.is_of(snapshot)? {
        return Err(NotPlanned::LookAgain);
    }
    if let Some(undone) = look.skipped(deployment.override_of.as_ref()) {
        return Err(NoCommit::Undone(undone.refusal()).into());
    }
    Ok(Some(propose(snapshot, &files, deployment, image)?))
}

fn propose(
    snapshot: &Snapshot,
    files: &ServiceFiles,
    deployment: &Deployment,
    image: &BuiltImage,
) -> Result<Proposal, Refusal> {
    let cluster = snapshot
        .cluster(&files.region)?
        .ok_or_else(|| Refusal::internal("a region has no cluster", &files.region))?;
    let source = match &deployment.revision {
        Revision::Commit { branch, commit } => {
            let workspace = deployment.service.workspace.clone();
            Some((RepoRef { workspace, repo: branch.repo.clone() }, commit.clone()))
        }
        Revision::Image(_) => None,
    };
    let release = Release {
        deployment: deployment.id.clone(),
        source_commit: deployment.revision.commit().cloned(),
        source_image: deployment.revision.image().cloned(),
        image: image.digest.clone(),
        port: image.port,
        user: image.user,
        templates: cluster.spec.templates.clone(),
    };
    Ok(Proposal {
        message: Message {
            action: Action::Deploy {
                service: deployment.service.clone(),
                deployment: deployment.id.clone(),
                source,
                image: image.digest.clone(),
            },
            actor: deployment.actor.clone(),
            tool: Tool::parse(&deployment.tool)?,
        },
        edits: plan::deploy(snapshot, &deployment.service, release)?,
    })
}
