//! Deploying a service's branch again.

use super::{existing_service, short, view};
use crate::{Action, Caller, Deployer, Redeployed, Refusal};
use inkstone_spec::{RepoRef, ServiceRef, Trigger};

impl Deployer {
    /// Builds and deploys what the service's branch points at now.
    pub async fn redeploy_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
    ) -> Result<Redeployed, Refusal> {
        caller.may(Action::Deploy, &name.workspace)?;
        let wanted = name.clone();
        let files = self.with_state(move |state| existing_service(&state.main()?, &wanted)).await?;
        let source = &files.service.spec.source;
        let repo = RepoRef { workspace: name.workspace.clone(), repo: source.repo.clone() };
        let head = self.inner.repos.branch_head(&repo, &source.branch).await?.ok_or_else(|| {
            Refusal::new(
                "nothing_pushed",
                format!("Branch {} of repo {} has no commit.", source.branch, source.repo),
                format!("Push to it: `git push <remote> HEAD:{}` deploys it.", source.branch),
            )
        })?;
        let (deployment, superseded) = self.enqueue(caller, &files, Trigger::Manual, head).await?;
        Ok(Redeployed {
            service: short(name),
            deployment: view(&deployment, None),
            superseded: superseded.iter().map(ToString::to_string).collect(),
            next: format!(
                "Call get_service with name \"{}\" until its deployment is committed.",
                name.service
            ),
        })
    }
}
