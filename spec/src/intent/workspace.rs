//! `workspace.yaml`: a tenant and its caps.

use super::{ApiVersion, kind};
use crate::WorkspaceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(WorkspaceKind, Workspace);

/// One workspace: `clusters/<region>/<workspace>/workspace.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Workspace {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Workspace`.
    pub kind: WorkspaceKind,
    /// Which workspace this is; must agree with the file's path.
    pub metadata: WorkspaceMetadata,
    /// What was granted.
    #[serde(default)]
    pub spec: WorkspaceSpec,
}

/// Which workspace a file describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkspaceMetadata {
    /// Its name.
    pub name: WorkspaceName,
}

/// What a workspace was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkspaceSpec {
    /// How much it may create.
    #[serde(default)]
    pub quota: WorkspaceQuota,
}

/// How much a workspace may create. A create beyond it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkspaceQuota {
    /// Projects.
    pub projects: u32,
    /// Services in all projects together.
    pub services: u32,
    /// Hosted source repositories.
    pub repos: u32,
}

impl Default for WorkspaceQuota {
    fn default() -> Self {
        Self { projects: 50, services: 1000, repos: 1000 }
    }
}
