//! The services of a workspace.

use super::{names_in, short, url};
use crate::page::cut;
use crate::projects::{existing_project, existing_workspace};
use crate::{Action, Caller, Deployer, Refusal, ServiceSummary, Services};
use inkstone_spec::{ProjectName, ProjectRef, ServiceRef, WorkspaceName};
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
        let (workspace, project) = (workspace.clone(), project.cloned());
        let cursor = cursor.map(str::to_owned);
        let page = self
            .with_state(move |state| {
                let snapshot = state.main()?;
                existing_workspace(&snapshot, &workspace)?;
                let mut names = match project {
                    Some(project) => {
                        let project = ProjectRef { workspace, project };
                        existing_project(&snapshot, &project)?;
                        snapshot.services(&project)?
                    }
                    None => names_in(&snapshot, &workspace)?,
                };
                names.sort_by_cached_key(short);
                let page = cut(names, short, cursor.as_deref(), limit)?;
                let mut services = Vec::new();
                for name in page.items {
                    let Some((region, service)) = snapshot.intent(&name)? else { continue };
                    let summary = ServiceSummary {
                        name: name.service.to_string(),
                        project: name.project.to_string(),
                        repo: service.spec.source.repo.to_string(),
                        url: url(&snapshot, &region, &service)?,
                        status: None,
                    };
                    services.push((name, summary));
                }
                Ok((services, page.next_cursor))
            })
            .await?;
        let (services, next_cursor) = page;
        let names: Vec<ServiceRef> = services.iter().map(|(name, _)| name.clone()).collect();
        let latest: HashMap<ServiceRef, &'static str> = self
            .inner
            .store
            .latest_for(&names)
            .await?
            .into_iter()
            .map(|deployment| (deployment.service, deployment.status.as_str()))
            .collect();
        let services = services
            .into_iter()
            .map(|(name, summary)| ServiceSummary { status: latest.get(&name).copied(), ..summary })
            .collect();
        Ok(Services { services, next_cursor })
    }
}
