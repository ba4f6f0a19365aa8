//! Deploying a service's branch, or its image, again.

use super::{arguments, existing_service, short, summary, waiting};
use crate::undone::Wanted;
use crate::{Action, Caller, Deployer, Redeployed, Refusal};
use inkstone_spec::{RepoRef, Revision, ServiceRef, Source, Trigger};
use inkstone_state::ServiceFiles;
use inkstone_store::OverrideOf;

impl Deployer {
    /// Deploys what the service's branch points at now, built again, or its image. What was undone of a
    /// branch is refused, unless `override_revert` says that it is wanted all the same.
    pub async fn redeploy_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        override_revert: bool,
    ) -> Result<Redeployed, Refusal> {
        caller.may(Action::Deploy, &name.workspace)?;
        let files = self.read_state(|snapshot| existing_service(snapshot, name))?;
        let revision = self.revision(&files).await?;
        let trigger = Trigger::Manual;
        let look = self.look(&Wanted::of(&files, &revision, trigger)).await?;
        let override_of = match look.undone {
            Some(undone) if !override_revert => return Err(undone.refusal()),
            Some(_) => Some(OverrideOf::from(look.current)),
            None => None,
        };
        let (deployment, superseded) =
            self.enqueue_as(caller.into(), &files, trigger, revision, override_of).await?;
        Ok(Redeployed {
            service: short(name),
            deployment: summary(&deployment),
            superseded: superseded.iter().map(ToString::to_string).collect(),
            next: match &files.service.spec.hold {
                None => format!(
                    "Call get_service with {} until its deployment is {}.",
                    arguments(name),
                    self.end_of_a_deployment()
                ),
                Some(hold) => format!(
                    "The service is {}. The deployment waits until the hold is lifted with update_service.",
                    waiting(hold)
                ),
            },
        })
    }

    /// What the service's source says now.
    async fn revision(&self, files: &ServiceFiles) -> Result<Revision, Refusal> {
        let name = files.service.metadata.service_ref();
        let source = match &files.service.spec.source {
            Source::Branch(branch) => branch,
            Source::Image { image } => {
                self.read_state(|snapshot| self.allow_image(snapshot, &files.region, Some(image)))?;
                return Ok(Revision::Image(image.clone()));
            }
        };
        let repo = RepoRef { workspace: name.workspace, repo: source.repo.clone() };
        let head = self.inner.repos.branch_head(&repo, &source.branch).await?.ok_or_else(|| {
            Refusal::new(
                "nothing_pushed",
                format!("Branch {} of repo {} has no commit.", source.branch, source.repo),
                format!("Push to it: `git push <remote> HEAD:{}` deploys it.", source.branch),
            )
        })?;
        Ok(Revision::Commit { branch: source.clone(), commit: head })
    }
}
