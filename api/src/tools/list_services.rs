//! `list_services`.

use super::arguments::arguments;
use super::values::Cursor;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Refusal, Services};
use inkstone_spec::{ProjectName, WorkspaceName};

arguments! {
    /// Lists services with their URL and the status of their newest deployment.
    /// Example: {"project": "web-shop", "limit": 20}
    pub(crate) struct ListServices {
        /// Only this project's; default: all projects.
        project: Option<ProjectName>,
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// 1 to 100, default 50.
        limit: Option<u32>,
        /// next_cursor of the page before.
        cursor: Option<Cursor>,
    }
}

impl Tool for ListServices {
    const NAME: &'static str = "list_services";
    const TITLE: &'static str = "List services";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Services;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Services, Refusal> {
        let workspace = whereabouts::workspace(caller, self.workspace)?;
        let cursor = self.cursor.as_ref().map(|cursor| cursor.0.as_str());
        deployer.list_services(caller, &workspace, self.project.as_ref(), cursor, self.limit).await
    }
}
