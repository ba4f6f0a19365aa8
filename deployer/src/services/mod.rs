//! Services: create, list, get, what happened to them, update, deploy again, roll back, hold, cancel,
//! delete.

mod cancel;
mod create;
mod delete;
mod env;
mod fields;
mod get;
mod history;
mod hold;
mod list;
mod redeploy;
mod rollback;
mod update;

pub use create::CreateService;
pub use get::GetService;
pub(crate) use hold::waiting;
pub use rollback::Rollback;
pub use update::UpdateService;

use crate::caller::DEFAULT_WORKSPACE;
use crate::near::{near, offer};
use crate::projects::existing_workspace;
use crate::{DeploymentSummary, DeploymentView, ErrorView, Refusal, ReleaseView};
use inkstone_spec::{Region, Service, ServiceRef, ServiceSpec, WorkspaceName};
use inkstone_state::{ServiceFiles, Snapshot, plan};
use inkstone_store::Deployment;

/// The project that is meant when none is named.
const DEFAULT_PROJECT: &str = "default";
/// How many services of other projects are offered for their name.
const MAX_SAME_NAME: usize = 5;

/// The service, or what is called like it in the caller's own workspace.
pub(crate) fn existing_service(
    snapshot: &Snapshot,
    name: &ServiceRef,
) -> Result<ServiceFiles, Refusal> {
    if let Some(files) = snapshot.service(name)? {
        return Ok(files);
    }
    existing_workspace(snapshot, &name.workspace)?;
    let known = names_in(snapshot, &name.workspace)?;
    // The same name in another project is more likely meant than another name.
    let same = known.iter().filter(|other| other.service == name.service).map(short);
    let mut alike: Vec<String> = same.take(MAX_SAME_NAME).collect();
    if alike.is_empty() {
        alike = near(&short(name), known.iter().map(short));
    }
    let suggestion = format!("{} create_service makes a new one.", offer(&alike, "list_services"));
    Err(Refusal::not_found("service", &short(name), suggestion))
}

/// How a tool's arguments name the service: what is meant by default is left out.
pub(crate) fn arguments(name: &ServiceRef) -> String {
    let mut text = format!("name \"{}\"", name.service);
    for (argument, value, default) in [
        ("project", name.project.as_str(), DEFAULT_PROJECT),
        ("workspace", name.workspace.as_str(), DEFAULT_WORKSPACE),
    ] {
        if value != default {
            text = format!("{text}, {argument} \"{value}\"");
        }
    }
    text
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

/// Goes on only if the parts of an intent go together.
fn coherent(spec: &ServiceSpec) -> Result<(), Refusal> {
    let Some(wrong) = spec.contradiction() else { return Ok(()) };
    Err(Refusal::new(
        "invalid_argument",
        format!("Source and build do not go together: {wrong}."),
        "Name either an image, without build arguments, or a repo with how it is built; nothing was changed.",
    ))
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
    let url = hosts.first().zip(snapshot.cluster(region)?);
    Ok(url.map(|(host, cluster)| cluster.spec.ingress.url(host)).unwrap_or_default())
}

/// A time of the store, for people and machines.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).map(|time| time.to_string()).unwrap_or_default()
}

/// A service's release as callers see it.
pub(crate) fn release_view(service: &Service) -> Option<ReleaseView> {
    service.release.as_ref().map(|release| ReleaseView {
        deployment: release.deployment.to_string(),
        source_commit: release.source_commit.as_ref().map(ToString::to_string),
        source_image: release.source_image.as_ref().map(ToString::to_string),
        image: release.image.to_string(),
        port: service.effective_port().unwrap_or(release.port).get(),
    })
}

/// A deployment in few words.
pub(crate) fn summary(deployment: &Deployment) -> DeploymentSummary {
    DeploymentSummary {
        id: deployment.id.to_string(),
        status: deployment.status.as_str(),
        step: step(deployment),
        source_commit: deployment.revision.commit().map(ToString::to_string),
        source_image: deployment.revision.image().map(ToString::to_string),
    }
}

/// What is being done about a deployment; nothing once it has ended.
fn step(deployment: &Deployment) -> String {
    if deployment.status.is_pending() { deployment.step.clone() } else { String::new() }
}

/// A deployment as callers see it.
pub(crate) fn view(deployment: &Deployment, logs: Option<Vec<String>>) -> DeploymentView {
    DeploymentView {
        id: deployment.id.to_string(),
        status: deployment.status.as_str(),
        undone: false,
        step: step(deployment),
        trigger: deployment.trigger.as_str(),
        source_commit: deployment.revision.commit().map(ToString::to_string),
        source_image: deployment.revision.image().map(ToString::to_string),
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
