//! Workspaces and projects.

use crate::near::{near, offer};
use crate::{
    Action, Caller, Deployer, ProjectCreated, ProjectDeleted, ProjectView, Projects, Refusal,
    Whoami, WorkspaceView, Workspaces,
};
use inkstone_spec::{Isolation, ProjectRef, Region, WorkspaceName};
use inkstone_state::{Action as StateAction, Message, Proposal, Snapshot, plan};
use inkstone_store::WorkspaceGrant;

impl Deployer {
    /// Who the caller is.
    pub fn whoami(&self, caller: &Caller) -> Result<Whoami, Refusal> {
        let key = caller.key();
        Ok(Whoami {
            key: key.name.to_string(),
            scopes: key.scopes.iter().map(|scope| scope.to_string()).collect(),
            workspaces: match &key.workspaces {
                WorkspaceGrant::All => vec!["*".to_owned()],
                WorkspaceGrant::Some(names) => names.iter().map(ToString::to_string).collect(),
            },
            default_workspace: caller.default_workspace()?.to_string(),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// The workspaces that the caller may read.
    pub fn list_workspaces(&self, caller: &Caller) -> Result<Workspaces, Refusal> {
        self.read_state(|snapshot| {
            let mut workspaces = Vec::new();
            for (name, regions) in snapshot.workspaces()? {
                if caller.may(Action::Read, &name).is_ok() {
                    workspaces.push(WorkspaceView {
                        projects: snapshot.projects(&name)?.len(),
                        regions: regions.iter().map(ToString::to_string).collect(),
                        name: name.to_string(),
                    });
                }
            }
            Ok(Workspaces { workspaces })
        })
    }

    /// The projects of a workspace.
    pub fn list_projects(
        &self,
        caller: &Caller,
        workspace: &WorkspaceName,
    ) -> Result<Projects, Refusal> {
        caller.may(Action::Read, workspace)?;
        self.read_state(|snapshot| {
            existing_workspace(snapshot, workspace)?;
            let projects = snapshot
                .projects(workspace)?
                .into_iter()
                .map(|project| {
                    Ok(ProjectView {
                        namespace: project.namespace().to_string(),
                        services: snapshot.services(&project)?.len(),
                        name: project.project.to_string(),
                    })
                })
                .collect::<Result<_, Refusal>>()?;
            Ok(Projects { projects })
        })
    }

    /// Adds a project: a namespace with its limits.
    pub async fn create_project(
        &self,
        caller: &Caller,
        project: &ProjectRef,
        isolation: Isolation,
    ) -> Result<ProjectCreated, Refusal> {
        caller.may(Action::Deploy, &project.workspace)?;
        let (caller, name) = (caller.clone(), project.clone());
        let committed = self
            .with_state(move |state| {
                let plan = |snapshot: &Snapshot| {
                    let (region, quota) = {
                        let (region, workspace) = existing_workspace(snapshot, &name.workspace)?;
                        (region, workspace.spec.quota)
                    };
                    if snapshot.project(&name)?.is_some() {
                        return Err(Refusal::new(
                            "project_exists",
                            format!("Project {} exists already.", name.project),
                            "Use it as it is: call create_service with this project.",
                        ));
                    }
                    let count = snapshot.projects(&name.workspace)?.len();
                    within_quota("projects", count, quota.projects)?;
                    if isolation == Isolation::Sandboxed {
                        has_sandbox(snapshot, &region)?;
                    }
                    Ok(Some(Proposal {
                        message: Message {
                            action: StateAction::CreateProject(name.clone()),
                            actor: caller.actor().clone(),
                            tool: caller.tool.clone(),
                        },
                        edits: plan::create_project(snapshot, &region, &name, isolation)?,
                    }))
                };
                state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)
            })
            .await?;
        Ok(ProjectCreated {
            project: project.project.to_string(),
            namespace: project.namespace().to_string(),
            commit: committed.commit.to_string(),
            next: format!("Call create_service with project \"{}\".", project.project),
        })
    }

    /// Deletes a project that has no services. One that is gone already stays gone: the answer says so and
    /// is no error.
    pub async fn delete_project(
        &self,
        caller: &Caller,
        project: &ProjectRef,
    ) -> Result<ProjectDeleted, Refusal> {
        caller.may(Action::Delete, &project.workspace)?;
        let (caller, name) = (caller.clone(), project.clone());
        let committed = self
            .with_state(move |state| {
                let plan = |snapshot: &Snapshot| {
                    existing_workspace(snapshot, &name.workspace)?;
                    if snapshot.project(&name)?.is_none() {
                        return Ok(None);
                    }
                    Ok(Some(Proposal {
                        message: Message {
                            action: StateAction::DeleteProject(name.clone()),
                            actor: caller.actor().clone(),
                            tool: caller.tool.clone(),
                        },
                        edits: plan::delete_project(snapshot, &name)?,
                    }))
                };
                state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)
            })
            .await?;
        Ok(ProjectDeleted {
            project: project.project.to_string(),
            deleted: committed.changed,
            commit: committed.changed.then(|| committed.commit.to_string()),
            next: if committed.changed {
                "`git revert` of this commit in the state repo brings the project back.".to_owned()
            } else {
                "There was no such project; call list_projects for those that exist.".to_owned()
            },
        })
    }
}

/// The workspace and its region, or the same answer that a foreign one gets.
pub(crate) fn existing_workspace(
    snapshot: &Snapshot,
    name: &WorkspaceName,
) -> Result<(Region, std::sync::Arc<inkstone_spec::Workspace>), Refusal> {
    snapshot.workspace(name)?.ok_or_else(|| Refusal::no_workspace(name))
}

/// Goes on only if the cluster of `region` can run pods in a sandbox.
fn has_sandbox(snapshot: &Snapshot, region: &Region) -> Result<(), Refusal> {
    let cluster = snapshot.cluster(region)?;
    if cluster.is_some_and(|cluster| cluster.spec.sandboxed_runtime_class.is_some()) {
        return Ok(());
    }
    Err(Refusal::new(
        "no_sandbox",
        format!("The cluster in {region} has no sandboxed runtime."),
        "Leave isolation out and have images run as a numeric user, or ask the operator for a runtime class: sandboxedRuntimeClass in cluster.yaml names it.",
    ))
}

/// Goes on only if there is such a project; otherwise offers what is called like it.
pub(crate) fn existing_project(snapshot: &Snapshot, name: &ProjectRef) -> Result<(), Refusal> {
    if snapshot.project(name)?.is_some() {
        return Ok(());
    }
    let known = snapshot.projects(&name.workspace)?;
    let alike = near(name.project.as_str(), known.iter().map(|p| p.project.to_string()));
    let suggestion = format!("{} create_project makes a new one.", offer(&alike, "list_projects"));
    Err(Refusal::not_found("project", &name.project, suggestion))
}

/// Refuses one more of `what` when there are as many as the workspace may have.
pub(crate) fn within_quota(what: &str, count: usize, quota: u32) -> Result<(), Refusal> {
    if usize::try_from(quota).is_ok_and(|quota| count < quota) {
        return Ok(());
    }
    Err(Refusal::new(
        "quota_exceeded",
        format!("The workspace has {count} {what}; its quota is {quota}."),
        format!(
            "Delete {what} that are no longer needed, or ask the operator to raise the quota in workspace.yaml."
        ),
    ))
}
