//! Git tokens: short-lived credentials to read and push one hosted repository.

use crate::row::Columns;
use crate::sqlite::Connection;
use crate::{Store, StoreError};
use inkstone_spec::{CredentialHash, KeyName, RepoRef};

/// The most tokens of one API key that are good at a time.
pub const MAX_GIT_TOKENS_PER_KEY: u32 = 1_000;
/// The most tokens of one API key for one repository that are good at a time.
pub const MAX_GIT_TOKENS_PER_REPO: u32 = 50;

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewGitToken {
    /// The hash of the token; the token itself is never stored.
    pub hash: CredentialHash,
    /// The one repository that it opens.
    pub repo: RepoRef,
    /// The key that asked for it. When that key is revoked, the token is gone too.
    pub created_by: KeyName,
    /// When it ends, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// A token that is good now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitTokenRecord {
    /// The one repository that it opens.
    pub repo: RepoRef,
    /// The key that asked for it: who acts.
    pub created_by: KeyName,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

impl Store {
    /// Stores a token. The key that asks for it must exist and not be revoked. Where it has
    /// [`MAX_GIT_TOKENS_PER_REPO`] for the repository or [`MAX_GIT_TOKENS_PER_KEY`] in all, its oldest
    /// one ends, so that whoever asks is never stuck.
    pub async fn create_git_token(&self, token: &NewGitToken, now: i64) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        make_room(&mut tx, token, now).await?;
        let made = sqlx::query(
            "INSERT INTO git_tokens (hash, key_hash, workspace, repo, created_at, expires_at)
             SELECT $1, hash, $2, $3, $4, $5 FROM keys WHERE name = $6 AND revoked_at IS NULL",
        )
        .bind(token.hash.as_str())
        .bind(token.repo.workspace.as_str())
        .bind(token.repo.repo.as_str())
        .bind(now)
        .bind(token.expires_at)
        .bind(token.created_by.as_str())
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Err(StoreError::UnknownKey(token.created_by.clone()));
        }
        Ok(tx.commit().await?)
    }

    /// The token with this hash, unless it is expired or revoked, or its key is revoked.
    pub async fn find_git_token(
        &self,
        hash: &CredentialHash,
        now: i64,
    ) -> Result<Option<GitTokenRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT t.workspace, t.repo, k.name, t.created_at, t.expires_at
             FROM git_tokens t JOIN keys k ON k.hash = t.key_hash
             WHERE t.hash = $1 AND t.expires_at > $2
               AND t.revoked_at IS NULL AND k.revoked_at IS NULL",
        )
        .bind(hash.as_str())
        .bind(now);
        let Some(row) = self.database.read().optional(query).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(GitTokenRecord {
            repo: RepoRef { workspace: columns.text("workspace")?, repo: columns.text("repo")? },
            created_by: columns.text("name")?,
            created_at: columns.value()?,
            expires_at: columns.value()?,
        }))
    }

    /// Revokes every token of a repository, as when it is deleted. Returns how many there were.
    pub async fn revoke_git_tokens(&self, repo: &RepoRef, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE git_tokens SET revoked_at = $1
             WHERE workspace = $2 AND repo = $3 AND revoked_at IS NULL",
        )
        .bind(now)
        .bind(repo.workspace.as_str())
        .bind(repo.repo.as_str())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Deletes tokens that can never be used again.
    pub(crate) async fn purge_git_tokens(&self, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done =
            sqlx::query("DELETE FROM git_tokens WHERE expires_at <= $1 OR revoked_at IS NOT NULL")
                .bind(now)
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// Deletes tokens of the key that cannot be used, then the oldest where there are too many for one
/// more.
async fn make_room(tx: &mut Connection, token: &NewGitToken, now: i64) -> Result<(), StoreError> {
    let key = token.created_by.as_str();
    sqlx::query(
        "DELETE FROM git_tokens
         WHERE key_hash = (SELECT hash FROM keys WHERE name = $1 AND revoked_at IS NULL)
           AND (expires_at <= $2 OR revoked_at IS NOT NULL)",
    )
    .bind(key)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM git_tokens WHERE hash IN (
           SELECT hash FROM git_tokens
           WHERE key_hash = (SELECT hash FROM keys WHERE name = $1 AND revoked_at IS NULL)
             AND workspace = $2 AND repo = $3
           ORDER BY created_at DESC LIMIT $4 OFFSET $5)",
    )
    .bind(key)
    .bind(token.repo.workspace.as_str())
    .bind(token.repo.repo.as_str())
    .bind(i64::MAX)
    .bind(i64::from(MAX_GIT_TOKENS_PER_REPO) - 1)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM git_tokens WHERE hash IN (
           SELECT hash FROM git_tokens
           WHERE key_hash = (SELECT hash FROM keys WHERE name = $1 AND revoked_at IS NULL)
           ORDER BY created_at DESC LIMIT $2 OFFSET $3)",
    )
    .bind(key)
    .bind(i64::MAX)
    .bind(i64::from(MAX_GIT_TOKENS_PER_KEY) - 1)
    .execute(tx)
    .await?;
    Ok(())
}
