//! A deployment as it is stored.

use crate::StoreError;
use crate::row::{Columns, parse};
use crate::sqlite::Row;
use inkstone_spec::{
    CommitId, DeploymentId, DeploymentStatus, Digest, Invalid, KeyName, Revision, ServiceRef,
    ServiceUid, SourceBranch, Trigger,
};
use std::fmt;
use std::str::FromStr;

/// The columns of a [`Deployment`], in the order in which it reads them.
macro_rules! columns {
    () => {
        "id, workspace, project, service, service_uid, trigger_kind, actor, tool, request_id, \
         source_host, source_repo, source_branch, source_commit, source_image, intent_hash, override_of, \
         status, held, step, stop_requested, error_code, error_message, error_suggestion, image, \
         state_commit, created_at, started_at, finished_at, lease_owner, lease_until, attempts"
    };
}
pub(crate) use columns;

/// A deployment to be queued.
#[derive(Clone, Debug)]
pub struct NewDeployment {
    /// Its id, new.
    pub id: DeploymentId,
    /// The service, by name.
    pub service: ServiceRef,
    /// The service's present life.
    pub service_uid: ServiceUid,
    /// What started it.
    pub trigger: Trigger,
    /// The key that acts.
    pub actor: KeyName,
    /// The tool or door it came through, such as `create_service` or `git push`.
    pub tool: String,
    /// The request that it belongs to, as logs name it.
    pub request_id: String,
    /// What is deployed.
    pub revision: Revision,
    /// What identifies the service's intent: equal for equal intents.
    pub intent_hash: String,
    /// Where somebody wants it although its source commit was undone: the release up to which that
    /// holds.
    pub override_of: Option<OverrideOf>,
}

/// The release that was current when somebody overrode an undoing. Once another one is current, the
/// override means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideOf {
    /// There was none.
    NoRelease,
    /// The release of this deployment.
    Release(DeploymentId),
}

/// How [`OverrideOf::NoRelease`] is written.
const NO_RELEASE: &str = "none";

impl OverrideOf {
    /// Whether the release of `current` (`None`: there is none) is the one that was current then.
    pub fn is(&self, current: Option<&DeploymentId>) -> bool {
        match self {
            Self::NoRelease => current.is_none(),
            Self::Release(deployment) => current == Some(deployment),
        }
    }
}

impl From<Option<DeploymentId>> for OverrideOf {
    fn from(current: Option<DeploymentId>) -> Self {
        current.map_or(Self::NoRelease, Self::Release)
    }
}

impl fmt::Display for OverrideOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRelease => f.write_str(NO_RELEASE),
            Self::Release(deployment) => deployment.fmt(f),
        }
    }
}

impl FromStr for OverrideOf {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        if value == NO_RELEASE { Ok(Self::NoRelease) } else { value.parse().map(Self::Release) }
    }
}

/// A deployment: a row of the queue, later of its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// The service, by name.
    pub service: ServiceRef,
    /// The life of the service that it belongs to.
    pub service_uid: ServiceUid,
    /// What started it.
    pub trigger: Trigger,
    /// The key that acted.
    pub actor: KeyName,
    /// The tool or door it came through.
    pub tool: String,
    /// The request that it belongs to.
    pub request_id: String,
    /// What is deployed.
    pub revision: Revision,
    /// What identifies the service's intent.
    pub intent_hash: String,
    /// The release up to which it may deploy what was undone.
    pub override_of: Option<OverrideOf>,
    /// Where it is.
    pub status: DeploymentStatus,
    /// Whether it waits for its service's hold to be lifted; only what is queued does.
    pub held: bool,
    /// What its worker does, in a few words; empty before the first.
    pub step: String,
    /// Whether its worker was asked to stop, and why.
    pub stop_requested: Option<Stop>,
    /// What it failed with, or why it was skipped.
    pub error: Option<DeploymentError>,
    /// The image that was built.
    pub image: Option<Digest>,
    /// The commit in the state repo.
    pub state_commit: Option<CommitId>,
    /// When it was queued, in milliseconds since the epoch.
    pub created_at: i64,
    /// When a worker first took it.
    pub started_at: Option<i64>,
    /// When it was committed, failed, was cancelled or superseded.
    pub finished_at: Option<i64>,
    /// The worker that has it.
    pub lease_owner: Option<String>,
    /// When that worker must have been heard of again.
    pub lease_until: Option<i64>,
    /// How many workers took it; one that gives it back does not count.
    pub attempts: u32,
}

/// Why a deployment is to stop before its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody cancelled it.
    Cancelled,
    /// A newer deployment took its place.
    Superseded,
}

impl Stop {
    /// The status that it ends in: how the reason is stored, too.
    pub fn status(self) -> DeploymentStatus {
        match self {
            Self::Cancelled => DeploymentStatus::Cancelled,
            Self::Superseded => DeploymentStatus::Superseded,
        }
    }
}

impl FromStr for Stop {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        match value.parse()? {
            DeploymentStatus::Cancelled => Ok(Self::Cancelled),
            DeploymentStatus::Superseded => Ok(Self::Superseded),
            _ => Err(Invalid::new("reason to stop", value, "cancelled or superseded", "cancelled")),
        }
    }
}

/// What a deployment failed with, or why it was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentError {
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub suggestion: String,
}

impl Deployment {
    /// Reads a row of [`columns!`].
    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: columns.text("id")?,
            service: columns.service()?,
            service_uid: columns.text("service_uid")?,
            trigger: columns.text("trigger_kind")?,
            actor: columns.text("actor")?,
            tool: columns.value()?,
            request_id: columns.value()?,
            revision: revision(&mut columns)?,
            intent_hash: columns.value()?,
            override_of: columns.optional_text("override_of")?,
            status: columns.text("status")?,
            held: columns.value::<i64>()? != 0,
            step: columns.value()?,
            stop_requested: columns.optional_text("stop_requested")?,
            error: DeploymentError::read(&mut columns)?,
            image: columns.optional_text("image")?,
            state_commit: columns.optional_text("state_commit")?,
            created_at: columns.value()?,
            started_at: columns.value()?,
            finished_at: columns.value()?,
            lease_owner: columns.value()?,
            lease_until: columns.value()?,
            attempts: u32::try_from(columns.value::<i64>()?).unwrap_or(u32::MAX),
        })
    }

    pub(crate) fn from_rows(rows: &[Row]) -> Result<Vec<Self>, StoreError> {
        rows.iter().map(Self::from_row).collect()
    }
}

impl DeploymentError {
    fn read(columns: &mut Columns<'_>) -> Result<Option<Self>, StoreError> {
        let code: Option<String> = columns.value()?;
        let message: Option<String> = columns.value()?;
        let suggestion: Option<String> = columns.value()?;
        Ok(code.map(|code| Self {
            code,
            message: message.unwrap_or_default(),
            suggestion: suggestion.unwrap_or_default(),
        }))
    }
}

/// A commit, or an image where there is one.
fn revision(columns: &mut Columns<'_>) -> Result<Revision, StoreError> {
    let host: Option<&str> = columns.value()?;
    let repo: Option<&str> = columns.value()?;
    let branch: Option<&str> = columns.value()?;
    let commit: Option<&str> = columns.value()?;
    if let Some(image) = columns.optional_text("source_image")? {
        return Ok(Revision::Image(image));
    }
    Ok(Revision::Commit {
        branch: SourceBranch {
            host: parse(host.unwrap_or_default(), "source_host")?,
            repo: parse(repo.unwrap_or_default(), "source_repo")?,
            branch: parse(branch.unwrap_or_default(), "source_branch")?,
        },
        commit: parse(commit.unwrap_or_default(), "source_commit")?,
    })
}

/// The ids of rows that a statement returned.
pub(crate) fn ids(values: &[String]) -> Result<Vec<DeploymentId>, StoreError> {
    values.iter().map(|value| parse(value, "id")).collect()
}
