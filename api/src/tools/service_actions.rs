//! `redeploy_service`, `cancel_deployment`, `delete_service`: what is done to a service that exists.

use super::arguments::arguments;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Cancelled, Deployer, Redeployed, Refusal, ServiceDeleted};
use inkstone_spec::{DeploymentId, ProjectName, ServiceName, WorkspaceName};

arguments! {
    /// Builds and deploys again what the service's branch points at now. Follow it with get_service.
    /// Example: {"name": "site"}
    pub(crate) struct RedeployService {
        /// The service.
        name: ServiceName,
        /// Its project.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// Deploy a source commit that somebody has undone, which is refused as `reverted` otherwise.
        override_revert: bool = false,
    }
}

impl Tool for RedeployService {
    const NAME: &'static str = "redeploy_service";
    const TITLE: &'static str = "Redeploy service";
    const EFFECT: Effect = Effect::Adds;
    type Answer = Redeployed;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Redeployed, Refusal> {
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        deployer.redeploy_service(caller, &service, self.override_revert).await
    }
}

arguments! {
    /// Cancels a deployment that is queued or building; what ran before goes on running.
    /// Example: {"deployment_id": "dep_01jdezx2k7e5m8w3r4t6y9a0bc"}
    pub(crate) struct CancelDeployment {
        /// deployment.id of get_service, create_service or redeploy_service.
        deployment_id: DeploymentId,
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for CancelDeployment {
    const NAME: &'static str = "cancel_deployment";
    const TITLE: &'static str = "Cancel deployment";
    const EFFECT: Effect = Effect::Removes;
    type Answer = Cancelled;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Cancelled, Refusal> {
        let workspace = whereabouts::workspace(caller, self.workspace)?;
        deployer.cancel_deployment(caller, &workspace, &self.deployment_id).await
    }
}

arguments! {
    /// Deletes a service, its environment and its hosts; its repository stays. Deleting one that is
    /// gone is no error. Reverting the commit brings it back. Example: {"name": "site"}
    pub(crate) struct DeleteService {
        /// The service.
        name: ServiceName,
        /// Its project.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for DeleteService {
    const NAME: &'static str = "delete_service";
    const TITLE: &'static str = "Delete service";
    const EFFECT: Effect = Effect::Removes;
    type Answer = ServiceDeleted;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ServiceDeleted, Refusal> {
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        deployer.delete_service(caller, &service).await
    }
}
