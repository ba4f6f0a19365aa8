//! From a secret to a credential, cached for a moment so that a busy key costs no database read.

use crate::{Credential, now_ms};
use inkstone_secrets::PullKey;
use inkstone_spec::{ApiKey, CredentialHash, GitToken, ProjectRef, PullToken};
use inkstone_store::{KeyRecord, Store, StoreError};
use quick_cache::sync::Cache;

/// How long a key that was good is taken for good: a revoked key ends within this time.
const KEY_TTL_MS: i64 = 1_000;
/// How many keys are remembered.
const KEYS_CACHED: usize = 4_096;
/// How often, per key, its use is written down.
const TOUCH_INTERVAL_MS: i64 = 60_000;

/// Looks credentials up.
pub(crate) struct Authenticator {
    store: Store,
    pull_key: PullKey,
    keys: Cache<CredentialHash, (KeyRecord, i64)>,
    touched: Cache<CredentialHash, i64>,
}

impl Authenticator {
    pub(crate) fn new(store: Store, pull_key: PullKey) -> Self {
        let (keys, touched) = (Cache::new(KEYS_CACHED), Cache::new(KEYS_CACHED));
        Self { store, pull_key, keys, touched }
    }

    /// The key's record; `None` if it is unknown or revoked.
    pub(crate) async fn key(&self, key: &ApiKey) -> Result<Option<KeyRecord>, StoreError> {
        let (hash, now) = (key.hash(), now_ms());
        if let Some((record, since)) = self.keys.get(&hash)
            && now.saturating_sub(since) < KEY_TTL_MS
        {
            return Ok(Some(record));
        }
        let Some(record) = self.store.find_key(&hash).await? else {
            self.keys.remove(&hash);
            return Ok(None);
        };
        self.keys.insert(hash.clone(), (record.clone(), now));
        if self.touched.get(&hash).is_none_or(|at| now.saturating_sub(at) > TOUCH_INTERVAL_MS) {
            self.touched.insert(hash.clone(), now);
            self.store.touch_keys(&[(hash, now)]).await?;
        }
        Ok(Some(record))
    }

    /// What the password of a git client is: an API key, a git token, or nothing that is known. With a
    /// git token comes the key that made it, who acts.
    pub(crate) async fn git(
        &self,
        password: &str,
    ) -> Result<Option<(Credential, inkstone_spec::KeyName)>, StoreError> {
        if let Ok(key) = ApiKey::parse(password) {
            let record = self.key(&key).await?;
            return Ok(record.map(|record| (Credential::Key(record.clone()), record.name)));
        }
        let Ok(token) = GitToken::parse(password) else { return Ok(None) };
        let found = self.store.find_git_token(&token.hash(), now_ms()).await?;
        Ok(found.map(|record| (Credential::GitToken(record.repo), record.created_by)))
    }

    /// What user and password of a node are: an API key, whoever the user is, the pull token of the
    /// project that the user names, or nothing that is known.
    pub(crate) async fn puller(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Option<Credential>, StoreError> {
        if let Ok(key) = ApiKey::parse(password) {
            return Ok(self.key(&key).await?.map(Credential::Key));
        }
        let (Ok(project), Ok(token)) = (user.parse::<ProjectRef>(), PullToken::parse(password))
        else {
            return Ok(None);
        };
        let good = self.pull_key.admits(&project, &token);
        Ok(good.then_some(Credential::PullToken(project)))
    }
}
