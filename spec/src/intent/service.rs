//! `service.yaml`: what a service should be, and what its last deploy made.

use super::{ApiVersion, kind};
use crate::size::choice;
use crate::{
    BranchName, CommitId, DeploymentId, Digest, HoldReason, Hostname, KeyName, Memory, Port,
    ProjectName, RelativeDir, Replicas, RepoName, ServiceName, ServiceRef, ServiceUid, UserId,
    UtcTime, Vcpus, WorkspaceName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(ServiceKind, Service);

/// One service: `clusters/<region>/<workspace>/<project>/services/<service>/service.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Service`.
    pub kind: ServiceKind,
    /// Which service this is; must agree with the file's path.
    pub metadata: ServiceMetadata,
    /// What was asked for. People may edit it.
    pub spec: ServiceSpec,
    /// What the last deploy made. Absent until the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
}

/// Which service a file describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceMetadata {
    /// The workspace that owns it.
    pub workspace: WorkspaceName,
    /// The project it is in.
    pub project: ProjectName,
    /// Its name in the project.
    pub name: ServiceName,
    /// New at each creation.
    pub uid: ServiceUid,
}

impl ServiceMetadata {
    /// The service's full name.
    pub fn service_ref(&self) -> ServiceRef {
        ServiceRef {
            workspace: self.workspace.clone(),
            project: self.project.clone(),
            service: self.name.clone(),
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// Where its source is.
    pub source: Source,
    /// How its source becomes an image.
    pub build: Build,
    /// The port it listens on. Absent: the one found in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// How many pods it runs.
    pub replicas: Replicas,
    /// What each pod gets.
    pub resources: Resources,
    /// Hosts beside the default one.
    #[serde(default)]
    pub hosts: Vec<Hostname>,
    /// Keeps the service where it is until it is lifted: nothing is deployed, and what runs goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// A branch of a source repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Source {
    /// Who hosts the repository.
    pub host: SourceHost,
    /// The repository.
    pub repo: RepoName,
    /// The branch that is deployed when it moves.
    pub branch: BranchName,
}

choice! {
    /// Who hosts a source repository.
    SourceHost, "source host", allowed: "inkstone", example: "inkstone",
    {
        /// Inkstone's own git server.
        Inkstone = "inkstone",
    }
}

choice! {
    /// How source becomes an image.
    Pack, "build pack", allowed: "static", example: "static",
    {
        /// Files served as they are.
        Static = "static",
    }
}

/// How a service's source becomes an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Build {
    /// The build pack.
    pub pack: Pack,
    /// The directory of the repository that is the source; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<RelativeDir>,
    /// The directory, below the root directory, that is published; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_directory: Option<RelativeDir>,
}

/// What each pod of a service gets: requested and limited alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Resources {
    /// Memory.
    pub memory: Memory,
    /// CPU, in cores.
    pub vcpus: Vcpus,
}

/// Why nothing is deployed to a service for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Hold {
    /// Why.
    pub reason: HoldReason,
    /// Who put it on hold.
    pub by: KeyName,
    /// Since when.
    pub since: UtcTime,
}

/// What the last deploy made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// The deployment that made it.
    pub deployment: DeploymentId,
    /// The source commit that was built.
    pub source_commit: CommitId,
    /// The image's digest.
    pub image: Digest,
    /// The port found in the image, used when the spec names none.
    pub port: Port,
    /// The user that the image runs as.
    pub user: UserId,
    /// The template set that rendered the manifests.
    pub templates: Digest,
}

impl Service {
    /// The port that pods listen on, once there is a release.
    pub fn effective_port(&self) -> Option<Port> {
        self.spec.port.or_else(|| self.release.as_ref().map(|release| release.port))
    }
}
