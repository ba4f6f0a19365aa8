//! Everything about one service.

use super::{arguments, env, existing_service, release_view, url, view};
use crate::undone::REVERTED;
use crate::{Action, Caller, Deployer, DeploymentView, EnvVarView, HoldView, Refusal, ServiceView};
use inkstone_cluster::Phase;
use inkstone_spec::{DeploymentId, DeploymentStatus, Revision, Service, ServiceRef, Source};
use inkstone_state::ServiceFiles;
use inkstone_store::Deployment;

/// The most log lines of one call.
const MAX_LOG_LINES: u32 = 500;

/// How much to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct GetService {
    /// Whether to show the values of environment variables.
    pub include_env: bool,
    /// How many lines of the newest deployment's build log to show.
    pub deploy_log_lines: u32,
    /// How many of the last lines that its pods wrote to show.
    pub runtime_log_lines: u32,
}

impl Deployer {
    /// A service: its intent, its newest deployment, its release.
    pub async fn get_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        show: GetService,
    ) -> Result<ServiceView, Refusal> {
        caller.may(Action::Read, &name.workspace)?;
        if show.include_env {
            caller.may(Action::ReadEnv, &name.workspace)?;
        }
        let lines = show.deploy_log_lines;
        check_lines("deploy_log_lines", lines)?;
        check_lines("runtime_log_lines", show.runtime_log_lines)?;
        let latest = self.inner.store.latest(name).await?;
        let logs = match &latest {
            Some(deployment) if lines > 0 => {
                let log = self.inner.store.log_tail(&deployment.id, lines).await?;
                Some(log.into_iter().map(|line| line.text).collect())
            }
            _ => None,
        };
        let mut view = self.read_state(|snapshot| {
            let files = existing_service(snapshot, name)?;
            // A deployment of an earlier service of the same name is not this one's.
            let latest = latest.filter(|d| d.service_uid == files.service.metadata.uid);
            let spec = &files.service.spec;
            let release = files.service.release.as_ref().map(|release| &release.deployment);
            let undone = latest.as_ref().is_some_and(|latest| is_undone(latest, release));
            let sight = self.sight(snapshot, &files.region, &files.service);
            let is_current = latest.as_ref().is_some_and(|latest| is_current(latest, release));
            let seen = sight.phase().filter(|_| is_current);
            let next = match &latest {
                _ if let Some(phase) = seen
                    && spec.hold.is_none() =>
                {
                    next_when_seen(phase, &files.service, name)
                }
                // What is brought back takes its time, too.
                _ if matches!(sight.phase(), Some(Phase::Syncing | Phase::Deploying))
                    && undone
                    && spec.hold.is_none() =>
                {
                    let named = arguments(name);
                    format!("Call get_service with {named} again until runtime.status is active or failed.")
                }
                Some(latest) if (undone || was_skipped(latest)) && spec.hold.is_none() => {
                    next_after_undoing(latest, name)
                }
                _ => next(latest.as_ref(), &files.service, name, self.end_of_a_deployment()),
            };
            Ok(ServiceView {
                name: name.service.to_string(),
                project: name.project.to_string(),
                workspace: name.workspace.to_string(),
                region: files.region.to_string(),
                repo: spec.source.repo().map(ToString::to_string),
                image: spec.source.image().map(ToString::to_string),
                branch: spec.source.branch().map(|branch| branch.branch.to_string()),
                build_pack: spec.build.pack.to_string(),
                replicas: spec.replicas.get(),
                memory: spec.resources.memory.to_string(),
                vcpus: spec.resources.vcpus.to_string(),
                url: url(snapshot, &files.region, &files.service)?,
                hosts: spec.hosts.iter().map(ToString::to_string).collect(),
                hold: spec.hold.as_ref().map(HoldView::from),
                deployment: latest.map(|deployment| {
                    let view = DeploymentView { undone, ..view(&deployment, logs) };
                    match seen {
                        Some(phase) => {
                            DeploymentView { status: phase.as_str(), error: sight.error(), ..view }
                        }
                        None => view,
                    }
                }),
                release: release_view(&files.service),
                runtime: sight.view(&files.service),
                env_vars: self.env_vars(&files, show.include_env)?,
                commit: snapshot.commit().map(ToString::to_string).unwrap_or_default(),
                next,
            })
        })?;
        if show.runtime_log_lines > 0 {
            view.runtime.logs = Some(self.pod_logs(name, show.runtime_log_lines).await);
        }
        Ok(view)
    }

    fn env_vars(&self, files: &ServiceFiles, values: bool) -> Result<Vec<EnvVarView>, Refusal> {
        let Some(sealed) = &files.env else { return Ok(Vec::new()) };
        if !values {
            let name =
                |key: &inkstone_spec::EnvKey| EnvVarView { key: key.to_string(), value: None };
            return Ok(sealed.keys().map(name).collect());
        }
        Ok(env::open(Some(sealed), &*self.identities()?)?
            .into_iter()
            .map(|(key, value)| EnvVarView {
                key: key.to_string(),
                value: Some(value.expose().to_owned()),
            })
            .collect())
    }
}

fn check_lines(argument: &str, lines: u32) -> Result<(), Refusal> {
    if lines <= MAX_LOG_LINES {
        return Ok(());
    }
    Err(Refusal::new(
        "invalid_argument",
        format!("{argument} is {lines}."),
        format!("Use at most {MAX_LOG_LINES}."),
    ))
}

/// Whether what a deployment committed is what the service has.
fn is_current(latest: &Deployment, release: Option<&DeploymentId>) -> bool {
    latest.status == DeploymentStatus::Committed && release == Some(&latest.id)
}

/// Whether a deployment was committed and the service has another release, or none, by now.
fn is_undone(latest: &Deployment, release: Option<&DeploymentId>) -> bool {
    latest.status == DeploymentStatus::Committed && release != Some(&latest.id)
}

/// Whether a deployment ended because its source commit was undone.
fn was_skipped(latest: &Deployment) -> bool {
    latest.error.as_ref().is_some_and(|error| error.code == REVERTED)
}

fn next_after_undoing(latest: &Deployment, name: &ServiceRef) -> String {
    let named = arguments(name);
    match &latest.revision {
        Revision::Commit { commit, .. } => format!(
            "Source commit {} was deployed and undone since. Push a newer one to its branch, or, to have it back, call redeploy_service with {named}, override_revert true.",
            commit.short()
        ),
        Revision::Image(image) => format!(
            "The image {image} was deployed and undone since. Call update_service with {named} and another image, or, to have it back, redeploy_service."
        ),
    }
}

fn next_when_seen(phase: Phase, service: &Service, name: &ServiceRef) -> String {
    let arguments = arguments(name);
    match phase {
        Phase::Syncing | Phase::Deploying => {
            format!("Call get_service with {arguments} again until it is active or failed.")
        }
        Phase::Active if service.spec.replicas.get() == 0 => {
            format!("Call update_service with {arguments}, replicas 1 to start it.")
        }
        Phase::Active => next_change(service),
        Phase::Failed => format!(
            "Read deployment.error and do what it suggests. Or take back the change that it began with: get_service_history with {arguments} lists the commits, the newest first, and rollback_service with {arguments} and one of them as undo_commit undoes it. Without undo_commit it brings back the release before and leaves the settings as they are."
        ),
    }
}

fn next(
    latest: Option<&Deployment>,
    service: &Service,
    name: &ServiceRef,
    end: &'static str,
) -> String {
    let (hold, is_released) = (service.spec.hold.as_ref(), service.release.is_some());
    let is_image = service.spec.source.image().is_some();
    match latest.map(|deployment| deployment.status) {
        Some(DeploymentStatus::Queued) if hold.is_some() => {
            "The deployment waits until the hold is lifted with update_service.".to_owned()
        }
        _ if hold.is_some() => {
            "Nothing is deployed until the hold is lifted with update_service.".to_owned()
        }
        None if !is_released && is_image => "Call redeploy_service to deploy its image.".to_owned(),
        None if !is_released => "Push to its branch: that deploys it.".to_owned(),
        Some(status) if status.is_pending() => {
            format!("Call get_service with {} again until it is {end}.", arguments(name))
        }
        Some(DeploymentStatus::Failed) if is_image => {
            "Read the error, then call update_service with another image or redeploy_service; deploy_log_lines shows the log.".to_owned()
        }
        Some(DeploymentStatus::Failed) => {
            "Read the error, push a fix or call redeploy_service; deploy_log_lines shows the build log.".to_owned()
        }
        _ => next_change(service),
    }
}

/// How to deploy something else.
fn next_change(service: &Service) -> String {
    let how = match &service.spec.source {
        Source::Branch(_) => "Push to its branch",
        Source::Image { .. } => "Call update_service with another image",
    };
    format!("{how} to deploy a change, or call redeploy_service.")
}
