//! Cancelling: what waits ends at once, what is being built is asked to stop, what is committed stays.

use crate::deployment::ids;
use crate::row::Columns;
use crate::sqlite::Connection;
use crate::{Store, StoreError};
use inkstone_spec::{DeploymentId, DeploymentStatus, ServiceRef};

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It waited, and has ended.
    Cancelled,
    /// Its worker was asked to stop. If it commits first, the deployment ends committed.
    Requested,
    /// It has ended already, so.
    TooLate(DeploymentStatus),
    /// There is no such deployment.
    NotFound,
}

/// What was pending for a service that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelledService {
    /// Those that waited and have ended.
    pub cancelled: Vec<DeploymentId>,
    /// Those whose workers were asked to stop.
    pub requested: Vec<DeploymentId>,
}

impl Store {
    /// Cancels one deployment.
    pub async fn cancel(&self, id: &DeploymentId, now: i64) -> Result<Cancel, StoreError> {
        let mut tx = self.database.write().await?;
        let row = sqlx::query("SELECT status FROM deployments WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(Cancel::NotFound) };
        let cancel = match Columns::of(&row).text("status")? {
            DeploymentStatus::Queued => {
                end_waiting(&mut tx, id, now).await?;
                Cancel::Cancelled
            }
            DeploymentStatus::Building => {
                ask_to_stop(&mut tx, id).await?;
                Cancel::Requested
            }
            ended => return Ok(Cancel::TooLate(ended)),
        };
        tx.commit().await?;
        Ok(cancel)
    }

    /// Cancels everything that is pending for a service, as when it is deleted.
    pub async fn cancel_service(
        &self,
        service: &ServiceRef,
        now: i64,
    ) -> Result<CancelledService, StoreError> {
        let mut tx = self.database.write().await?;
        let cancelled: Vec<String> = sqlx::query_scalar(
            "UPDATE deployments SET status = 'cancelled', held = 0, finished_at = $1
             WHERE workspace = $2 AND project = $3 AND service = $4 AND status = 'queued'
             RETURNING id",
        )
        .bind(now)
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let requested: Vec<String> = sqlx::query_scalar(
            "UPDATE deployments SET stop_requested = 'cancelled'
             WHERE workspace = $1 AND project = $2 AND service = $3 AND status = 'building'
             RETURNING id",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(CancelledService { cancelled: ids(&cancelled)?, requested: ids(&requested)? })
    }
}

async fn end_waiting(tx: &mut Connection, id: &DeploymentId, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET status = 'cancelled', held = 0, finished_at = $1
         WHERE id = $2 AND status = 'queued'",
    )
    .bind(now)
    .bind(id.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// The first reason to stop stands.
async fn ask_to_stop(tx: &mut Connection, id: &DeploymentId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET stop_requested = COALESCE(stop_requested, 'cancelled')
         WHERE id = $1 AND status = 'building'",
    )
    .bind(id.as_str())
    .execute(tx)
    .await?;
    Ok(())
}
