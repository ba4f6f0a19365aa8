//! What the worker that has a deployment reports. Each report is a compare-and-set on its lease: a
//! worker that lost it changes nothing.

use crate::deployment::Stop;
use crate::row::{Columns, bounded};
use crate::sqlite::{Connection, Row};
use crate::{Store, StoreError};
use inkstone_spec::{CommitId, DeploymentId, DeploymentStatus, Digest};

/// The longest step, in bytes.
pub(crate) const MAX_STEP_BYTES: usize = 200;
/// The longest error message or suggestion, in bytes.
const MAX_ERROR_BYTES: usize = 4_000;

/// What a worker is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Go on.
    Continue,
    /// Stop: somebody cancelled it.
    Cancelled,
    /// Stop: a newer deployment took its place.
    Superseded,
    /// Stop and report nothing: another worker has it, or it has ended.
    Lost,
}

/// How a deployment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its commit is in the state repo. This holds even if it was asked to stop meanwhile: what git
    /// has is so.
    Committed {
        /// The commit in the state repo.
        state_commit: CommitId,
        /// The image that it names.
        image: Digest,
    },
    /// It ended with an error.
    Failed {
        /// A stable code.
        code: String,
        /// What happened.
        message: String,
        /// What to do next.
        suggestion: String,
    },
    /// What it would have done was not to be done: it ends cancelled, and says why.
    Skipped {
        /// A stable code.
        code: String,
        /// What stands against it.
        message: String,
        /// What to do next.
        suggestion: String,
    },
    /// It stopped because it was cancelled.
    Cancelled,
    /// It stopped because of a newer deployment.
    Superseded,
}

impl Outcome {
    fn status(&self) -> DeploymentStatus {
        match self {
            Self::Committed { .. } => DeploymentStatus::Committed,
            Self::Failed { .. } => DeploymentStatus::Failed,
            Self::Skipped { .. } | Self::Cancelled => DeploymentStatus::Cancelled,
            Self::Superseded => DeploymentStatus::Superseded,
        }
    }
}

/// What became of the report of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is written down.
    Recorded,
    /// Another worker has the deployment, or it has ended: nothing was changed.
    Lost,
}

impl Store {
    /// Says that `owner` is alive, keeps its lease until `now + lease_ms`, and tells it what to do.
    pub async fn heartbeat(
        &self,
        id: &DeploymentId,
        owner: &str,
        now: i64,
        lease_ms: i64,
    ) -> Result<Heartbeat, StoreError> {
        let mut tx = self.database.write().await?;
        let row = sqlx::query(
            "UPDATE deployments SET lease_until = $1
             WHERE id = $2 AND lease_owner = $3 AND status = 'building' RETURNING stop_requested",
        )
        .bind(now.saturating_add(lease_ms))
        .bind(id.as_str())
        .bind(owner)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        next(row.as_ref())
    }

    /// Says in a few words what `owner` does now, and tells it what to do.
    pub async fn progress(
        &self,
        id: &DeploymentId,
        owner: &str,
        step: &str,
    ) -> Result<Heartbeat, StoreError> {
        let mut tx = self.database.write().await?;
        let row = sqlx::query(
            "UPDATE deployments SET step = $1
             WHERE id = $2 AND lease_owner = $3 AND status = 'building' RETURNING stop_requested",
        )
        .bind(bounded(step, MAX_STEP_BYTES))
        .bind(id.as_str())
        .bind(owner)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        next(row.as_ref())
    }

    /// Ends a deployment. A commit takes the place of the service's earlier ones, in the same
    /// transaction.
    pub async fn finish(
        &self,
        id: &DeploymentId,
        owner: &str,
        outcome: &Outcome,
        now: i64,
    ) -> Result<Finish, StoreError> {
        let mut tx = self.database.write().await?;
        if !end(&mut tx, id, owner, outcome, now).await? {
            return Ok(Finish::Lost);
        }
        if matches!(outcome, Outcome::Committed { .. }) {
            supersede_earlier(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(Finish::Recorded)
    }
}

/// What a worker is to do, by its row after the report; no row means that it is not its own.
fn next(row: Option<&Row>) -> Result<Heartbeat, StoreError> {
    let Some(row) = row else { return Ok(Heartbeat::Lost) };
    Ok(match Columns::of(row).optional_text("stop_requested")? {
        None => Heartbeat::Continue,
        Some(Stop::Cancelled) => Heartbeat::Cancelled,
        Some(Stop::Superseded) => Heartbeat::Superseded,
    })
}

async fn end(
    tx: &mut Connection,
    id: &DeploymentId,
    owner: &str,
    outcome: &Outcome,
    now: i64,
) -> Result<bool, StoreError> {
    let (commit, image) = match outcome {
        Outcome::Committed { state_commit, image } => {
            (Some(state_commit.as_str()), Some(image.as_str()))
        }
        _ => (None, None),
    };
    let (code, message, suggestion) = match outcome {
        Outcome::Failed { code, message, suggestion }
        | Outcome::Skipped { code, message, suggestion } => (
            Some(code.as_str()),
            Some(bounded(message, MAX_ERROR_BYTES)),
            Some(bounded(suggestion, MAX_ERROR_BYTES)),
        ),
        _ => (None, None, None),
    };
    let done = sqlx::query(
        "UPDATE deployments
         SET status = $1, finished_at = $2, state_commit = $3, image = $4,
             error_code = $5, error_message = $6, error_suggestion = $7,
             stop_requested = NULL, lease_owner = NULL, lease_until = NULL
         WHERE id = $8 AND lease_owner = $9 AND status = 'building'",
    )
    .bind(outcome.status().as_str())
    .bind(now)
    .bind(commit)
    .bind(image)
    .bind(code)
    .bind(message)
    .bind(suggestion)
    .bind(id.as_str())
    .bind(owner)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn supersede_earlier(tx: &mut Connection, id: &DeploymentId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET status = 'superseded'
         WHERE status IN ('committed', 'deploying', 'active')
           AND seq < (SELECT seq FROM deployments WHERE id = $1)
           AND (workspace, project, service) =
               (SELECT workspace, project, service FROM deployments WHERE id = $1)",
    )
    .bind(id.as_str())
    .execute(tx)
    .await?;
    Ok(())
}
