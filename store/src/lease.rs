//! Out of the queue: which deployment is next, who works on it, and until when.

use crate::deployment::{Deployment, columns};
use crate::sqlite::Connection;
use crate::{Store, StoreError};

/// How many workers may take one deployment. The work of a deployment that outlives none of them is
/// what stops them.
pub const MAX_ATTEMPTS: u32 = 10;
/// The error code of a deployment whose last allowed worker vanished too.
pub const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

impl Store {
    /// Gives `owner` the next deployment to work on, until `now + lease_ms`, or nothing.
    ///
    /// First comes work whose worker was not heard of in time; where [`MAX_ATTEMPTS`] workers vanished,
    /// the deployment has failed with [`TOO_MANY_ATTEMPTS`]. Then what waits and is not held: never two
    /// deployments of one service at a time, at most `per_workspace_cap` of one workspace, workspaces take turns (the
    /// one whose last start is longest ago), and in a workspace the oldest goes first.
    ///
    /// Whoever takes over looks for the deployment's commit in the state repo before anything else: its
    /// predecessor may have ended between the commit and [`Store::finish`].
    ///
    /// `owner` must be unique among workers that run at the same time.
    pub async fn lease_next(
        &self,
        owner: &str,
        now: i64,
        lease_ms: i64,
        per_workspace_cap: u32,
    ) -> Result<Option<Deployment>, StoreError> {
        // Whoever finds nothing to do stands in no writer's way.
        let open = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM deployments WHERE status = 'queued' AND held = 0)
                 OR EXISTS (SELECT 1 FROM deployments WHERE status = 'building' AND lease_until <= $1)",
        )
        .bind(now);
        if self.database.read().count(open).await? == 0 {
            return Ok(None);
        }
        let until = now.saturating_add(lease_ms);
        let mut tx = self.database.write().await?;
        fail_hopeless(&mut tx, now).await?;
        let leased = match take_over(&mut tx, owner, now, until).await? {
            Some(deployment) => Some(deployment),
            None => take_waiting(&mut tx, owner, now, until, per_workspace_cap).await?,
        };
        tx.commit().await?;
        Ok(leased)
    }

    /// Gives back what `owner` works on and has not committed, as at a graceful stop: it waits again,
    /// and the attempt does not count. What was asked to stop ends. Returns how many there were.
    pub async fn release(&self, owner: &str, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let stopped = sqlx::query(
            "UPDATE deployments
             SET status = stop_requested, finished_at = $1, lease_owner = NULL, lease_until = NULL
             WHERE status = 'building' AND lease_owner = $2 AND stop_requested IS NOT NULL",
        )
        .bind(now)
        .bind(owner)
        .execute(&mut *tx)
        .await?;
        let waiting = sqlx::query(
            "UPDATE deployments
             SET status = 'queued', step = '', started_at = NULL, attempts = attempts - 1,
                 lease_owner = NULL, lease_until = NULL
             WHERE status = 'building' AND lease_owner = $1",
        )
        .bind(owner)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(stopped.rows_affected().saturating_add(waiting.rows_affected()))
    }

    /// Ends the leases of a worker that is known to be dead, so that its work is taken over at once
    /// rather than when the leases end. Returns how many there were.
    pub async fn expire_leases(&self, owner: &str, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE deployments SET lease_until = $1
             WHERE status = 'building' AND lease_owner = $2 AND lease_until > $1",
        )
        .bind(now)
        .bind(owner)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

async fn fail_hopeless(tx: &mut Connection, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments
         SET status = 'failed', finished_at = $1, lease_owner = NULL, lease_until = NULL,
             error_code = $2, error_message = $3, error_suggestion = $4
         WHERE status = 'building' AND lease_until <= $1 AND attempts >= $5",
    )
    .bind(now)
    .bind(TOO_MANY_ATTEMPTS)
    .bind("Every worker that took this deployment stopped without a word before it was done.")
    .bind("Read the last lines of its log for what stops them, then deploy again.")
    .bind(i64::from(MAX_ATTEMPTS))
    .execute(tx)
    .await?;
    Ok(())
}

async fn take_over(
    tx: &mut Connection,
    owner: &str,
    now: i64,
    until: i64,
) -> Result<Option<Deployment>, StoreError> {
    sqlx::query(concat!(
        "UPDATE deployments SET lease_owner = $1, lease_until = $2, attempts = attempts + 1
         WHERE seq = (SELECT MIN(seq) FROM deployments
                      WHERE status = 'building' AND lease_until <= $3)
         RETURNING ",
        columns!(),
    ))
    .bind(owner)
    .bind(until)
    .bind(now)
    .fetch_optional(tx)
    .await?
    .as_ref()
    .map(Deployment::from_row)
    .transpose()
}

async fn take_waiting(
    tx: &mut Connection,
    owner: &str,
    now: i64,
    until: i64,
    per_workspace_cap: u32,
) -> Result<Option<Deployment>, StoreError> {
    // The inner query finds the oldest of each workspace whose service is idle; the outer one asks
    // only those workspaces for their cap and their turn.
    sqlx::query(concat!(
        "UPDATE deployments
         SET status = 'building', lease_owner = $1, lease_until = $2, attempts = attempts + 1,
             started_at = $3
         WHERE seq = (
           SELECT ready.seq FROM (
             SELECT q.workspace, MIN(q.seq) AS seq FROM deployments q
             WHERE q.status = 'queued' AND q.held = 0 AND NOT EXISTS (
               SELECT 1 FROM deployments b
               WHERE b.status = 'building' AND b.workspace = q.workspace
                 AND b.project = q.project AND b.service = q.service)
             GROUP BY q.workspace) AS ready
           WHERE (SELECT COUNT(*) FROM deployments b
                  WHERE b.status = 'building' AND b.workspace = ready.workspace) < $4
           ORDER BY (SELECT COALESCE(MAX(s.started_at), 0) FROM deployments s
                     WHERE s.workspace = ready.workspace), ready.seq
           LIMIT 1)
         RETURNING ",
        columns!(),
    ))
    .bind(owner)
    .bind(until)
    .bind(now)
    .bind(i64::from(per_workspace_cap))
    .fetch_optional(tx)
    .await?
    .as_ref()
    .map(Deployment::from_row)
    .transpose()
}
