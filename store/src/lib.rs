//! What git must not or need not hold, in SQL: API keys, git tokens, idempotency keys, the deployment
//! queue and its logs, and an index of the state repo's history.
//!
//! Owns the schema, every query, and the rules that keep the queue true when workers race, crash or
//! are cancelled: each change of a deployment's status is one guarded statement in an exclusive
//! transaction. Nothing that runs is decided here: without this database every service keeps running.
//!
//! Must not know: git, rendering, HTTP, or who may do what; it returns records. It has no clock and no
//! randomness: callers pass `now` (milliseconds since the Unix epoch) and ids.
//!
//! One SQL text serves SQLite and Postgres. `sqlite` is the only module that knows the driver.

mod cancel;
mod deployment;
mod enqueue;
mod error;
mod git_tokens;
mod history;
mod hold;
mod idempotency;
mod keys;
mod lease;
mod logs;
mod purge;
mod readers;
mod row;
mod sqlite;
mod state_history;
mod work;

pub use cancel::{Cancel, CancelledService};
pub use deployment::{Deployment, DeploymentError, NewDeployment, OverrideOf, Stop};
pub use enqueue::{Enqueued, MAX_PENDING_PER_WORKSPACE};
pub use error::StoreError;
pub use git_tokens::{
    GitTokenRecord, MAX_GIT_TOKENS_PER_KEY, MAX_GIT_TOKENS_PER_REPO, NewGitToken,
};
pub use history::{LatestStatus, MAX_RECENT, QueueDepth};
pub use idempotency::{
    Begun, CALL_TIMEOUT_MS, Call, IDEMPOTENCY_RETENTION_MS, IdempotencyKey, MAX_ANSWER_BYTES,
    MAX_CALLS_PER_KEY,
};
pub use keys::{KeyRecord, NewKey, WorkspaceGrant};
pub use lease::{MAX_ATTEMPTS, TOO_MANY_ATTEMPTS};
pub use logs::{LOG_RETENTION_MS, LogLine, MAX_LOG_LINE_BYTES, MAX_LOG_LINES, MAX_LOG_TAIL};
pub use purge::{DEPLOYMENT_RETENTION_MS, KEPT_DEPLOYMENTS};
pub use state_history::{
    CREATE_ACTION, DEPLOY_ACTION, HistoryCommit, HistoryDeploy, HistoryEntry, HistoryRow,
    MAX_DEPLOYS_AFTER, MAX_HISTORY_PAGE,
};
pub use work::{Finish, Heartbeat, Outcome};

use sqlite::Database;
use std::path::Path;

/// The database. Cheap to clone: clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the SQLite file at `path`, makes it if it is absent, and brings its schema up to date.
    /// Several processes may have the same file open.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path).await? })
    }

    /// Waits for running queries and closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
