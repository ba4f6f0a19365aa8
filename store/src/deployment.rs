//! A deployment as it is stored.

use crate::StoreError;
use crate::row::{optional_text, parse, text};
use crate::sqlite::Row;
use inkstone_spec::{
    CommitId, DeploymentId, DeploymentStatus, Digest, Invalid, KeyName, ServiceRef, ServiceUid,
    Source, Trigger,
};
use sqlx::Row as _;
use std::str::FromStr;

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
    /// The branch that is deployed.
    pub source: Source,
    /// The commit of that branch.
    pub source_commit: CommitId,
    /// What identifies the service's intent: equal for equal intents.
    pub intent_hash: String,
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
    /// The branch that is deployed.
    pub source: Source,
    /// The commit of that branch.
    pub source_commit: CommitId,
    /// What identifies the service's intent.
    pub intent_hash: String,
    /// Where it is.
    pub status: DeploymentStatus,
    /// What its worker does, in a few words; empty before the first.
    pub step: String,
    /// Whether its worker was asked to stop, and why.
    pub stop_requested: Option<Stop>,
    /// What it failed with.
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

/// What a deployment failed with.
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
    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        let attempts: i64 = row.try_get("attempts")?;
        Ok(Self {
            id: text(row, "id")?,
            service: ServiceRef {
                workspace: text(row, "workspace")?,
                project: text(row, "project")?,
                service: text(row, "service")?,
            },
            service_uid: text(row, "service_uid")?,
            trigger: text(row, "trigger_kind")?,
            actor: text(row, "actor")?,
            tool: row.try_get("tool")?,
            request_id: row.try_get("request_id")?,
            source: Source {
                host: text(row, "source_host")?,
                repo: text(row, "source_repo")?,
                branch: text(row, "source_branch")?,
            },
            source_commit: text(row, "source_commit")?,
            intent_hash: row.try_get("intent_hash")?,
            status: text(row, "status")?,
            step: row.try_get("step")?,
            stop_requested: optional_text(row, "stop_requested")?,
            error: DeploymentError::from_row(row)?,
            image: optional_text(row, "image")?,
            state_commit: optional_text(row, "state_commit")?,
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            lease_owner: row.try_get("lease_owner")?,
            lease_until: row.try_get("lease_until")?,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        })
    }

    pub(crate) fn from_rows(rows: &[Row]) -> Result<Vec<Self>, StoreError> {
        rows.iter().map(Self::from_row).collect()
    }
}

impl DeploymentError {
    fn from_row(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(code) = row.try_get("error_code")? else { return Ok(None) };
        Ok(Some(Self {
            code,
            message: row.try_get::<Option<_>, _>("error_message")?.unwrap_or_default(),
            suggestion: row.try_get::<Option<_>, _>("error_suggestion")?.unwrap_or_default(),
        }))
    }
}

/// The ids of rows that a statement returned.
pub(crate) fn ids(values: &[String]) -> Result<Vec<DeploymentId>, StoreError> {
    values.iter().map(|value| parse(value, "id")).collect()
}
