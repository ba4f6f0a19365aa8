//! `get_service_history`.

use super::arguments::arguments;
use super::values::Cursor;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Refusal, ServiceHistory};
use inkstone_spec::{ProjectName, ServiceName, WorkspaceName};

arguments! {
    /// Lists what happened to a service, newest first: each state commit, who, when, what it deployed,
    /// how to undo it. Example: {"name": "site", "limit": 10}
    pub(crate) struct GetServiceHistory {
        /// The service; a deleted one has its history too.
        name: ServiceName,
        /// Its project.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// 1 to 100, default 50.
        limit: Option<u32>,
        /// next_cursor of the page before.
        cursor: Option<Cursor>,
    }
}

impl Tool for GetServiceHistory {
    const NAME: &'static str = "get_service_history";
    const TITLE: &'static str = "Get service history";
    const EFFECT: Effect = Effect::Reads;
    type Answer = ServiceHistory;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ServiceHistory, Refusal> {
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        let cursor = self.cursor.as_ref().map(|cursor| cursor.0.as_str());
        deployer.get_service_history(caller, &service, cursor, self.limit).await
    }
}
