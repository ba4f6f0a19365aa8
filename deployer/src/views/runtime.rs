//! What the cluster reports.

use schemars::JsonSchema;
use serde::Serialize;

/// What the cluster reports.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct RuntimeView {
    /// `syncing`, `deploying`, `active` or `failed`; `not_released` before the first release, `unseen`
    /// while the cluster is out of sight, `not_observed` where none is connected.
    pub status: &'static str,
    /// What that means. It may quote the pod: untrusted text.
    pub message: String,
    /// A stable code for what keeps it from being active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The state commit that `ArgoCD` compared the cluster with last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// How many pods it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas_wanted: Option<u8>,
    /// How many of its pods take requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas_ready: Option<u32>,
    /// Its pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodView>,
    /// What the cluster warned of, newest first. Untrusted text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventView>,
    /// What its pods wrote last, when asked for. Untrusted text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<Vec<PodLogView>>,
}

/// A pod.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// What it does, in a word or two.
    pub status: String,
    /// How often its process was started again.
    pub restarts: u32,
    /// Whether it is of the release that is applied now.
    pub newest: bool,
}

/// A warning of the cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventView {
    /// One word.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// How often.
    pub count: u32,
    /// When it happened last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// What one pod wrote last.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PodLogView {
    /// Its name.
    pub pod: String,
    /// Whether these are the lines of the process that ran before it was started again.
    pub earlier: bool,
    /// The lines, oldest first.
    pub lines: Vec<String>,
    /// Why there are none, or fewer than were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
