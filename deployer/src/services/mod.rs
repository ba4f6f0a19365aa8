//! Services: create, list, get, deploy again, cancel, delete.

mod cancel;
mod create;
mod delete;
mod get;
mod list;
mod redeploy;

pub use create::CreateService;
pub use get::GetService;

use crate::near::{near, offer};
use crate::{DeploymentView, ErrorView, Refusal};
use inkstone_spec::{Region, Service, ServiceRef, WorkspaceName};
use inkstone_state::{ServiceFiles, Snapshot, plan};
use inkstone_store::Deployment;

/// The service, or what is called like it in the caller's own workspace.
pub(crate) fn existing_service(
    snapshot: &Snapshot,
    name: &ServiceRef,
) -> Result<ServiceFiles, Refusal> {
    if let Some(files) = snapshot.service(name)? {
        return Ok(files);
    }
    let known = names_in(snapshot, &name.workspace)?;
    let alike = near(&short(name), known.iter().map(short));
    let suggestion = format!("{} create_service makes a new one.", offer(&alike, "list_services"));
    Err(Refusal::not_found("service", &short(name), suggestion))
}

/// Every service of a workspace, by project and name.
pub(crate) fn names_in(
    snapshot: &Snapshot,
    workspace: &WorkspaceName,
) -> Result<Vec<ServiceRef>, Refusal> {
    let mut all = Vec::new();
    for project in snapshot.projects(workspace)? {
        all.extend(snapshot.services(&project)?);
    }
    Ok(all)
}

/// How a service is called inside its workspace: `project/name`.
pub(crate) fn short(name: &ServiceRef) -> String {
    format!("{}/{}", name.project, name.service)
}

/// Where a service answers.
pub(crate) fn url(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
) -> Result<String, Refusal> {
    let hosts = plan::hosts(snapshot, region, service)?;
    Ok(hosts.first().map(|host| format!("https://{host}")).unwrap_or_default())
}

/// A time of the store, for people and machines.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).map(|time| time.to_string()).unwrap_or_default()
}

/// A deployment as callers see it.
pub(crate) fn view(deployment: &Deployment, logs: Option<Vec<String>>) -> DeploymentView {
    DeploymentView {
        id: deployment.id.to_string(),
        status: deployment.status.as_str(),
        step: if deployment.status.is_pending() { deployment.step.clone() } else { String::new() },
        trigger: deployment.trigger.as_str(),
        source_commit: deployment.source_commit.to_string(),
        commit: deployment.state_commit.as_ref().map(ToString::to_string),
        created_at: rfc3339(deployment.created_at),
        finished_at: deployment.finished_at.map(rfc3339),
        error: deployment.error.as_ref().map(|error| ErrorView {
            code: error.code.clone(),
            message: error.message.clone(),
            suggestion: error.suggestion.clone(),
        }),
        logs,
    }
}
