//! The keys that an operator made, kept beside the database: only their hashes, one file for each. ArgoCD and a
//! reconciler have such keys, and go on where the database is lost.

use anyhow::Context as _;
use inkstone_spec::{CredentialHash, KeyName, WorkspaceName};
use inkstone_store::{KeyRecord, NewKey, Store, WorkspaceGrant};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The content of a file; its name is the key's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    hash: String,
    scopes: String,
    /// `None`: all of them.
    workspaces: Option<BTreeSet<String>>,
}

/// The folder of these files.
pub(crate) struct KeptKeys {
    folder: PathBuf,
}

impl KeptKeys {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a key that was made.
    pub(crate) fn keep(&self, hash: &CredentialHash, record: &KeyRecord) -> anyhow::Result<()> {
        let workspaces = match &record.workspaces {
            WorkspaceGrant::All => None,
            WorkspaceGrant::Some(names) => Some(names.iter().map(ToString::to_string).collect()),
        };
        let hash = hash.as_str().to_owned();
        let kept = Kept { hash, scopes: record.scopes.to_string(), workspaces };
        let path = self.folder.join(record.name.as_str());
        // No key's name: what a power cut left of it is not read.
        let fresh = self.folder.join(format!(".{}", record.name));
        let write = || {
            fs::create_dir_all(&self.folder)?;
            fs::write(&fresh, serde_json::to_vec(&kept)?)?;
            fs::File::open(&fresh)?.sync_all()?;
            fs::rename(&fresh, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Forgets a key; fine where it was not kept.
    pub(crate) fn forget(&self, name: &KeyName) -> anyhow::Result<()> {
        let path = self.folder.join(name.as_str());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Gives the store those that it never had. What cannot be read is said, and keeps nobody else out.
    pub(crate) async fn restore(&self, store: &Store) -> anyhow::Result<()> {
        let known = store.list_keys().await?;
        let known: BTreeSet<&KeyName> = known.iter().map(|key| &key.name).collect();
        for name in self.names()? {
            if known.contains(&name) {
                continue;
            }
            let path = self.folder.join(name.as_str());
            match read(&path, name) {
                Ok(key) => {
                    store.create_key(&key, Timestamp::now().as_millisecond()).await?;
                    tracing::info!(key = %key.name, "a key that the database had lost is back");
                }
                Err(error) => {
                    let path = path.display();
                    tracing::error!("{path} is no key and is left out: {error:#}");
                }
            }
        }
        Ok(())
    }

    fn names(&self) -> anyhow::Result<Vec<KeyName>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("cannot read {}", self.folder.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            names.extend(name.to_str().and_then(|name| KeyName::new(name).ok()));
        }
        Ok(names)
    }
}

fn read(path: &Path, name: KeyName) -> anyhow::Result<NewKey> {
    let kept: Kept = serde_json::from_slice(&fs::read(path)?)?;
    let workspaces = match kept.workspaces {
        None => WorkspaceGrant::All,
        Some(names) => {
            let names = names.iter().map(|name| WorkspaceName::new(name.as_str()));
            WorkspaceGrant::Some(names.collect::<Result<_, _>>()?)
        }
    };
    Ok(NewKey { name, hash: kept.hash.parse()?, scopes: kept.scopes.parse()?, workspaces })
}
