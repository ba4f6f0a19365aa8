//! An index of the state repo's history by service: what git would answer only by walking every commit.
//!
//! Git alone says what happened; this is made from it and thrown away at will. Whoever fills it goes
//! through the commits from the first to the last and says up to which one the index reaches. A
//! position is a row's place in that order, among those of every service: it would tell how much goes on
//! elsewhere, so callers are given commits instead.

use crate::row::{Columns, bounded};
use crate::sqlite::{Connection, QueryBuilder, Row};
use crate::{Store, StoreError};
use inkstone_spec::{CommitId, CommitPrefix, DeploymentId, ServiceRef};

/// The action of a row that is a deploy, as the state repo's commits name it.
pub const DEPLOY_ACTION: &str = "deploy";
/// The action of a row that begins a service's life.
pub const CREATE_ACTION: &str = "create-service";
/// The most rows that one read of a service's history returns.
pub const MAX_HISTORY_PAGE: u32 = 200;
/// The most deploys that [`Store::deploys_after`] returns.
pub const MAX_DEPLOYS_AFTER: u32 = 1_000;

/// How many rows one statement adds.
const ROWS_PER_STATEMENT: usize = 100;
/// The longest action, in bytes.
const MAX_ACTION_BYTES: usize = 40;
/// The longest actor, in bytes: an operator may call himself anything.
const MAX_ACTOR_BYTES: usize = 200;
/// The longest subject, in bytes.
const MAX_SUBJECT_BYTES: usize = 500;

/// What one commit of the state repo did to one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The service, by name.
    pub service: ServiceRef,
    /// The commit in the state repo.
    pub state_commit: CommitId,
    /// What it did, in the word of its trailer; `operator` where it is not Inkstone's.
    pub action: String,
    /// The deployment that it names.
    pub deployment: Option<DeploymentId>,
    /// The source commit that it names.
    pub source_commit: Option<CommitId>,
    /// Who asked.
    pub actor: String,
    /// When, in milliseconds since the epoch, by the clock of whoever committed.
    pub at: i64,
    /// The first line of its message.
    pub subject: String,
}

/// An entry and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its place in the order of commits: greater is newer.
    pub position: i64,
    /// What happened.
    pub entry: HistoryEntry,
}

/// A commit of a service's history, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryCommit {
    /// Its place in the order of commits.
    pub position: i64,
    /// The commit in the state repo.
    pub state_commit: CommitId,
}

/// A deploy of a service: where it stands in history, and what it deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryDeploy {
    /// Its place in the order of commits.
    pub position: i64,
    /// The commit in the state repo.
    pub state_commit: CommitId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// What was built; `None`: a ready image was taken.
    pub source_commit: Option<CommitId>,
}

impl Store {
    /// The commit of the state repo up to which the index reaches; `None` where there is none yet.
    pub async fn history_indexed_to(&self) -> Result<Option<CommitId>, StoreError> {
        let query = sqlx::query("SELECT indexed_to FROM state_history_head WHERE only_row = 1");
        let row = self.database.read().optional(query).await?;
        row.map(|row| Columns::of(&row).text("indexed_to")).transpose()
    }

    /// Adds what the commits after `expected` up to and including `new_head` did, in their order: all
    /// or nothing. False, and nothing changed, where the index does not reach exactly up to `expected`:
    /// somebody else was faster. Commits that concern no service have no entry; their head still moves.
    pub async fn append_history(
        &self,
        expected: Option<&CommitId>,
        entries: &[HistoryEntry],
        new_head: &CommitId,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.write().await?;
        let head = head(&mut tx).await?;
        if head.as_ref().map(|(commit, _)| commit) != expected {
            return Ok(false);
        }
        let mut last = head.map_or(0, |(_, position)| position);
        for chunk in entries.chunks(ROWS_PER_STATEMENT) {
            last = insert(&mut tx, chunk, last).await?;
        }
        sqlx::query(
            "INSERT INTO state_history_head (only_row, indexed_to, last_position)
             VALUES (1, $1, $2)
             ON CONFLICT (only_row) DO UPDATE
             SET indexed_to = excluded.indexed_to, last_position = excluded.last_position",
        )
        .bind(new_head.as_str())
        .bind(last)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Empties the index, as where the state repo's history is another one.
    pub async fn reset_history(&self) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        sqlx::query("DELETE FROM state_history").execute(&mut *tx).await?;
        sqlx::query("DELETE FROM state_history_head").execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// What happened to a service, by name, newest first: at most `limit` rows, at most
    /// [`MAX_HISTORY_PAGE`], those before the one of the state commit `before` where it is given; none
    /// where that is not in the service's history. It reaches back beyond a deletion to earlier services
    /// of the name.
    pub async fn service_history(
        &self,
        service: &ServiceRef,
        before: Option<&CommitId>,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, StoreError> {
        let query = sqlx::query(
            "SELECT position, state_commit, action, deployment, source_commit, actor, at, subject
             FROM state_history
             WHERE workspace = $1 AND project = $2 AND service = $3
               AND ($4 IS NULL OR position < (SELECT MIN(position) FROM state_history
                    WHERE workspace = $1 AND project = $2 AND service = $3 AND state_commit = $4))
             ORDER BY position DESC LIMIT $5",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(before.map(CommitId::as_str))
        .bind(i64::from(limit.min(MAX_HISTORY_PAGE)));
        let rows = self.database.read().all(query).await?;
        rows.iter().map(|row| HistoryRow::from_row(row, service)).collect()
    }

    /// The commits of a service's history, by name, that begin so: the newest two, which is to say whether
    /// it is one.
    pub async fn service_commits(
        &self,
        service: &ServiceRef,
        prefix: &CommitPrefix,
    ) -> Result<Vec<HistoryCommit>, StoreError> {
        // Its digits are none of the letters that LIKE knows.
        let query = sqlx::query(
            "SELECT position, state_commit FROM state_history
             WHERE workspace = $1 AND project = $2 AND service = $3
               AND state_commit LIKE $4 || '%'
             ORDER BY position DESC LIMIT 2",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(prefix.as_str());
        let rows = self.database.read().all(query).await?;
        rows.iter().map(HistoryCommit::from_row).collect()
    }

    /// The deploy of a service, by name, that made the release of `deployment`: the newest row of the
    /// action [`DEPLOY_ACTION`] that names it.
    pub async fn deploy_of(
        &self,
        service: &ServiceRef,
        deployment: &DeploymentId,
    ) -> Result<Option<HistoryCommit>, StoreError> {
        let query = sqlx::query(
            "SELECT position, state_commit FROM state_history
             WHERE workspace = $1 AND project = $2 AND service = $3
               AND action = 'deploy' AND deployment = $4
             ORDER BY position DESC LIMIT 1",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(deployment.as_str());
        self.database
            .read()
            .optional(query)
            .await?
            .as_ref()
            .map(HistoryCommit::from_row)
            .transpose()
    }

    /// The deploys of a service, by name, after the deploy of `deployment`, newest first: rows of the
    /// action [`DEPLOY_ACTION`] that name a deployment.
    ///
    /// Where `deployment` is `None`, or the service has no deploy of it, those after the service's
    /// newest row of the action [`CREATE_ACTION`]; where there is none of these either, all. At most
    /// [`MAX_DEPLOYS_AFTER`]: where there are more, the oldest are left out.
    ///
    /// It answers from what the index holds: whoever empties and fills it and whoever relies on this
    /// take turns.
    pub async fn deploys_after(
        &self,
        service: &ServiceRef,
        deployment: Option<&DeploymentId>,
    ) -> Result<Vec<HistoryDeploy>, StoreError> {
        let query = sqlx::query(
            "SELECT position, state_commit, deployment, source_commit FROM state_history
             WHERE workspace = $1 AND project = $2 AND service = $3 AND action = 'deploy'
               AND deployment IS NOT NULL
               AND position > COALESCE(
                 (SELECT MAX(position) FROM state_history
                  WHERE workspace = $1 AND project = $2 AND service = $3
                    AND action = 'deploy' AND deployment = $4),
                 (SELECT MAX(position) FROM state_history
                  WHERE workspace = $1 AND project = $2 AND service = $3
                    AND action = 'create-service'),
                 0)
             ORDER BY position DESC LIMIT $5",
        )
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(deployment.map(DeploymentId::as_str))
        .bind(i64::from(MAX_DEPLOYS_AFTER));
        let rows = self.database.read().all(query).await?;
        rows.iter().map(HistoryDeploy::from_row).collect()
    }
}

impl HistoryRow {
    fn from_row(row: &Row, service: &ServiceRef) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            position: columns.value()?,
            entry: HistoryEntry {
                service: service.clone(),
                state_commit: columns.text("state_commit")?,
                action: columns.value()?,
                deployment: columns.optional_text("deployment")?,
                source_commit: columns.optional_text("source_commit")?,
                actor: columns.value()?,
                at: columns.value()?,
                subject: columns.value()?,
            },
        })
    }
}

impl HistoryCommit {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self { position: columns.value()?, state_commit: columns.text("state_commit")? })
    }
}

impl HistoryDeploy {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            position: columns.value()?,
            state_commit: columns.text("state_commit")?,
            deployment: columns.text("deployment")?,
            source_commit: columns.optional_text("source_commit")?,
        })
    }
}

/// How far the index reaches: the commit, and the last position.
async fn head(tx: &mut Connection) -> Result<Option<(CommitId, i64)>, StoreError> {
    let row = sqlx::query("SELECT indexed_to, last_position FROM state_history_head")
        .fetch_optional(tx)
        .await?;
    row.map(|row| {
        let mut columns = Columns::of(&row);
        Ok((columns.text("indexed_to")?, columns.value()?))
    })
    .transpose()
}

/// Adds rows after the position `last`; returns the last position then.
async fn insert(
    tx: &mut Connection,
    entries: &[HistoryEntry],
    mut last: i64,
) -> Result<i64, StoreError> {
    let mut statement = QueryBuilder::new(
        "INSERT INTO state_history (workspace, project, service, position, state_commit, action,
           deployment, source_commit, actor, at, subject) ",
    );
    statement.push_values(entries, |mut row, entry| {
        last += 1;
        row.push_bind(entry.service.workspace.as_str())
            .push_bind(entry.service.project.as_str())
            .push_bind(entry.service.service.as_str())
            .push_bind(last)
            .push_bind(entry.state_commit.as_str())
            .push_bind(bounded(&entry.action, MAX_ACTION_BYTES))
            .push_bind(entry.deployment.as_ref().map(DeploymentId::as_str))
            .push_bind(entry.source_commit.as_ref().map(CommitId::as_str))
            .push_bind(bounded(&entry.actor, MAX_ACTOR_BYTES))
            .push_bind(entry.at)
            .push_bind(bounded(&entry.subject, MAX_SUBJECT_BYTES));
    });
    // Only the statement of a full batch is worth keeping: there is one for every number of rows.
    let keep = entries.len() == ROWS_PER_STATEMENT;
    statement.build().persistent(keep).execute(tx).await?;
    Ok(last)
}
