//! Idempotency keys: a call that changes something and is made again is answered again, not done again.
//!
//! A key belongs to the API key that uses it. What is kept is kept in clear: answers must hold no
//! secret. A caller whose answer has one stores it with a mark in the secret's place, and makes a new
//! secret when the answer is replayed.

use crate::row::Columns;
use crate::sqlite::{Connection, Row};
use crate::{Store, StoreError};
use inkstone_spec::{CredentialHash, Digest, Invalid};
use std::fmt;
use std::str::FromStr;

/// How long a call is remembered after it began: 24 hours, in milliseconds.
pub const IDEMPOTENCY_RETENTION_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a call may be in progress: 10 minutes, in milliseconds. Later its process is taken for
/// dead, and its key is free.
pub const CALL_TIMEOUT_MS: i64 = 10 * 60 * 1000;
/// The most calls of one API key that are remembered; the oldest that are done are forgotten first.
pub const MAX_CALLS_PER_KEY: i64 = 1_000;
/// The longest answer that is remembered, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a caller names a call by, so that it can be made again safely.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 128;
    /// The JSON Schema (ECMA-262) pattern of a key.
    pub const PATTERN: &str = "^[!-~]+$";
    /// What is allowed, in words.
    pub const ALLOWED: &str = "1 to 128 visible ASCII characters, no spaces";
    /// A key that is allowed.
    pub const EXAMPLE: &str = "0192f0c1-7a3e-7b52-9c1d-2f4a6b8c0d1e";

    /// Takes the text if it is a key, or says what is allowed.
    pub fn new(value: impl Into<String>) -> Result<Self, Invalid> {
        let value = value.into();
        let visible = value.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=Self::MAX_LEN).contains(&value.len()) {
            Ok(Self(value))
        } else {
            Err(Invalid::new("idempotency key", &value, Self::ALLOWED, Self::EXAMPLE))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IdempotencyKey {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        Self::new(value)
    }
}

/// A call in progress. Whoever has this makes the call, then says how it ended: with
/// [`Store::finish_call`] or [`Store::abandon_call`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is never ended keeps its key busy until it times out"]
pub struct Call {
    api_key: CredentialHash,
    key: IdempotencyKey,
    begun_at: i64,
}

/// What a caller is to do about a call that has a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Begun {
    /// Make it.
    New(Call),
    /// Answer so: it was made before.
    Replay(String),
    /// Refuse it: the key was used for another call.
    Conflict {
        /// The tool of that call.
        tool: String,
    },
    /// Ask to try again: the same call is being made now.
    InProgress,
}

impl Store {
    /// Begins a call of `tool` under an idempotency key, or says what became of it before. `request` is
    /// the digest of the tool and its arguments in a canonical form: equal for equal calls.
    ///
    /// A call is remembered for [`IDEMPOTENCY_RETENTION_MS`]. Calls that failed are not: whoever makes
    /// them again means it. Where a process died during a call, whether it was made is not known; its
    /// key is free after [`CALL_TIMEOUT_MS`] or [`Store::abandon_calls`].
    pub async fn begin_call(
        &self,
        api_key: &CredentialHash,
        key: &IdempotencyKey,
        tool: &str,
        request: &Digest,
        now: i64,
    ) -> Result<Begun, StoreError> {
        let mut tx = self.database.write().await?;
        if let Some(known) = known(&mut tx, api_key, key, now).await? {
            return Ok(known.answer(request));
        }
        insert(&mut tx, api_key, key, tool, request, now).await?;
        forget_oldest(&mut tx, api_key).await?;
        tx.commit().await?;
        Ok(Begun::New(Call { api_key: api_key.clone(), key: key.clone(), begun_at: now }))
    }

    /// Ends a call with the answer (JSON text, without secrets) that the same call is to get again.
    /// False: it took longer than [`CALL_TIMEOUT_MS`] and is not remembered. An answer longer than
    /// [`MAX_ANSWER_BYTES`] is an error, and the key stays busy until it times out.
    pub async fn finish_call(&self, call: Call, answer: &str) -> Result<bool, StoreError> {
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(StoreError::AnswerTooLong { limit: MAX_ANSWER_BYTES });
        }
        let mut tx = self.database.write().await?;
        let done = sqlx::query(
            "UPDATE idempotent_calls SET answer = $1
             WHERE key_hash = $2 AND idempotency_key = $3 AND begun_at = $4 AND answer IS NULL",
        )
        .bind(answer)
        .bind(call.api_key.as_str())
        .bind(call.key.as_str())
        .bind(call.begun_at)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends a call that changed nothing: its key is free again.
    pub async fn abandon_call(&self, call: Call) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        sqlx::query(
            "DELETE FROM idempotent_calls
             WHERE key_hash = $1 AND idempotency_key = $2 AND begun_at = $3 AND answer IS NULL",
        )
        .bind(call.api_key.as_str())
        .bind(call.key.as_str())
        .bind(call.begun_at)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Frees the keys of every call in progress: for the start of the one server, whose calls before
    /// it ended with its process. Returns how many there were.
    pub async fn abandon_calls(&self) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query("DELETE FROM idempotent_calls WHERE answer IS NULL")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Deletes calls that began too long ago.
    pub(crate) async fn purge_calls(&self, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let done = sqlx::query("DELETE FROM idempotent_calls WHERE begun_at <= $1")
            .bind(now.saturating_sub(IDEMPOTENCY_RETENTION_MS))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

/// A call that is remembered.
struct Known {
    tool: String,
    request: Digest,
    answer: Option<String>,
}

impl Known {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            tool: columns.value()?,
            request: columns.text("request_hash")?,
            answer: columns.value()?,
        })
    }

    fn answer(self, request: &Digest) -> Begun {
        if self.request == *request {
            self.answer.map_or(Begun::InProgress, Begun::Replay)
        } else {
            Begun::Conflict { tool: self.tool }
        }
    }
}

/// The call that has this key now.
async fn known(
    tx: &mut Connection,
    api_key: &CredentialHash,
    key: &IdempotencyKey,
    now: i64,
) -> Result<Option<Known>, StoreError> {
    sqlx::query(
        "SELECT tool, request_hash, answer FROM idempotent_calls
         WHERE key_hash = $1 AND idempotency_key = $2
           AND begun_at > CASE WHEN answer IS NULL THEN $3 ELSE $4 END",
    )
    .bind(api_key.as_str())
    .bind(key.as_str())
    .bind(now.saturating_sub(CALL_TIMEOUT_MS))
    .bind(now.saturating_sub(IDEMPOTENCY_RETENTION_MS))
    .fetch_optional(tx)
    .await?
    .as_ref()
    .map(Known::from_row)
    .transpose()
}

/// Writes the call down, in the place of one whose time is over.
async fn insert(
    tx: &mut Connection,
    api_key: &CredentialHash,
    key: &IdempotencyKey,
    tool: &str,
    request: &Digest,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO idempotent_calls
           (key_hash, idempotency_key, number, tool, request_hash, begun_at)
         VALUES ($1, $2,
                 (SELECT COALESCE(MAX(number), 0) + 1 FROM idempotent_calls WHERE key_hash = $1),
                 $3, $4, $5)
         ON CONFLICT (key_hash, idempotency_key) DO UPDATE
         SET number = excluded.number, tool = excluded.tool, answer = NULL,
             request_hash = excluded.request_hash, begun_at = excluded.begun_at",
    )
    .bind(api_key.as_str())
    .bind(key.as_str())
    .bind(tool)
    .bind(request.as_str())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps the newest calls of an API key. What is in progress stays: there are no more of them than
/// the server makes calls at a time.
async fn forget_oldest(tx: &mut Connection, api_key: &CredentialHash) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM idempotent_calls
         WHERE key_hash = $1 AND answer IS NOT NULL
           AND number <= (SELECT MAX(number) FROM idempotent_calls WHERE key_hash = $1) - $2",
    )
    .bind(api_key.as_str())
    .bind(MAX_CALLS_PER_KEY)
    .execute(tx)
    .await?;
    Ok(())
}
