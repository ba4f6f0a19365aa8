//! Reading deployments.

use crate::sqlite::QueryBuilder;
use crate::{Deployment, Store, StoreError};
use inkstone_spec::{DeploymentId, ServiceRef, WorkspaceName};
use sqlx::Row as _;

/// The most deployments that one read of a service's history returns.
pub const MAX_RECENT: u32 = 100;
/// How many services one statement asks for.
const SERVICES_PER_STATEMENT: usize = 100;

/// What is in the queue of every workspace together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Deployments that wait.
    pub queued: i64,
    /// Deployments that a worker has.
    pub building: i64,
    /// How long the oldest has waited, in milliseconds; 0 when none waits.
    pub oldest_queued_ms: i64,
}

impl Store {
    /// One deployment.
    pub async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, StoreError> {
        sqlx::query("SELECT * FROM deployments WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.database.read())
            .await?
            .as_ref()
            .map(Deployment::from_row)
            .transpose()
    }

    /// The newest deployment of a service, by name: compare its `service_uid` where a service may have
    /// been deleted and made again.
    pub async fn latest(&self, service: &ServiceRef) -> Result<Option<Deployment>, StoreError> {
        sqlx::query(
            "SELECT * FROM deployments WHERE workspace = $1 AND project = $2 AND service = $3
             ORDER BY seq DESC LIMIT 1",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .fetch_optional(self.database.read())
        .await?
        .as_ref()
        .map(Deployment::from_row)
        .transpose()
    }

    /// The newest deployments of a service, newest first, at most [`MAX_RECENT`].
    pub async fn recent(
        &self,
        service: &ServiceRef,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM deployments WHERE workspace = $1 AND project = $2 AND service = $3
             ORDER BY seq DESC LIMIT $4",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(i64::from(limit.min(MAX_RECENT)))
        .fetch_all(self.database.read())
        .await?;
        Deployment::from_rows(&rows)
    }

    /// The newest deployment of each of these services, in no order; services that have none are left
    /// out. For a page of a list: one statement for every 100 services.
    pub async fn latest_for(&self, services: &[ServiceRef]) -> Result<Vec<Deployment>, StoreError> {
        let mut found = Vec::with_capacity(services.len());
        for chunk in services.chunks(SERVICES_PER_STATEMENT) {
            let mut statement = QueryBuilder::new("WITH asked (workspace, project, service) AS (");
            statement.push_values(chunk, |mut tuple, service| {
                tuple
                    .push_bind(service.workspace.as_str())
                    .push_bind(service.project.as_str())
                    .push_bind(service.service.as_str());
            });
            statement.push(
                ") SELECT d.* FROM asked JOIN deployments d ON d.seq = (
                     SELECT MAX(n.seq) FROM deployments n
                     WHERE n.workspace = asked.workspace AND n.project = asked.project
                       AND n.service = asked.service)",
            );
            let rows = statement.build().fetch_all(self.database.read()).await?;
            found.extend(Deployment::from_rows(&rows)?);
        }
        Ok(found)
    }

    /// How many deployments of a workspace wait or are being built.
    pub async fn pending_count(&self, workspace: &WorkspaceName) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM deployments
             WHERE status IN ('queued', 'building') AND workspace = $1",
        )
        .bind(workspace.as_str())
        .fetch_one(self.database.read())
        .await?)
    }

    /// The depth of the queue, for metrics.
    pub async fn queue_depth(&self, now: i64) -> Result<QueueDepth, StoreError> {
        let rows = sqlx::query(
            "SELECT status, COUNT(*) AS deployments, MIN(created_at) AS oldest FROM deployments
             WHERE status IN ('queued', 'building') GROUP BY status",
        )
        .fetch_all(self.database.read())
        .await?;
        let mut depth = QueueDepth { queued: 0, building: 0, oldest_queued_ms: 0 };
        for row in rows {
            let count = row.try_get("deployments")?;
            if row.try_get::<&str, _>("status")? == "queued" {
                depth.queued = count;
                let oldest: i64 = row.try_get("oldest")?;
                depth.oldest_queued_ms = now.saturating_sub(oldest).max(0);
            } else {
                depth.building = count;
            }
        }
        Ok(depth)
    }
}
