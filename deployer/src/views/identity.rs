//! Who asks, and what is theirs.

use schemars::JsonSchema;
use serde::Serialize;

/// Who the caller is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Whoami {
    /// The key's name: who acts, in commits and logs.
    pub key: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where it may do it; `*` stands for everywhere.
    pub workspaces: Vec<String>,
    /// The workspace that is meant when none is named.
    pub default_workspace: String,
    /// The server's version.
    pub server_version: String,
}

/// The caller's workspaces.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Workspaces {
    /// By name.
    pub workspaces: Vec<WorkspaceView>,
}

/// A workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkspaceView {
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub regions: Vec<String>,
    /// How many projects it has.
    pub projects: usize,
}

/// The projects of a workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Projects {
    /// By name.
    pub projects: Vec<ProjectView>,
}

/// A project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// How many services it has.
    pub services: usize,
}

/// A project was created.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectCreated {
    /// Its name.
    pub project: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// The state commit.
    pub commit: String,
    /// What to call next.
    pub next: String,
}

/// A project is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectDeleted {
    /// Its name.
    pub project: String,
    /// Whether this call deleted it; otherwise it was gone before.
    pub deleted: bool,
    /// The state commit that removed it; reverting that commit brings it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What to call next.
    pub next: String,
}
