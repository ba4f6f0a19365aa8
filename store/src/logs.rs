//! What a deployment's workers said, bounded in lines and in bytes.

use crate::row::{Columns, bounded};
use crate::sqlite::Connection;
use crate::{Store, StoreError};
use inkstone_spec::DeploymentId;

/// The most lines that one deployment's log holds, the one that says it is full included.
pub const MAX_LOG_LINES: usize = 5_000;
/// The longest line, in bytes; the rest is cut and marked with `…`.
pub const MAX_LOG_LINE_BYTES: usize = 1_000;
/// The most lines that one read returns.
pub const MAX_LOG_TAIL: u32 = 500;
/// How long the log of a deployment is kept after its end: 30 days, in milliseconds.
pub const LOG_RETENTION_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The last line of a log that holds [`MAX_LOG_LINES`].
const FULL: &str = "[the log is full: later lines are not kept]";

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was said, in milliseconds since the epoch.
    pub at: i64,
    /// What was said, as it was said: control characters are the reader's to escape.
    pub text: String,
}

impl Store {
    /// Adds lines to a deployment's log, in one transaction. What does not fit is dropped, and the
    /// log's last line says so.
    pub async fn append_log(
        &self,
        id: &DeploymentId,
        lines: &[String],
        now: i64,
    ) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut tx = self.database.write().await?;
        let used = lines_used(&mut tx, id).await?;
        let room = MAX_LOG_LINES.saturating_sub(used);
        // A line is kept for the mark: it takes the last place when not everything fits.
        let (kept, mark) = if lines.len() < room {
            (lines, None)
        } else {
            (lines.get(..room.saturating_sub(1)).unwrap_or_default(), (room > 0).then_some(FULL))
        };
        let kept = kept.iter().map(String::as_str).chain(mark);
        for (number, line) in (used..).zip(kept) {
            sqlx::query(
                "INSERT INTO deployment_logs (deployment_id, line, at, text)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(id.as_str())
            .bind(i64::try_from(number).unwrap_or(i64::MAX))
            .bind(now)
            .bind(bounded(line, MAX_LOG_LINE_BYTES))
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The last `lines` lines of a deployment's log, oldest first, at most [`MAX_LOG_TAIL`].
    pub async fn log_tail(
        &self,
        id: &DeploymentId,
        lines: u32,
    ) -> Result<Vec<LogLine>, StoreError> {
        let query = sqlx::query(
            "SELECT at, text FROM deployment_logs WHERE deployment_id = $1
             ORDER BY line DESC LIMIT $2",
        )
        .bind(id.as_str())
        .bind(i64::from(lines.min(MAX_LOG_TAIL)));
        let rows = self.database.read().all(query).await?;
        let line = |row| {
            let mut columns = Columns::of(row);
            Ok(LogLine { at: columns.value()?, text: columns.value()? })
        };
        rows.iter().rev().map(line).collect()
    }

    /// Deletes the logs of deployments that ended long ago.
    pub(crate) async fn purge_logs(&self, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "DELETE FROM deployment_logs WHERE deployment_id IN (
               SELECT id FROM deployments WHERE finished_at < $1)",
        )
        .bind(now.saturating_sub(LOG_RETENTION_MS))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// How many lines a deployment's log has.
async fn lines_used(tx: &mut Connection, id: &DeploymentId) -> Result<usize, StoreError> {
    let next: Option<i64> = sqlx::query_scalar(
        "SELECT COALESCE((SELECT MAX(line) + 1 FROM deployment_logs WHERE deployment_id = d.id), 0)
         FROM deployments d WHERE d.id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(tx)
    .await?;
    let next = next.ok_or_else(|| StoreError::UnknownDeployment(id.clone()))?;
    Ok(usize::try_from(next).unwrap_or(usize::MAX))
}
