//! Into the queue: duplicates are recognised, older work of the service is superseded.

use crate::deployment::{columns, ids};
use crate::sqlite::Connection;
use crate::{Deployment, NewDeployment, Store, StoreError};
use inkstone_spec::{CommitId, DeploymentId, ImageReference, ServiceRef, Trigger, WorkspaceName};

/// The most deployments of one workspace that may wait or build at a time.
pub const MAX_PENDING_PER_WORKSPACE: i64 = 256;

/// What became of a deployment that was to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits for its turn.
    New {
        /// The deployment.
        deployment: Deployment,
        /// Older deployments of the service: one that waited has ended, one that was being built was
        /// asked to stop.
        superseded: Vec<DeploymentId>,
    },
    /// The event's work waits, is being done or is done: by this deployment.
    Duplicate(Deployment),
}

impl Store {
    /// Queues a deployment, all or nothing.
    ///
    /// An event (a moved branch) is work once: it is a duplicate if the newest deployment of the same
    /// life of the service that is pending or ended in a commit deploys the same and has the same intent
    /// hash. Work that failed, was cancelled or was asked to stop does not count. Explicit calls are
    /// never duplicates here.
    ///
    /// Whatever else waits for the same service, by name, held or not, is superseded; what is being built is asked
    /// to stop. Refused when the workspace has [`MAX_PENDING_PER_WORKSPACE`] pending deployments.
    pub async fn enqueue(&self, new: &NewDeployment, now: i64) -> Result<Enqueued, StoreError> {
        let mut tx = self.database.write().await?;
        if new.trigger == Trigger::GitPush
            && let Some(existing) = same_work(&mut tx, new).await?
        {
            return Ok(Enqueued::Duplicate(existing));
        }
        let superseded = supersede(&mut tx, &new.service, now).await?;
        if pending(&mut tx, &new.service.workspace).await? >= MAX_PENDING_PER_WORKSPACE {
            return Err(StoreError::QueueFull {
                workspace: new.service.workspace.clone(),
                limit: MAX_PENDING_PER_WORKSPACE,
            });
        }
        let deployment = insert(&mut tx, new, now).await?;
        tx.commit().await?;
        Ok(Enqueued::New { deployment, superseded })
    }
}

async fn same_work(
    tx: &mut Connection,
    new: &NewDeployment,
) -> Result<Option<Deployment>, StoreError> {
    let newest = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM deployments
         WHERE service_uid = $1
           AND (state_commit IS NOT NULL
                OR (status IN ('queued', 'building') AND stop_requested IS NULL))
         ORDER BY seq DESC LIMIT 1",
    ))
    .bind(new.service_uid.as_str())
    .fetch_optional(tx)
    .await?;
    let newest = newest.as_ref().map(Deployment::from_row).transpose()?;
    Ok(newest.filter(|d| d.revision == new.revision && d.intent_hash == new.intent_hash))
}

async fn supersede(
    tx: &mut Connection,
    service: &ServiceRef,
    now: i64,
) -> Result<Vec<DeploymentId>, StoreError> {
    let mut superseded: Vec<String> = sqlx::query_scalar(
        "UPDATE deployments SET status = 'superseded', held = 0, finished_at = $1
         WHERE workspace = $2 AND project = $3 AND service = $4 AND status = 'queued'
         RETURNING id",
    )
    .bind(now)
    .bind(service.workspace.as_str())
    .bind(service.project.as_str())
    .bind(service.service.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let stopping: Vec<String> = sqlx::query_scalar(
        "UPDATE deployments SET stop_requested = 'superseded'
         WHERE workspace = $1 AND project = $2 AND service = $3 AND status = 'building'
           AND stop_requested IS NULL
         RETURNING id",
    )
    .bind(service.workspace.as_str())
    .bind(service.project.as_str())
    .bind(service.service.as_str())
    .fetch_all(tx)
    .await?;
    superseded.extend(stopping);
    ids(&superseded)
}

async fn pending(tx: &mut Connection, workspace: &WorkspaceName) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM deployments
         WHERE status IN ('queued', 'building') AND workspace = $1",
    )
    .bind(workspace.as_str())
    .fetch_one(tx)
    .await?)
}

async fn insert(
    tx: &mut Connection,
    new: &NewDeployment,
    now: i64,
) -> Result<Deployment, StoreError> {
    let branch = new.revision.branch();
    let row = sqlx::query(concat!(
        "INSERT INTO deployments
           (id, seq, workspace, project, service, service_uid, trigger_kind, actor, tool, request_id,
            source_host, source_repo, source_branch, source_commit, source_image, intent_hash,
            override_of, status, held, step, created_at, attempts)
         VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM deployments), $2, $3, $4, $5, $6, $7, $8,
                 $9, $10, $11, $12, $13, $14, $15, $16, 'queued', 0, '', $17, 0)
         RETURNING ",
        columns!(),
    ))
    .bind(new.id.as_str())
    .bind(new.service.workspace.as_str())
    .bind(new.service.project.as_str())
    .bind(new.service.service.as_str())
    .bind(new.service_uid.as_str())
    .bind(new.trigger.as_str())
    .bind(new.actor.as_str())
    .bind(&new.tool)
    .bind(&new.request_id)
    .bind(branch.map(|branch| branch.host.as_str()))
    .bind(branch.map(|branch| branch.repo.as_str()))
    .bind(branch.map(|branch| branch.branch.as_str()))
    .bind(new.revision.commit().map(CommitId::as_str))
    .bind(new.revision.image().map(ImageReference::as_str))
    .bind(&new.intent_hash)
    .bind(new.override_of.as_ref().map(ToString::to_string))
    .bind(now)
    .fetch_one(tx)
    .await?;
    Deployment::from_row(&row)
}
