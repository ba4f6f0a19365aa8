//! Connections that read what is committed.
//!
//! Not the driver's pool: that one asks a connection for a sign of life whenever it comes back, and on
//! a local file this costs as much as the query before it.

use crate::StoreError;
use crate::row::Columns;
use crate::sqlite::{Query, Row};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections that read. Each is a thread with a cache: more than this only wake each other up on
/// small machines, and one alone would let a long query keep the others waiting.
const READ_CONNECTIONS: u32 = 2;

/// A few connections, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Readers {
    options: SqliteConnectOptions,
    patience: Duration,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Semaphore,
}

/// A connection in use, and the turn to use it.
struct Reader<'r> {
    connection: SqliteConnection,
    _turn: SemaphorePermit<'r>,
}

impl Readers {
    /// Connections with these options, for which a caller waits no longer than `patience`.
    pub(crate) fn new(options: SqliteConnectOptions, patience: Duration) -> Self {
        Self {
            options,
            patience,
            idle: Mutex::default(),
            turns: Semaphore::new(usize::try_from(READ_CONNECTIONS).unwrap_or(1)),
        }
    }

    /// The row that `query` finds first.
    pub(crate) async fn optional(&self, query: Query<'_>) -> Result<Option<Row>, sqlx::Error> {
        let mut reader = self.take().await?;
        let found = query.fetch_optional(&mut reader.connection).await?;
        self.give_back(reader);
        Ok(found)
    }

    /// All rows that `query` finds.
    pub(crate) async fn all(&self, query: Query<'_>) -> Result<Vec<Row>, sqlx::Error> {
        let mut reader = self.take().await?;
        let found = query.fetch_all(&mut reader.connection).await?;
        self.give_back(reader);
        Ok(found)
    }

    /// The one number that `query` finds.
    pub(crate) async fn count(&self, query: Query<'_>) -> Result<i64, StoreError> {
        let row = self.optional(query).await?;
        row.map_or(Ok(0), |row| Columns::of(&row).value())
    }

    /// Waits for running queries and closes every connection; later queries are refused.
    pub(crate) async fn close(&self) {
        let all = self.turns.acquire_many(READ_CONNECTIONS).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // The file is only read: there is nothing to lose.
            drop(connection.close().await);
        }
    }

    async fn take(&self) -> Result<Reader<'_>, sqlx::Error> {
        let turn = tokio::time::timeout(self.patience, self.turns.acquire())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Reader { connection, _turn: turn })
    }

    /// Keeps a connection whose query ended well. Any other is dropped with its thread, so that a
    /// query that nobody waits for any more holds up no later one.
    fn give_back(&self, reader: Reader<'_>) {
        self.idle().push(reader.connection);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
