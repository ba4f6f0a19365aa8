//! `create_project`, `delete_project`.

use super::arguments::arguments;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, ProjectCreated, ProjectDeleted, Refusal};
use inkstone_spec::{Isolation, ProjectName, WorkspaceName};

arguments! {
    /// Creates a project: a namespace of its own for services that belong together. Every workspace has
    /// the project "default" already. Example: {"name": "web-shop"}
    pub(crate) struct CreateProject {
        /// Lower-case letters, digits and single hyphens, at most 30.
        name: ProjectName,
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// sandboxed lets images run as root, where the cluster has a sandbox.
        isolation: Isolation = "restricted",
    }
}

impl Tool for CreateProject {
    const NAME: &'static str = "create_project";
    const TITLE: &'static str = "Create project";
    const EFFECT: Effect = Effect::Adds;
    type Answer = ProjectCreated;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ProjectCreated, Refusal> {
        let project = whereabouts::project(caller, self.workspace, self.name)?;
        deployer.create_project(caller, &project, self.isolation).await
    }
}

arguments! {
    /// Deletes a project without services. Deleting one that is gone is no error.
    /// Example: {"name": "web-shop"}
    pub(crate) struct DeleteProject {
        /// The project.
        name: ProjectName,
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for DeleteProject {
    const NAME: &'static str = "delete_project";
    const TITLE: &'static str = "Delete project";
    const EFFECT: Effect = Effect::Removes;
    type Answer = ProjectDeleted;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ProjectDeleted, Refusal> {
        let project = whereabouts::project(caller, self.workspace, self.name)?;
        deployer.delete_project(caller, &project).await
    }
}
