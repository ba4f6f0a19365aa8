//! Cancelling a deployment before its commit.

use super::{arguments, summary};
use crate::{Action, Caller, Cancelled, Deployer, Refusal, now_ms};
use inkstone_spec::{DeploymentId, WorkspaceName};
use inkstone_store::Cancel;

impl Deployer {
    /// Cancels a deployment that has no commit yet.
    pub async fn cancel_deployment(
        &self,
        caller: &Caller,
        workspace: &WorkspaceName,
        id: &DeploymentId,
    ) -> Result<Cancelled, Refusal> {
        caller.may(Action::Deploy, workspace)?;
        let absent = || {
            Refusal::not_found(
                "deployment",
                id,
                "Call get_service: it shows the newest deployment.",
            )
        };
        let known = self.inner.store.deployment(id).await?;
        known.filter(|deployment| deployment.service.workspace == *workspace).ok_or_else(absent)?;
        let outcome = match self.inner.store.cancel(id, now_ms()).await? {
            Cancel::Cancelled => "cancelled",
            Cancel::Requested => "requested",
            Cancel::NotFound => return Err(absent()),
            Cancel::TooLate(status) => {
                return Err(Refusal::new(
                    "too_late",
                    format!("Deployment {id} has ended already: it is {status}."),
                    "A committed deploy is undone by `git revert` of its commit in the state repo.",
                ));
            }
        };
        let deployment = self.inner.store.deployment(id).await?.ok_or_else(absent)?;
        Ok(Cancelled {
            outcome,
            next: format!(
                "Call get_service with {} to see what it runs.",
                arguments(&deployment.service)
            ),
            deployment: summary(&deployment),
        })
    }
}
