//! What can go wrong with the store.

use inkstone_spec::{DeploymentId, Invalid, KeyName, WorkspaceName};
use std::path::PathBuf;

/// A refusal or failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be made or opened.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A newer Inkstone has changed the schema.
    #[error("the database is at schema {found}, this version of Inkstone knows up to {known}")]
    Newer {
        /// The newest migration in the file.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// A migration failed or was changed after it was applied.
    #[error("cannot bring the database's schema up to date: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The file is none of a database.
    #[error("the database file is not one, or is damaged: {0}")]
    NotADatabase(#[source] sqlx::Error),
    /// Other writers held the database for longer than a write waits.
    #[error("the database is busy: other writers held it for too long")]
    Busy,
    /// There is no room for what is to be written; nothing of it was.
    #[error("the disk of the database is full: {0}")]
    Full(#[source] sqlx::Error),
    /// Nothing may be written where the database is.
    #[error("the disk of the database is read-only: {0}")]
    ReadOnly(#[source] sqlx::Error),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A stored value is not what its column holds: somebody edited the database.
    #[error("the database holds a bad value in column {column}: {source}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        source: Invalid,
    },
    /// A key of that name exists and is not revoked.
    #[error("a key named {0} exists already")]
    KeyNameTaken(KeyName),
    /// No key of that name exists, or it is revoked.
    #[error("there is no key named {0}")]
    UnknownKey(KeyName),
    /// No deployment has that id.
    #[error("there is no deployment {0}")]
    UnknownDeployment(DeploymentId),
    /// The workspace has as many pending deployments as it may have.
    #[error(
        "workspace {workspace} has {limit} deployments waiting or building, the most it may have"
    )]
    QueueFull {
        /// The workspace.
        workspace: WorkspaceName,
        /// The limit.
        limit: i64,
    },
    /// The answer of a call is longer than what is remembered.
    #[error("the answer of a call is longer than {limit} bytes and cannot be remembered")]
    AnswerTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl StoreError {
    /// A stable code for callers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "store_not_opened",
            Self::Newer { .. } => "store_newer",
            Self::Migrate(_) => "store_not_migrated",
            Self::NotADatabase(_) => "store_not_a_database",
            Self::Busy => "store_busy",
            Self::Full(_) => "store_full",
            Self::ReadOnly(_) => "store_read_only",
            Self::Database(_) => "store_failed",
            Self::Corrupt { .. } => "store_corrupt",
            Self::KeyNameTaken(_) => "key_name_taken",
            Self::UnknownKey(_) => "unknown_key",
            Self::UnknownDeployment(_) => "unknown_deployment",
            Self::QueueFull { .. } => "queue_full",
            Self::AnswerTooLong { .. } => "answer_too_long",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Open { .. } => {
                "Check that the data directory exists, is writable by this user and is on a local disk."
            }
            Self::Newer { .. } => {
                "Run the Inkstone version that wrote it, or a newer one, or restore the backup made \
                 before the upgrade."
            }
            Self::Migrate(_) | Self::NotADatabase(_) | Self::Corrupt { .. } => {
                "Restore the database file from a backup. Without one, move it away and start again: \
                 services are in the state repo and are kept; keys and tokens are made anew."
            }
            Self::Busy => "Try again in a few seconds.",
            Self::Full(_) => "Make room on the disk of the data directory.",
            Self::ReadOnly(_) => "Make the data directory writable.",
            Self::Database(_) => {
                "Try again. If it happens again, check the disk of the data directory for space and \
                 errors."
            }
            Self::KeyNameTaken(_) => "Choose another name, or revoke the existing key first.",
            Self::UnknownKey(_) => "Use the name of a key that is listed and not revoked.",
            Self::UnknownDeployment(_) => {
                "Use a deployment id as it was returned when the deployment was started."
            }
            Self::QueueFull { .. } => {
                "Wait until some of them are done, or cancel those that are not needed."
            }
            Self::AnswerTooLong { .. } => {
                "Do not repeat the call: it was made. Look at what it changed."
            }
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if crate::sqlite::is_busy(&error) {
            Self::Busy
        } else if crate::sqlite::is_damaged(&error) {
            Self::NotADatabase(error)
        } else if crate::sqlite::is_full(&error) {
            Self::Full(error)
        } else if crate::sqlite::is_read_only(&error) {
            Self::ReadOnly(error)
        } else {
            Self::Database(error)
        }
    }
}
