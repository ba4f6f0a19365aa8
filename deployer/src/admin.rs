//! What the operator does on the server's own machine: the first key, more keys.

use crate::{Refusal, now_ms};
use inkstone_spec::{ApiKey, KeyName, Scopes};
use inkstone_store::{KeyRecord, NewKey, Store, WorkspaceGrant};

/// The name of the key of the first start.
const BOOTSTRAP_KEY: &str = "bootstrap";

/// A key that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewKeyRequest {
    /// Its name.
    pub name: KeyName,
    /// What it may do.
    pub scopes: Scopes,
    /// Where.
    pub workspaces: WorkspaceGrant,
}

/// Makes a key; its secret is returned once and never stored.
pub async fn create_key(
    store: &Store,
    request: NewKeyRequest,
) -> Result<(ApiKey, KeyRecord), Refusal> {
    let key = ApiKey::from_random(random()?);
    let new = NewKey {
        name: request.name,
        hash: key.hash(),
        scopes: request.scopes,
        workspaces: request.workspaces,
    };
    match store.create_key(&new, now_ms()).await {
        Ok(record) => Ok((key, record)),
        Err(error @ inkstone_store::StoreError::KeyNameTaken(_)) => {
            Err(Refusal::new(error.code(), format!("{error}."), error.suggestion()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The key of a new database: every scope, every workspace. `None` when there is a key already.
pub async fn bootstrap_key(store: &Store) -> Result<Option<ApiKey>, Refusal> {
    if store.has_keys().await? {
        return Ok(None);
    }
    let request = NewKeyRequest {
        name: KeyName::new(BOOTSTRAP_KEY)?,
        scopes: Scopes::all(),
        workspaces: WorkspaceGrant::All,
    };
    create_key(store, request).await.map(|(key, _)| Some(key))
}

/// 256 bits from the operating system.
pub(crate) fn random() -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::internal("the system gave no random numbers", &error))?;
    Ok(bytes)
}
