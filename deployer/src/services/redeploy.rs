//! Deploying a service's branch again.

use super::{arguments, existing_service, short, summary, waiting};
use crate::undone::Wanted;
use crate::{Action, Caller, Deployer, Redeployed, Refusal};
use inkstone_spec::{RepoRef, ServiceRef, Trigger};
use inkstone_store::OverrideOf;

impl Deployer {
    /// Builds and deploys what the service's branch points at now. What was undone is refused, unless
    /// `override_revert` says that it is wanted all the same.
    pub async fn redeploy_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        override_revert: bool,
    ) -> Result<Redeployed, Refusal> {
        caller.may(Action::Deploy, &name.workspace)?;
        let files = self.read_state(|snapshot| existing_service(snapshot, name))?;
        let source = &files.service.spec.source;
        let repo = RepoRef { workspace: name.workspace.clone(), repo: source.repo.clone() };
        let head = self.inner.repos.branch_head(&repo, &source.branch).await?.ok_or_else(|| {
            Refusal::new(
                "nothing_pushed",
                format!("Branch {} of repo {} has no commit.", source.branch, source.repo),
                format!("Push to it: `git push <remote> HEAD:{}` deploys it.", source.branch),
            )
        })?;
        let trigger = Trigger::Manual;
        let look = self.look(&Wanted::of(&files, &head, trigger)).await?;
        let override_of = match look.undone {
            Some(undone) if !override_revert => return Err(undone.refusal()),
            Some(_) => Some(OverrideOf::from(look.current)),
            None => None,
        };
        let (deployment, superseded) =
            self.enqueue_as(caller.into(), &files, trigger, head, override_of).await?;
        Ok(Redeployed {
            service: short(name),
            deployment: summary(&deployment),
            superseded: superseded.iter().map(ToString::to_string).collect(),
            next: match &files.service.spec.hold {
                None => format!(
                    "Call get_service with {} until its deployment is committed.",
                    arguments(name)
                ),
                Some(hold) => format!(
                    "The service is {}. The deployment waits until the hold is lifted with update_service.",
                    waiting(hold)
                ),
            },
        })
    }
}
