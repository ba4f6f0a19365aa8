//! `service.yaml`: what a service should be, and what its last deploy made.

use super::{ApiVersion, kind};
use crate::size::choice;
use crate::{
    CommitId, DeploymentId, Digest, HoldReason, Hostname, ImageReference, KeyName, Memory, Port,
    ProjectName, RelativeDir, Replicas, Revision, ServiceName, ServiceRef, ServiceUid, Source,
    UserId, UtcTime, Vcpus, WorkspaceName,
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
    /// How its source becomes an image: by the pack `image` exactly where it is one already.
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

choice! {
    /// How source becomes an image.
    Pack, "build pack", allowed: "static or image", example: "static",
    {
        /// Files served as they are.
        Static = "static",
        /// The source is a ready image.
        Image = "image",
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
    /// The source commit that was built; absent where the source was an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<CommitId>,
    /// The ready image that was taken; absent where a commit was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_image: Option<ImageReference>,
    /// The image's digest.
    pub image: Digest,
    /// The port found in the image, used when the spec names none.
    pub port: Port,
    /// The user that the image runs as.
    pub user: UserId,
    /// The template set that rendered the manifests.
    pub templates: Digest,
}

impl Release {
    /// Whether it was made of this.
    pub fn is_of(&self, revision: &Revision) -> bool {
        self.source_commit.as_ref() == revision.commit()
            && self.source_image.as_ref() == revision.image()
    }
}

impl Build {
    /// How a ready image is taken.
    pub fn image() -> Self {
        Self { pack: Pack::Image, root_directory: None, publish_directory: None }
    }
}

impl ServiceSpec {
    /// What is wrong with how its parts go together, and what to do; `None` where they do.
    pub fn contradiction(&self) -> Option<&'static str> {
        match (&self.source, self.build.pack) {
            (Source::Image { .. }, Pack::Image) if self.build == Build::image() => None,
            (Source::Image { .. }, Pack::Image) => {
                Some("an image has no rootDirectory and no publishDirectory: remove them")
            }
            (Source::Image { .. }, _) => {
                Some("the source is an image: let spec.build.pack be image")
            }
            (Source::Branch(_), Pack::Image) => {
                Some("the pack image needs an image: let spec.source be {image: …}")
            }
            (Source::Branch(_), _) => None,
        }
    }
}

impl Service {
    /// The port that pods listen on, once there is a release.
    pub fn effective_port(&self) -> Option<Port> {
        self.spec.port.or_else(|| self.release.as_ref().map(|release| release.port))
    }
}
