//! What a commit of Inkstone's does, and what its message says of it.

use crate::undo::Field;
use inkstone_spec::{
    CommitId, DeploymentId, Digest, Owner, ProjectRef, Recipient, Release, RepoRef, ServiceRef,
    WorkspaceName,
};

/// The action of a commit that has a deployment's outcome: others only name the release they restore.
pub(crate) const DEPLOY: &str = "deploy";
/// How long the names of changed fields in a subject may be together.
const MAX_NAMES_CHARS: usize = 80;

/// What a commit of Inkstone's does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Founds the state repo.
    Found,
    /// Makes a template set the current one.
    InstallTemplates(Digest),
    /// Adds a workspace.
    AddWorkspace(WorkspaceName),
    /// Adds a project.
    CreateProject(ProjectRef),
    /// Removes a project that has no services.
    DeleteProject(ProjectRef),
    /// Adds a service: intent, env and host claim.
    CreateService(ServiceRef),
    /// Changes what a service is asked to be; its release stays.
    UpdateService {
        /// The service.
        service: ServiceRef,
        /// What of it changes.
        fields: Vec<Field>,
    },
    /// Deploys a service.
    Deploy {
        /// The service.
        service: ServiceRef,
        /// The deployment.
        deployment: DeploymentId,
        /// What was built, and the repository that it is from; `None`: a ready image was taken.
        source: Option<(RepoRef, CommitId)>,
        /// What came out.
        image: Digest,
    },
    /// Takes a service back to how it was.
    Rollback {
        /// The service.
        service: ServiceRef,
        /// The commit whose state of the service it goes back to.
        to: CommitId,
        /// The release that it has afterwards.
        release: Option<Released>,
    },
    /// Undoes one commit of a service.
    Revert {
        /// The service.
        service: ServiceRef,
        /// The commit that is undone.
        commit: CommitId,
        /// The release that the service has afterwards.
        release: Option<Released>,
    },
    /// Removes a service with its env and host claims.
    DeleteService(ServiceRef),
    /// Renders the manifests that follow from what somebody else committed.
    Render(Owner),
    /// Renders a service's or a project's manifests by the current template set.
    Upgrade(Owner),
    /// Changes to whom the clusters seal.
    SetRecipients {
        /// Who can open what is sealed from now on.
        added: Vec<Recipient>,
        /// Who no longer can.
        removed: Vec<Recipient>,
    },
    /// Seals a service's env to others. No value changes.
    Rotate(ServiceRef),
}

/// What a trailer says of the release that a service has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The deployment that made it.
    pub deployment: DeploymentId,
    /// What was built; `None`: a ready image was taken.
    pub source_commit: Option<CommitId>,
    /// What came out.
    pub image: Digest,
}

impl From<&Release> for Released {
    fn from(release: &Release) -> Self {
        Self {
            deployment: release.deployment.clone(),
            source_commit: release.source_commit.clone(),
            image: release.image.clone(),
        }
    }
}

impl Action {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::InstallTemplates(_) => "install-templates",
            Self::AddWorkspace(_) => "add-workspace",
            Self::CreateProject(_) => "create-project",
            Self::DeleteProject(_) => "delete-project",
            Self::CreateService(_) => "create-service",
            Self::UpdateService { .. } => "update-service",
            Self::Deploy { .. } => DEPLOY,
            Self::Rollback { .. } => "rollback",
            Self::Revert { .. } => "revert",
            Self::DeleteService(_) => "delete-service",
            Self::Render(_) => "render",
            Self::Upgrade(_) => "upgrade",
            Self::SetRecipients { .. } => "set-recipients",
            Self::Rotate(_) => "rotate",
        }
    }

    pub(super) fn service(&self) -> Option<&ServiceRef> {
        match self {
            Self::CreateService(service)
            | Self::UpdateService { service, .. }
            | Self::Deploy { service, .. }
            | Self::Rollback { service, .. }
            | Self::Revert { service, .. }
            | Self::DeleteService(service)
            | Self::Render(Owner::Service(service))
            | Self::Upgrade(Owner::Service(service))
            | Self::Rotate(service) => Some(service),
            _ => None,
        }
    }

    /// The release that the service has afterwards, where the action decides it.
    pub(super) fn released(&self) -> Option<Released> {
        match self {
            Self::Deploy { deployment, source, image, .. } => Some(Released {
                deployment: deployment.clone(),
                source_commit: source.as_ref().map(|(_, commit)| commit.clone()),
                image: image.clone(),
            }),
            Self::Rollback { release, .. } | Self::Revert { release, .. } => release.clone(),
            _ => None,
        }
    }

    pub(super) fn subject(&self) -> String {
        match self {
            Self::Found => "found the state repo".to_owned(),
            Self::InstallTemplates(set) => {
                format!("install template set {}", set.hex().get(..12).unwrap_or_default())
            }
            Self::AddWorkspace(workspace) => format!("add workspace {workspace}"),
            Self::CreateProject(project) => format!("create project {project}"),
            Self::DeleteProject(project) => format!("delete project {project}"),
            Self::CreateService(service) => format!("create {service}"),
            Self::UpdateService { service, fields } if fields.is_empty() => {
                format!("update {service}")
            }
            Self::UpdateService { service, fields } => {
                format!("update {service}: {}", some_of(fields))
            }
            Self::Deploy { service, source: Some((_, commit)), .. } => {
                format!("deploy {service} at {}", commit.short())
            }
            Self::Deploy { service, source: None, image, .. } => {
                format!("deploy {service} at image {}", image.hex().get(..12).unwrap_or_default())
            }
            Self::Rollback { service, to, .. } => {
                format!("roll back {service} to {}", to.short())
            }
            Self::Revert { service, commit, .. } => {
                format!("revert {} of {service}", commit.short())
            }
            Self::DeleteService(service) => format!("delete {service}"),
            Self::Render(owner) => format!("render {owner}"),
            Self::Upgrade(owner) => format!("upgrade {owner}"),
            Self::SetRecipients { added, removed } => {
                match (added.as_slice(), removed.as_slice()) {
                    ([added], []) => format!("seal to {added} too"),
                    ([], [removed]) => format!("seal no longer to {removed}"),
                    ([added], [removed]) => format!("seal to {added} for {removed}"),
                    (added, removed) => {
                        format!("seal to {} more and {} fewer", added.len(), removed.len())
                    }
                }
            }
            Self::Rotate(service) => format!("rotate the keys of {service}"),
        }
    }

    /// What a reader needs beside the subject.
    pub(super) fn body(&self) -> Option<String> {
        match self {
            Self::Rollback { to, .. } => Some(format!(
                "Image, settings and env are again those of commit {to},\nbut for what was changed after the release that this leaves."
            )),
            Self::Revert { commit, .. } => Some(format!("This reverts commit {commit}.")),
            Self::SetRecipients { added, removed } => {
                let added = added.iter().map(|it| format!("{it} can open it from now on."));
                let removed = removed.iter().map(|it| format!("{it} can open nothing new."));
                Some(added.chain(removed).collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        }
    }
}

/// The first of these names, as many as a line has room for.
fn some_of(fields: &[Field]) -> String {
    let mut names = String::new();
    for (told, field) in fields.iter().enumerate() {
        let (name, comma) = (field.to_string(), if told > 0 { ", " } else { "" });
        if names.len() + comma.len() + name.len() > MAX_NAMES_CHARS {
            let left = fields.len() - told;
            let and = if told > 0 { " and " } else { "" };
            let fields = if left == 1 { "field" } else { "fields" };
            return format!("{names}{and}{left} {fields}{}", if told > 0 { " more" } else { "" });
        }
        names = names + comma + &name;
    }
    names
}
