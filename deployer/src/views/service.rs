//! Services as they are and were.

use super::{DeploymentView, ReleaseView, RuntimeView};
use inkstone_spec::Hold;
use schemars::JsonSchema;
use serde::Serialize;

/// The services of a workspace or project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Services {
    /// By project and name.
    pub services: Vec<ServiceSummary>,
    /// Give it to the next call for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What happened to a service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceHistory {
    /// `project/name`.
    pub service: String,
    /// Newest first.
    pub entries: Vec<HistoryEntryView>,
    /// Give it to the next call for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What one commit of the state repo did to a service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HistoryEntryView {
    /// The state commit.
    pub commit: String,
    /// What it did, as its trailer says; `operator`: somebody pushed it.
    pub action: String,
    /// Who asked, or who pushed. Untrusted text, like the subject.
    pub actor: String,
    /// When, RFC 3339.
    pub at: String,
    /// The first line of its message.
    pub subject: String,
    /// The deployment whose release it brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The source commit of that release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
    /// Whether it can be undone by itself.
    pub revertible: bool,
    /// How, or why not.
    pub revert: String,
}

/// A service in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceSummary {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Its source repository; absent where its source is a ready image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Its source, where that is a ready image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Where it answers.
    pub url: String,
    /// The status of its newest deployment; once that is committed, how what is released is doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

/// A service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// Its workspace.
    pub workspace: String,
    /// Its region.
    pub region: String,
    /// Its source repository; absent where its source is a ready image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Its source, where that is a ready image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The branch that is deployed when it moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// How it is built.
    pub build_pack: String,
    /// How many pods it runs.
    pub replicas: u8,
    /// Memory of each.
    pub memory: String,
    /// CPU of each.
    pub vcpus: String,
    /// Where it answers.
    pub url: String,
    /// Other hosts of it.
    pub hosts: Vec<String>,
    /// Why nothing is deployed to it for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldView>,
    /// Its newest deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentView>,
    /// What the state repo has it run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseView>,
    /// What the cluster reports.
    pub runtime: RuntimeView,
    /// Its environment variables; values only when asked for.
    pub env_vars: Vec<EnvVarView>,
    /// The state commit that this was read at.
    pub commit: String,
    /// What to call next.
    pub next: String,
}

/// Why nothing is deployed to a service for now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HoldView {
    /// Why.
    pub reason: String,
    /// Who put it on hold.
    pub by: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl From<&Hold> for HoldView {
    fn from(hold: &Hold) -> Self {
        let Hold { reason, by, since } = hold;
        Self { reason: reason.to_string(), by: by.to_string(), since: since.to_string() }
    }
}

/// An environment variable.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvVarView {
    /// Its name.
    pub key: String,
    /// Its value, when asked for: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
