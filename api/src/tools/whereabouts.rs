//! Which workspace, project and service a call means.

use inkstone_deployer::{Caller, Refusal};
use inkstone_spec::{
    ProjectName, ProjectRef, RepoName, RepoRef, ServiceName, ServiceRef, WorkspaceName,
};

/// The workspace that was named, or the one that the caller's key means.
pub(crate) fn workspace(
    caller: &Caller,
    named: Option<WorkspaceName>,
) -> Result<WorkspaceName, Refusal> {
    named.map_or_else(|| caller.default_workspace(), Ok)
}

/// A service by the arguments of a tool.
pub(crate) fn service(
    caller: &Caller,
    named: Option<WorkspaceName>,
    project: ProjectName,
    service: ServiceName,
) -> Result<ServiceRef, Refusal> {
    Ok(ServiceRef { workspace: workspace(caller, named)?, project, service })
}

/// A project by the arguments of a tool.
pub(crate) fn project(
    caller: &Caller,
    named: Option<WorkspaceName>,
    project: ProjectName,
) -> Result<ProjectRef, Refusal> {
    Ok(ProjectRef { workspace: workspace(caller, named)?, project })
}

/// A repository by the arguments of a tool.
pub(crate) fn repo(
    caller: &Caller,
    named: Option<WorkspaceName>,
    repo: RepoName,
) -> Result<RepoRef, Refusal> {
    Ok(RepoRef { workspace: workspace(caller, named)?, repo })
}
