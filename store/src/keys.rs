//! API keys: their hashes, what they were granted, and when they were last used.

use crate::row::{Columns, parse};
use crate::sqlite::Row;
use crate::{Store, StoreError};
use inkstone_spec::{CredentialHash, KeyName, Scopes, WorkspaceName};
use std::collections::BTreeSet;

/// The columns of a [`KeyRecord`], in the order in which it reads them.
macro_rules! columns {
    () => {
        "name, scopes, workspaces, created_at, revoked_at, last_used_at"
    };
}

/// How `workspaces` is written when a key has them all. No workspace name can be this.
const ALL_WORKSPACES: &str = "*";

/// The workspaces that a key was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceGrant {
    /// Every workspace, those to come included.
    All,
    /// These and no other.
    Some(BTreeSet<WorkspaceName>),
}

impl WorkspaceGrant {
    /// Whether `workspace` is one of them.
    pub fn contains(&self, workspace: &WorkspaceName) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(workspace),
        }
    }

    fn to_column(&self) -> String {
        match self {
            Self::All => ALL_WORKSPACES.to_owned(),
            Self::Some(names) => {
                names.iter().map(WorkspaceName::as_str).collect::<Vec<_>>().join(",")
            }
        }
    }

    fn from_column(value: &str) -> Result<Self, StoreError> {
        if value == ALL_WORKSPACES {
            return Ok(Self::All);
        }
        let names = value.split(',').filter(|name| !name.is_empty());
        names.map(|name| parse(name, "workspaces")).collect::<Result<_, _>>().map(Self::Some)
    }
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Who acts; unique among keys that are not revoked.
    pub name: KeyName,
    /// The hash of the credential; the credential itself is never stored.
    pub hash: CredentialHash,
    /// What it may do.
    pub scopes: Scopes,
    /// Where it may do it.
    pub workspaces: WorkspaceGrant,
}

/// A stored key. Its hash stays in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Who acts.
    pub name: KeyName,
    /// What it may do.
    pub scopes: Scopes,
    /// Where it may do it.
    pub workspaces: WorkspaceGrant,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last seen, as of the last [`Store::touch_keys`].
    pub last_used_at: Option<i64>,
}

impl KeyRecord {
    /// Reads a row of [`columns!`].
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            name: columns.text("name")?,
            scopes: match columns.value()? {
                "" => Scopes::default(),
                scopes => parse(scopes, "scopes")?,
            },
            workspaces: WorkspaceGrant::from_column(columns.value()?)?,
            created_at: columns.value()?,
            revoked_at: columns.value()?,
            last_used_at: columns.value()?,
        })
    }
}

impl Store {
    /// Stores a key. Refuses a name that another key has, unless that one is revoked.
    pub async fn create_key(&self, key: &NewKey, now: i64) -> Result<KeyRecord, StoreError> {
        let mut tx = self.database.write().await?;
        let row = sqlx::query(concat!(
            "INSERT INTO keys (hash, name, scopes, workspaces, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING ",
            columns!(),
        ))
        .bind(key.hash.as_str())
        .bind(key.name.as_str())
        .bind(key.scopes.to_string())
        .bind(key.workspaces.to_column())
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::KeyNameTaken(key.name.clone()))?;
        let record = KeyRecord::from_row(&row)?;
        tx.commit().await?;
        Ok(record)
    }

    /// The key with this hash, unless it is revoked.
    pub async fn find_key(&self, hash: &CredentialHash) -> Result<Option<KeyRecord>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM keys WHERE hash = $1 AND revoked_at IS NULL",
        ))
        .bind(hash.as_str());
        self.database.read().optional(query).await?.as_ref().map(KeyRecord::from_row).transpose()
    }

    /// Every key, the revoked ones too, by name and then by age.
    pub async fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM keys ORDER BY name, created_at, hash",
        ));
        self.database.read().all(query).await?.iter().map(KeyRecord::from_row).collect()
    }

    /// Revokes a key, and with it the git tokens that it made. Says whether there was one to revoke.
    pub async fn revoke_key(&self, name: &KeyName, now: i64) -> Result<bool, StoreError> {
        let mut tx = self.database.write().await?;
        let done =
            sqlx::query("UPDATE keys SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL")
                .bind(now)
                .bind(name.as_str())
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Whether a key was ever made here: false only in a new database.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT COUNT(*) FROM (SELECT 1 FROM keys LIMIT 1) AS k");
        Ok(self.database.read().count(query).await? > 0)
    }

    /// Notes when keys were last used: one transaction for a batch that the caller gathered. A time
    /// older than the one known changes nothing.
    pub async fn touch_keys(&self, uses: &[(CredentialHash, i64)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut tx = self.database.write().await?;
        for (hash, at) in uses {
            sqlx::query(
                "UPDATE keys SET last_used_at = $1
                 WHERE hash = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
            )
            .bind(at)
            .bind(hash.as_str())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}
