//! The driver: how a SQLite file is opened, read and written. Everything else is portable SQL.

use crate::StoreError;
use crate::readers::Readers;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection as _, SqlSafeStr as _, Sqlite, Transaction};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A row as the driver returns it.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// What a statement of a transaction runs on.
pub(crate) type Connection = sqlx::SqliteConnection;
/// The database that this module drives.
pub(crate) type Driver = Sqlite;
/// A statement with its values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;
/// A dynamic statement in the driver's dialect of placeholders.
pub(crate) type QueryBuilder = sqlx::QueryBuilder<Sqlite>;

/// How long a write waits for writers of other processes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// The page cache of a connection that reads, in KiB as `PRAGMA cache_size` takes them. The pages are
/// in the system's cache anyway: a larger one costs memory and gained no time.
const READ_CACHE_KIB: &str = "-512";
/// Prepared statements that a connection keeps.
const STATEMENT_CACHE: usize = 128;

/// One file: one connection that writes, a few that read.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    writer: SqlitePool,
    readers: Arc<Readers>,
}

impl Database {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path)
            .await
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENT_CACHE);
        let writer = one_connection().connect_with(options.clone()).await?;
        let options = options.read_only(true).pragma("cache_size", READ_CACHE_KIB);
        let readers = Readers::new(options, ACQUIRE_TIMEOUT);
        let database = Self { writer, readers: Arc::new(readers) };
        database.migrate().await?;
        Ok(database)
    }

    /// Begins an exclusive transaction: from its first statement to its end nobody else writes, in this
    /// process or another. Dropped without a commit, it changes nothing.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Reads what is committed.
    pub(crate) fn read(&self) -> &Readers {
        &self.readers
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// All migrations in one exclusive transaction, so that two processes may start at once.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let migrator = migrator();
        let connection: &mut Connection = &mut tx;
        // Not `run`: its future is not `Send` for a connection that is borrowed.
        match migrator.run_direct(None, connection, false).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(MigrateError::VersionMissing(found)) => {
                let known = migrator.iter().map(|m| m.version).max().unwrap_or_default();
                Err(StoreError::Newer { found, known })
            }
            Err(error) => Err(StoreError::Migrate(error)),
        }
    }
}

/// Whether the error says that others held the database for too long.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    /// `SQLITE_BUSY`.
    const BUSY: u32 = 5;
    matches!(error, sqlx::Error::PoolTimedOut) || result_code(error) == Some(BUSY)
}

/// Whether the error says that the file is damaged, or something else altogether.
pub(crate) fn is_damaged(error: &sqlx::Error) -> bool {
    /// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    const DAMAGED: [u32; 2] = [11, 26];
    result_code(error).is_some_and(|code| DAMAGED.contains(&code))
}

/// Whether the error says that the disk is full.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    /// `SQLITE_FULL`.
    const FULL: u32 = 13;
    result_code(error) == Some(FULL)
}

/// Whether the error says that nothing may be written there.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    /// `SQLITE_READONLY`.
    const READ_ONLY: u32 = 8;
    result_code(error) == Some(READ_ONLY)
}

/// The low byte of an extended result code: its kind (<https://sqlite.org/rescode.html>).
fn result_code(error: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(error) = error else { return None };
    Some(error.code()?.parse::<u32>().ok()? & 0xff)
}

fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection to a file does not go stale, and the test costs as much as a query.
        .test_before_acquire(false)
        // SQLite ends a transaction by itself when the disk is full, of which the driver does not know: it
        // would refuse to begin another one for ever.
        .before_acquire(|connection, _| {
            let is_at_rest = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_at_rest) })
        })
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Makes the file readable by its owner alone; SQLite gives its side files the same mode.
async fn create_private(path: &Path) -> std::io::Result<()> {
    tokio::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).await?;
    Ok(())
}

fn migrator() -> Migrator {
    let step = |version, description: &'static str, sql: &'static str| {
        let kind = MigrationType::Simple;
        Migration::new(version, description.into(), kind, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![step(
        1,
        "keys, tokens, calls, deployments, logs, history",
        include_str!("../migrations/0001_init.sql"),
    )])
}
