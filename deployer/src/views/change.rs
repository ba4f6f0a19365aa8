//! What became of a wish to change a service.

use super::{DeploymentSummary, ReleaseView};
use schemars::JsonSchema;
use serde::Serialize;

/// A service was created.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceCreated {
    /// `project/name`.
    pub service: String,
    /// The state commit that has its intent.
    pub commit: String,
    /// Where it will answer.
    pub url: String,
    /// Its first deployment; absent while its branch has no commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentSummary>,
    /// What to call next.
    pub next: String,
}

/// What became of a wish to change a service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceUpdated {
    /// `project/name`.
    pub service: String,
    /// Whether anything changed.
    pub changed: bool,
    /// What changed, as service.yaml calls it; variables as `env.KEY`.
    pub fields: Vec<String>,
    /// The state commit of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The deployment that follows from a change of source or build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentSummary>,
    /// What to call next.
    pub next: String,
}

/// What became of a wish to take a service back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RolledBack {
    /// `project/name`.
    pub service: String,
    /// Whether anything changed.
    pub changed: bool,
    /// What changed, as service.yaml calls it; variables as `env.KEY`; `service` where it came or went.
    pub fields: Vec<String>,
    /// The state commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The release that it has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseView>,
    /// What to call next.
    pub next: String,
}

/// A deployment was queued.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Redeployed {
    /// `project/name`.
    pub service: String,
    /// The deployment.
    pub deployment: DeploymentSummary,
    /// Older deployments that gave way.
    pub superseded: Vec<String>,
    /// What to call next.
    pub next: String,
}

/// What became of a wish to cancel.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cancelled {
    /// The deployment.
    pub deployment: DeploymentSummary,
    /// `cancelled`, or `requested` while its worker still has to stop.
    pub outcome: &'static str,
    /// What to call next.
    pub next: String,
}

/// A service is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceDeleted {
    /// `project/name`.
    pub service: String,
    /// Whether this call deleted it; otherwise it was gone before.
    pub deleted: bool,
    /// The state commit that removed it; reverting that commit brings it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Deployments that were cancelled.
    pub cancelled: Vec<String>,
    /// What to call next.
    pub next: String,
}
