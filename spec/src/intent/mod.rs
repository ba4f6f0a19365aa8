//! The files of the state repo that people and Inkstone write, as types.
//!
//! All of them refuse unknown fields, so a typo is an error and never a silently ignored wish.

mod cluster;
mod host;
mod inkstone;
mod project;
mod service;
mod source;
mod workspace;

pub use cluster::{Cluster, ClusterKind, ClusterMetadata, ClusterSpec, Ingress};
pub use host::{Host, HostKind, HostMetadata, HostSpec};
pub use inkstone::{Inkstone, InkstoneKind, InkstoneSpec};
pub use project::{
    Isolation, Project, ProjectKind, ProjectMetadata, ProjectQuota, ProjectRelease, ProjectSpec,
};
pub use service::{
    Build, Hold, Pack, Release, Resources, Service, ServiceKind, ServiceMetadata, ServiceSpec,
};
pub use source::{Revision, Source, SourceBranch, SourceHost};
pub use workspace::{Workspace, WorkspaceKind, WorkspaceMetadata, WorkspaceQuota, WorkspaceSpec};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of every intent file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiVersion {
    /// The first.
    #[default]
    #[serde(rename = "inkstone.dev/v1")]
    V1,
}

/// Defines the type of a `kind:` field, which has one value.
macro_rules! kind {
    ($name:ident, $variant:ident) => {
        #[doc = concat!("`kind: ", stringify!($variant), "`.")]
        #[derive(
            Clone,
            Copy,
            Debug,
            Default,
            PartialEq,
            Eq,
            serde::Serialize,
            serde::Deserialize,
            schemars::JsonSchema,
        )]
        #[schemars(inline)]
        pub enum $name {
            #[doc = concat!("The only value: `", stringify!($variant), "`.")]
            #[default]
            $variant,
        }
    };
}
pub(crate) use kind;
