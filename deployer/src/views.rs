//! What callers are shown. Texts, because they are only ever printed; the types behind them are parsed
//! where they come in.

use inkstone_spec::Hold;
use schemars::JsonSchema;
use serde::Serialize;

/// Who the caller is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Whoami {
    /// The key's name: who acts, in commits and logs.
    pub key: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where it may do it; `*` stands for everywhere.
    pub workspaces: Vec<String>,
    /// The workspace that is meant when none is named.
    pub default_workspace: String,
    /// The server's version.
    pub server_version: String,
}

/// The caller's workspaces.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Workspaces {
    /// By name.
    pub workspaces: Vec<WorkspaceView>,
}

/// A workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WorkspaceView {
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub regions: Vec<String>,
    /// How many projects it has.
    pub projects: usize,
}

/// The projects of a workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Projects {
    /// By name.
    pub projects: Vec<ProjectView>,
}

/// A project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// How many services it has.
    pub services: usize,
}

/// A project was created.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectCreated {
    /// Its name.
    pub project: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// The state commit.
    pub commit: String,
    /// What to call next.
    pub next: String,
}

/// A project is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectDeleted {
    /// Its name.
    pub project: String,
    /// Whether this call deleted it; otherwise it was gone before.
    pub deleted: bool,
    /// The state commit that removed it; reverting that commit brings it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What to call next.
    pub next: String,
}

/// A repository is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoDeleted {
    /// Its name.
    pub repo: String,
    /// Whether this call deleted it; otherwise it was gone before.
    pub deleted: bool,
    /// What to do next.
    pub next: String,
}

/// A repository to push to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoAccess {
    /// Its name.
    pub repo: String,
    /// The remote with a token in it: a secret.
    pub git_remote: String,
    /// When the token ends, RFC 3339.
    pub expires_at: String,
    /// What to do next.
    pub next: String,
}

/// The repositories of a workspace.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Repos {
    /// By name.
    pub repos: Vec<RepoView>,
    /// Give it to the next call for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A repository.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepoView {
    /// Its name.
    pub name: String,
    /// Its branches, each with its commit.
    pub branches: Vec<BranchView>,
}

/// A branch.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BranchView {
    /// Its name.
    pub name: String,
    /// Where it points.
    pub source_commit: String,
}

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

/// An environment variable.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvVarView {
    /// Its name.
    pub key: String,
    /// Its value, when asked for: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
