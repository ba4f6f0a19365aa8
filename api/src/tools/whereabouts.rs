//! Which workspace, project and service a call means.

use inkstone_deployer::{Caller, Deployer, Refusal};
use inkstone_spec::{
    ProjectName, ProjectRef, Region, RepoName, RepoRef, ServiceName, ServiceRef, WorkspaceName,
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

/// Refuses a region in which the workspace does not run. A workspace that the caller does not see is
/// left to the use case, which answers for it.
pub(crate) async fn check_region(
    deployer: &Deployer,
    caller: &Caller,
    workspace: &WorkspaceName,
    region: &Region,
) -> Result<(), Refusal> {
    let all = deployer.list_workspaces(caller).await?.workspaces;
    match all.into_iter().find(|known| known.name == workspace.as_str()) {
        Some(known) if !known.regions.iter().any(|name| name == region.as_str()) => {
            Err(Refusal::new(
                "unknown_region",
                format!("Workspace {workspace} does not run in {region}."),
                format!("Leave region out, or use {}.", known.regions.join(" or ")),
            ))
        }
        _ => Ok(()),
    }
}
