//! What is no longer kept.

use crate::row::Columns;
use crate::{Store, StoreError};
use inkstone_spec::ServiceRef;

/// How long a deployment is kept at least after its end: 90 days, in milliseconds.
pub const DEPLOYMENT_RETENTION_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// How many of the newest deployments of a service are kept whatever their age.
pub const KEPT_DEPLOYMENTS: u32 = 200;

impl Store {
    /// Deletes what nobody can use any more or asks for: git tokens that are expired or revoked,
    /// idempotent calls that began more than [`crate::IDEMPOTENCY_RETENTION_MS`] ago, logs of
    /// deployments that ended more than [`crate::LOG_RETENTION_MS`] ago, and deployments that ended
    /// more than [`DEPLOYMENT_RETENTION_MS`] ago, are not among the [`KEPT_DEPLOYMENTS`] newest of
    /// their service and are not its present one. Returns how many rows went.
    pub async fn purge_expired(&self, now: i64) -> Result<u64, StoreError> {
        let tokens = self.purge_git_tokens(now).await?;
        let calls = self.purge_calls(now).await?;
        let lines = self.purge_logs(now).await?;
        let deployments = self.purge_deployments(now).await?;
        Ok([calls, lines, deployments].into_iter().fold(tokens, u64::saturating_add))
    }

    /// One transaction for each service, so that nobody waits long.
    async fn purge_deployments(&self, now: i64) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "SELECT workspace, project, service FROM deployments
             GROUP BY workspace, project, service HAVING COUNT(*) > $1",
        )
        .bind(i64::from(KEPT_DEPLOYMENTS));
        let mut deleted: u64 = 0;
        for row in self.database.read().all(query).await? {
            let service = Columns::of(&row).service()?;
            deleted = deleted.saturating_add(self.purge_deployments_of(&service, now).await?);
        }
        Ok(deleted)
    }

    async fn purge_deployments_of(
        &self,
        service: &ServiceRef,
        now: i64,
    ) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "DELETE FROM deployments
             WHERE workspace = $1 AND project = $2 AND service = $3
               AND seq <= (SELECT seq FROM deployments
                           WHERE workspace = $1 AND project = $2 AND service = $3
                           ORDER BY seq DESC LIMIT 1 OFFSET $4)
               AND finished_at < $5 AND status NOT IN ('committed', 'deploying', 'active')",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(i64::from(KEPT_DEPLOYMENTS))
        .bind(now.saturating_sub(DEPLOYMENT_RETENTION_MS))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
