//! What waits because its service is on hold: the state repo says so, the queue only remembers it.

use crate::row::bounded;
use crate::work::MAX_STEP_BYTES;
use crate::{Finish, Store, StoreError};
use inkstone_spec::{DeploymentId, ServiceRef};

impl Store {
    /// Gives back what `owner` works on because its service is on hold: it waits again, is leased to
    /// nobody until it is un-held, and the attempt does not count. `step` says why. What was asked to
    /// stop ends so instead.
    pub async fn hold(
        &self,
        id: &DeploymentId,
        owner: &str,
        step: &str,
        now: i64,
    ) -> Result<Finish, StoreError> {
        let mut tx = self.database.write().await?;
        let stopped = sqlx::query(
            "UPDATE deployments
             SET status = stop_requested, finished_at = $1, lease_owner = NULL, lease_until = NULL
             WHERE id = $2 AND lease_owner = $3 AND status = 'building'
               AND stop_requested IS NOT NULL",
        )
        .bind(now)
        .bind(id.as_str())
        .bind(owner)
        .execute(&mut *tx)
        .await?;
        let held = sqlx::query(
            "UPDATE deployments
             SET status = 'queued', held = 1, step = $1, started_at = NULL,
                 attempts = attempts - 1, lease_owner = NULL, lease_until = NULL
             WHERE id = $2 AND lease_owner = $3 AND status = 'building'",
        )
        .bind(bounded(step, MAX_STEP_BYTES))
        .bind(id.as_str())
        .bind(owner)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let changed = stopped.rows_affected().saturating_add(held.rows_affected());
        Ok(if changed > 0 { Finish::Recorded } else { Finish::Lost })
    }

    /// Lets workers look again at what is held of a service, by name. Returns how many there were.
    pub async fn unhold(&self, service: &ServiceRef) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE deployments SET held = 0, step = ''
             WHERE workspace = $1 AND project = $2 AND service = $3
               AND status = 'queued' AND held = 1",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Lets workers look again at everything that is held, as after a start or where many services
    /// changed at once. Returns how many there were.
    pub async fn unhold_all(&self) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE deployments SET held = 0, step = '' WHERE status = 'queued' AND held = 1",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
