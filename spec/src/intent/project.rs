//! `project.yaml`: the limits that a project's services share.

use super::{ApiVersion, kind};
use crate::size::choice;
use crate::{Digest, MemoryQuota, PodQuota, ProjectName, ProjectRef, VcpuQuota, WorkspaceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(ProjectKind, Project);

/// One project: `clusters/<region>/<workspace>/<project>/project.yaml`. It becomes a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Project {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Project`.
    pub kind: ProjectKind,
    /// Which project this is; must agree with the file's path.
    pub metadata: ProjectMetadata,
    /// What was asked for.
    pub spec: ProjectSpec,
    /// What rendered its manifests.
    pub release: ProjectRelease,
}

/// Which project a file describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProjectMetadata {
    /// The workspace that owns it.
    pub workspace: WorkspaceName,
    /// Its name in the workspace.
    pub name: ProjectName,
}

impl ProjectMetadata {
    /// The project's full name.
    pub fn project_ref(&self) -> ProjectRef {
        ProjectRef { workspace: self.workspace.clone(), project: self.name.clone() }
    }
}

/// What a project asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProjectSpec {
    /// How its pods are kept apart from the node.
    pub isolation: Isolation,
    /// The most that all its pods use together.
    pub quota: ProjectQuota,
}

choice! {
    /// How the pods of a project are kept apart from the node.
    #[derive(Default)]
    Isolation, "isolation", allowed: "restricted or sandboxed", example: "restricted",
    {
        /// Pod Security *restricted*.
        #[default]
        Restricted = "restricted",
        /// In a sandboxed runtime, where an image may run as root: Pod Security *baseline*.
        Sandboxed = "sandboxed",
    }
}

/// The most that all pods of a project use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProjectQuota {
    /// Pods.
    pub pods: PodQuota,
    /// CPU, in whole cores.
    pub vcpus: VcpuQuota,
    /// Memory, in GiB.
    #[serde(rename = "memoryGi")]
    pub memory_gi: MemoryQuota,
}

impl Default for ProjectQuota {
    fn default() -> Self {
        Self { pods: PodQuota::DEFAULT, vcpus: VcpuQuota::DEFAULT, memory_gi: MemoryQuota::DEFAULT }
    }
}

/// What rendered a project's manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProjectRelease {
    /// The template set.
    pub templates: Digest,
}
