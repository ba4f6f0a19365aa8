//! Repositories.

use schemars::JsonSchema;
use serde::Serialize;

/// A repository is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoDeleted {
    /// Its name.
    pub repo: String,
    /// Whether this call deleted it; otherwise it was gone before.
    pub deleted: bool,
    /// What to do next.
    pub next: String,
}

/// A repository to push to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoAccess {
    /// Its name.
    pub repo: String,
    /// The remote with a token in it: a secret.
    pub git_remote: String,
    /// When the token ends, RFC 3339.
    pub expires_at: String,
    /// What to do next.
    pub next: String,
}

/// The repositories of a workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Repos {
    /// By name.
    pub repos: Vec<RepoView>,
    /// Give it to the next call for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A repository.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoView {
    /// Its name.
    pub name: String,
    /// Its branches, each with its commit.
    pub branches: Vec<BranchView>,
}

/// A branch.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchView {
    /// Its name.
    pub name: String,
    /// Where it points.
    pub source_commit: String,
}
