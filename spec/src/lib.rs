//! The nouns of Inkstone: names, ids, sizes, the files of the state repo and where they live.
//!
//! Owns every type that crosses a crate boundary and every limit on it. A value of one of these
//! types is valid by construction: constructors refuse, nothing repairs, and serde goes through the
//! constructors.
//!
//! Must not know: any I/O, clock or randomness; how intents are rendered, stored, sealed or served.

mod credential;
mod deployment;
mod digest;
mod env;
mod error;
mod hold;
mod host;
mod ids;
mod image;
mod intent;
mod layout;
mod names;
mod paths;
mod printable;
pub mod schema;
mod size;
mod text;
pub mod yaml;

pub use credential::{
    ApiKey, CredentialHash, GitToken, PullToken, Scope, Scopes, docker_config_json,
};
pub use deployment::{DeploymentStatus, Trigger};
pub use digest::{CommitId, CommitPrefix, Digest};
pub use env::{EnvKey, EnvValue, MAX_ENV_KEYS, MAX_ENV_VALUE_BYTES};
pub use error::Invalid;
pub use hold::{HoldReason, UtcTime};
pub use host::{Hostname, RESERVED_HOST_LABELS, default_host, port_name};
pub use ids::{DeploymentId, ServiceUid};
pub use image::ImageReference;
pub use intent::{
    ApiVersion, Build, Cluster, ClusterKind, ClusterMetadata, ClusterSpec, Hold, Host, HostKind,
    HostMetadata, HostSpec, Ingress, Inkstone, InkstoneKind, InkstoneSpec, Isolation, Pack,
    Project, ProjectKind, ProjectMetadata, ProjectQuota, ProjectRelease, ProjectSpec, Release,
    Resources, Revision, Service, ServiceKind, ServiceMetadata, ServiceSpec, Source, SourceBranch,
    SourceHost, Workspace, WorkspaceKind, WorkspaceMetadata, WorkspaceQuota, WorkspaceSpec,
};
pub use layout::{FileName, Owner, StatePath, TemplateScope};
pub use names::{
    BranchName, ImageRegistry, KeyName, KubernetesName, Namespace, ProjectName, ProjectRef,
    Recipient, Region, RepoName, RepoRef, ServiceName, ServiceRef, SigningKey, WorkspaceName,
};
pub use paths::RelativeDir;
pub use printable::{escaped, printable, printable_lines};
pub use size::{Memory, MemoryQuota, PodQuota, Port, Replicas, UserId, VcpuQuota, Vcpus};

/// The layout of the state repo that this version reads and writes.
pub const LAYOUT_VERSION: u32 = 1;
