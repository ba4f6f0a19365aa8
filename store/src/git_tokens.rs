//! Git tokens: short-lived credentials to read and push one hosted repository.

use crate::row::text;
use crate::{Store, StoreError};
use inkstone_spec::{CredentialHash, KeyName, RepoRef};
use sqlx::Row as _;

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
    /// Stores a token. The key that asks for it must exist and not be revoked.
    pub async fn create_git_token(&self, token: &NewGitToken, now: i64) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
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
        let row = sqlx::query(
            "SELECT t.workspace, t.repo, t.created_at, t.expires_at, k.name
             FROM git_tokens t JOIN keys k ON k.hash = t.key_hash
             WHERE t.hash = $1 AND t.expires_at > $2
               AND t.revoked_at IS NULL AND k.revoked_at IS NULL",
        )
        .bind(hash.as_str())
        .bind(now)
        .fetch_optional(self.database.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(GitTokenRecord {
            repo: RepoRef { workspace: text(&row, "workspace")?, repo: text(&row, "repo")? },
            created_by: text(&row, "name")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
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
