//! The services of a workspace.

use super::{short, url};
use crate::page::PageRequest;
use crate::projects::{existing_project, existing_workspace};
use crate::{Action, Caller, Deployer, Refusal, ServiceSummary, Services};
use inkstone_cluster::Phase;
use inkstone_spec::{
    DeploymentStatus, ProjectName, ProjectRef, ServiceRef, ServiceUid, WorkspaceName,
};
use inkstone_state::Snapshot;
use std::collections::HashMap;

impl Deployer {
    /// One page of the services of a workspace, or of one of its projects.
    pub async fn list_services(
        &self,
        caller: &Caller,
        workspace: &WorkspaceName,
        project: Option<&ProjectName>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Services, Refusal> {
        caller.may(Action::Read, workspace)?;
        let asked = PageRequest::parse(cursor, limit)?;
        let (services, next_cursor) = self.read_state(|snapshot| {
            existing_workspace(snapshot, workspace)?;
            let projects = match project {
                Some(project) => {
                    let project =
                        ProjectRef { workspace: workspace.clone(), project: project.clone() };
                    existing_project(snapshot, &project)?;
                    vec![project]
                }
                None => snapshot.projects(workspace)?,
            };
            let names = names_after(snapshot, projects, asked.after.as_deref());
            let page = asked.cut(names, |name| name.as_ref().map(short).unwrap_or_default());
            let mut services = Vec::with_capacity(page.items.len());
            for name in page.items {
                let name = name?;
                let Some((region, service)) = snapshot.intent(&name)? else { continue };
                let phase = self.sight(snapshot, &region, &service).phase();
                let summary = ServiceSummary {
                    name: name.service.to_string(),
                    project: name.project.to_string(),
                    repo: service.spec.source.repo().map(ToString::to_string),
                    image: service.spec.source.image().map(ToString::to_string),
                    url: url(snapshot, &region, &service)?,
                    status: phase.map(Phase::as_str),
                };
                services.push((name, service, summary));
            }
            Ok((services, page.next_cursor))
        })?;
        let names: Vec<ServiceRef> = services.iter().map(|(name, ..)| name.clone()).collect();
        let latest = self.inner.store.latest_for(&names).await?;
        let latest: HashMap<&ServiceUid, DeploymentStatus> =
            latest.iter().map(|deployment| (&deployment.service_uid, deployment.status)).collect();
        let services = services
            .into_iter()
            .map(|(_, service, summary)| {
                // A deployment of an earlier service of the same name is not this one's.
                let status = match latest.get(&service.metadata.uid) {
                    Some(DeploymentStatus::Committed) if summary.status.is_some() => summary.status,
                    Some(status) => Some(status.as_str()),
                    None => summary.status,
                };
                ServiceSummary { status, ..summary }
            })
            .collect();
        Ok(Services { services, next_cursor })
    }
}

/// The services of these projects by project and name, from the one after `after` on, looked up as they
/// are asked for.
fn names_after<'a>(
    snapshot: &'a Snapshot,
    mut projects: Vec<ProjectRef>,
    after: Option<&'a str>,
) -> impl Iterator<Item = Result<ServiceRef, Refusal>> + 'a {
    let (project, service) = after.and_then(|key| key.split_once('/')).unwrap_or_default();
    projects.sort_unstable();
    let projects = projects.into_iter().skip_while(move |known| known.project.as_str() < project);
    let services = projects.flat_map(|project| match snapshot.services(&project) {
        Ok(mut names) => {
            names.sort_unstable();
            names.into_iter().map(Ok).collect()
        }
        Err(error) => vec![Err(error.into())],
    });
    services.skip_while(move |name| {
        name.as_ref()
            .is_ok_and(|name| (name.project.as_str(), name.service.as_str()) <= (project, service))
    })
}
