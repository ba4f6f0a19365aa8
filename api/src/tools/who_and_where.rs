//! `whoami`, `list_workspaces`, `list_projects`: who the caller is and where it may work.

use super::arguments::arguments;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Projects, Refusal, Workspaces};
use inkstone_spec::WorkspaceName;

arguments! {
    /// Shows the API key in use: its scopes, workspaces and default workspace. Example: {}
    pub(crate) struct Whoami {}
}

impl Tool for Whoami {
    const NAME: &'static str = "whoami";
    const TITLE: &'static str = "Who am I";
    const EFFECT: Effect = Effect::Reads;
    type Answer = inkstone_deployer::Whoami;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Self::Answer, Refusal> {
        deployer.whoami(caller)
    }
}

arguments! {
    /// Lists the workspaces that this key can use. Example: {}
    pub(crate) struct ListWorkspaces {}
}

impl Tool for ListWorkspaces {
    const NAME: &'static str = "list_workspaces";
    const TITLE: &'static str = "List workspaces";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Workspaces;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Workspaces, Refusal> {
        deployer.list_workspaces(caller)
    }
}

arguments! {
    /// Lists the projects of a workspace. Example: {"workspace": "main"}
    pub(crate) struct ListProjects {
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for ListProjects {
    const NAME: &'static str = "list_projects";
    const TITLE: &'static str = "List projects";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Projects;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Projects, Refusal> {
        let workspace = whereabouts::workspace(caller, self.workspace)?;
        deployer.list_projects(caller, &workspace)
    }
}
