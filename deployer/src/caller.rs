//! Who asks, through what, in which request.

use crate::{Action, Credential, Denial, Object, Refusal, authorize};
use inkstone_spec::{ApiKey, CredentialHash, Digest, RepoRef, WorkspaceName};
use inkstone_state::{Actor, Tool};
use inkstone_store::{KeyRecord, WorkspaceGrant};
use uuid::Uuid;

/// The workspace that a key acts in when it says no other.
pub(crate) const DEFAULT_WORKSPACE: &str = "main";

tokio::task_local! {
    /// The id of the request that a task works for.
    static REQUEST_ID: String;
}

/// Does `work` as a part of the request `id`: what it causes carries that id.
pub async fn in_request<F: Future>(id: String, work: F) -> F::Output {
    REQUEST_ID.scope(id, work).await
}

/// The id of the request that this task works for; a new one outside of any.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| Uuid::now_v7().to_string())
}

/// One authenticated request.
#[derive(Clone, Debug)]
pub struct Caller {
    credential: Credential,
    key: KeyRecord,
    secret: ApiKey,
    /// The request's id, as the log has it.
    pub request_id: String,
    /// Through what it came.
    pub tool: Tool,
}

impl Caller {
    /// A request that came with `secret`, whose record is `key`.
    pub fn new(key: KeyRecord, secret: ApiKey, request_id: String, tool: Tool) -> Self {
        Self { credential: Credential::Key(key.clone()), key, secret, request_id, tool }
    }

    /// What the store knows the key by.
    pub(crate) fn key_hash(&self) -> CredentialHash {
        self.secret.hash()
    }

    /// A digest of `text` that only who has the key can compute, so that it gives no guess at a secret in
    /// the text away.
    pub(crate) fn fingerprint(&self, text: &str) -> Digest {
        Digest::of(format!("{}\n{text}", self.secret.expose()).as_bytes())
    }

    /// The key's record.
    pub fn key(&self) -> &KeyRecord {
        &self.key
    }

    /// Who acts, as commits name them.
    pub fn actor(&self) -> &Actor {
        &self.key.name
    }

    /// The workspace that is meant when none is named: `main`, or the key's first.
    pub fn default_workspace(&self) -> Result<WorkspaceName, Refusal> {
        match &self.key.workspaces {
            WorkspaceGrant::Some(names)
                if !names.iter().any(|n| n.as_str() == DEFAULT_WORKSPACE) =>
            {
                names.first().cloned().ok_or_else(|| {
                    Refusal::new(
                        "no_workspace",
                        "This key has no workspace.",
                        "Ask the operator for a key that has one.",
                    )
                })
            }
            _ => Ok(WorkspaceName::new(DEFAULT_WORKSPACE)?),
        }
    }

    /// Goes on only if the caller may do `action` in `workspace`.
    pub(crate) fn may(&self, action: Action, workspace: &WorkspaceName) -> Result<(), Refusal> {
        authorize(&self.credential, action, Object::Workspace(workspace)).map_err(|denial| {
            match denial {
                Denial::MissingScope(scope) => Refusal::missing_scope(scope),
                Denial::Foreign | Denial::NeedsKey => Refusal::no_workspace(workspace),
            }
        })
    }

    /// Goes on only if the caller may do `action` on `repo`.
    pub(crate) fn may_on_repo(&self, action: Action, repo: &RepoRef) -> Result<(), Refusal> {
        authorize(&self.credential, action, Object::Repo(repo)).map_err(|denial| match denial {
            Denial::MissingScope(scope) => Refusal::missing_scope(scope),
            Denial::Foreign | Denial::NeedsKey => Refusal::no_workspace(&repo.workspace),
        })
    }

    /// Goes on only if the caller may do `action` on the state repo, which has every workspace.
    pub(crate) fn may_on_state(&self, action: Action) -> Result<(), Refusal> {
        authorize(&self.credential, action, Object::StateRepo).map_err(|denial| match denial {
            Denial::MissingScope(scope) => Refusal::missing_scope(scope),
            Denial::Foreign | Denial::NeedsKey => Refusal::new(
                "not_all_workspaces",
                "This key is not for every workspace, and the state repo has them all.",
                "Use a key for all: `inkstone key create --all-workspaces` makes one.",
            ),
        })
    }
}
