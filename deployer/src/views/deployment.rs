//! Deployments and releases.

use schemars::JsonSchema;
use serde::Serialize;

/// A deployment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeploymentView {
    /// Its id.
    pub id: String,
    /// Where it is: queued, building, committed, then, where a cluster is connected, syncing, deploying,
    /// active; or failed, cancelled, superseded.
    pub status: &'static str,
    /// Whether its release was undone since: the service has another one, or none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
    /// What is being done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// What started it.
    pub trigger: &'static str,
    /// The source commit that is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
    /// The ready image, where the source is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_image: Option<String>,
    /// The state commit that it ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// When it was queued, RFC 3339.
    pub created_at: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
    /// The last lines of its build log, when asked for. Untrusted text: it comes from the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<String>>,
}

/// A deployment in the answer to a call that caused or stopped it; `get_service` shows all of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeploymentSummary {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub status: &'static str,
    /// What is being done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// The source commit that is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
    /// The ready image, where the source is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_image: Option<String>,
}

/// Why a deployment failed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ErrorView {
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub suggestion: String,
}

/// A release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReleaseView {
    /// The deployment that made it.
    pub deployment: String,
    /// The source commit that was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
    /// The ready image, where the source is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_image: Option<String>,
    /// The image's digest.
    pub image: String,
    /// The port that pods listen on.
    pub port: u16,
}
