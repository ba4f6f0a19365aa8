//! `<hostname>.yaml`: which service owns a host name.

use super::{ApiVersion, kind};
use crate::{Hostname, ProjectName, ServiceName, ServiceRef, ServiceUid, WorkspaceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(HostKind, Host);

/// The claim of a service on a host name: `hosts/<2 hex>/<hostname>.yaml`. One file a host, so two
/// owners cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Host {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Host`.
    pub kind: HostKind,
    /// Which host this is; must agree with the file's path.
    pub metadata: HostMetadata,
    /// Who owns it.
    pub spec: HostSpec,
}

/// Which host a claim is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HostMetadata {
    /// The host name.
    pub name: Hostname,
}

/// The service that owns a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HostSpec {
    /// Its workspace.
    pub workspace: WorkspaceName,
    /// Its project.
    pub project: ProjectName,
    /// Its name.
    pub service: ServiceName,
    /// Its life: a service made anew under the same name does not inherit the claim.
    pub uid: ServiceUid,
}

impl HostSpec {
    /// The owner's full name.
    pub fn service_ref(&self) -> ServiceRef {
        ServiceRef {
            workspace: self.workspace.clone(),
            project: self.project.clone(),
            service: self.service.clone(),
        }
    }
}
