//! The use cases: what a caller may ask for, decided and carried out in one place; and the queue's
//! workers, which turn a source commit into a commit of the state repo.
//!
//! Owns who may do what ([`authorize`]), what each use case means, and the order of side effects. A
//! change is one commit of the state repo, planned against its newest head; everything else (queue,
//! logs) may be lost without losing what is deployed.
//!
//! Must not know: HTTP, MCP, the command line, or how SQL, git or images are stored.

mod admin;
mod authenticate;
mod authorize;
mod caller;
mod failure;
mod history_index;
mod idempotency;
mod images;
mod near;
mod page;
mod projects;
mod pulls;
mod pushes;
mod queue;
mod reconciling;
mod refusal;
mod remarks;
mod remote;
mod repos;
mod resume;
mod runtime;
mod services;
mod source;
mod tries;
mod undone;
mod views;
mod waits;
mod worker;

pub use admin::{NewKeyRequest, OPERATOR, add_workspace, bootstrap_key, create_key, use_templates};
pub use authorize::{Action, Credential, Denial, Object, authorize};
pub use caller::{Caller, in_request};
pub use idempotency::{Call, Turn};
pub use pulls::{ImagePart, Puller};
pub use pushes::{GitAuthorizer, GitSink, Pusher};
pub use refusal::Refusal;
pub use runtime::Connected;
pub use services::{CreateService, GetService, Rollback, UpdateService};
pub use views::*;

pub use inkstone_builder::ImageFile;
pub use inkstone_githost::Objects as StateSize;
pub use inkstone_state::Tool;
pub use inkstone_state::plan::Change;
pub use inkstone_state::remote::{Report, Standing};
pub use inkstone_state::undo::Policy;
pub use inkstone_store::{IdempotencyKey, KeyRecord};

use authenticate::Authenticator;
use inkstone_builder::Builder;
use inkstone_githost::{HostedRepos, Limits, Objects, RepoPath, tidy};
use inkstone_secrets::{Identities, Keyring, PullKey};
use inkstone_spec::{ApiKey, Region};
use inkstone_state::{Snapshot, StateRepo};
use inkstone_store::Store;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use tokio::sync::{Mutex, Notify, RwLock};
use tries::Tries;
use waits::Waits;

/// What the use cases work on.
pub struct Parts {
    /// The state repo: what is deployed.
    pub state: StateRepo,
    /// Keys, the queue and its logs.
    pub store: Store,
    /// The hosted source repositories.
    pub repos: HostedRepos,
    /// Makes images.
    pub builder: Builder,
    /// What opens and seals env values.
    pub keyring: Keyring,
    /// What pull tokens are made from.
    pub pull_key: PullKey,
    /// The cluster that is watched, if one is.
    pub cluster: Option<Connected>,
    /// What an operator chose.
    pub settings: Settings,
}

/// What an operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base of every URL that is handed out, without a trailing slash.
    pub public_url: String,
    /// Which region the connected cluster is.
    pub region: Region,
    /// How many deployments are built at a time.
    pub workers: usize,
    /// How many deployments of one workspace are built at a time.
    pub workspace_cap: u32,
    /// The hooks that judge pushes to the state repo.
    pub hooks_dir: PathBuf,
}

/// The use cases. Cheap to clone; every clone works on the same parts.
#[derive(Clone)]
pub struct Deployer {
    inner: Arc<Inner>,
}

struct Inner {
    state: Arc<StateRepo>,
    store: Store,
    repos: HostedRepos,
    builder: Arc<Builder>,
    keyring: Keyring,
    cluster: Option<Connected>,
    settings: Settings,
    authenticator: Authenticator,
    /// Pushes to the state repo.
    tries: Tries,
    /// Wakes workers when something was queued.
    work: Notify,
    /// Told when a push could not be queued.
    missed: Notify,
    /// How large the state repo was when somebody last looked.
    state_size: std::sync::Mutex<Objects>,
    /// For what deployments wait that nobody has to ask for again.
    waits: Waits,
    /// Held while the index of the history is brought up to date and read.
    history: Mutex<()>,
    /// Read while something comes to rely on a repository that exists; written from looking at what is
    /// there to making a repository or deleting one.
    repo_names: RwLock<()>,
}

impl Deployer {
    /// The use cases over `parts`.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Arc::new(parts.state),
                authenticator: Authenticator::new(parts.store.clone(), parts.pull_key),
                store: parts.store,
                repos: parts.repos,
                builder: Arc::new(parts.builder),
                keyring: parts.keyring,
                cluster: parts.cluster,
                settings: parts.settings,
                tries: Tries::default(),
                work: Notify::new(),
                missed: Notify::new(),
                state_size: std::sync::Mutex::default(),
                waits: Waits::default(),
                history: Mutex::new(()),
                repo_names: RwLock::new(()),
            }),
        }
    }

    /// The record of a key; `None` if it is unknown or revoked.
    pub async fn authenticate(&self, key: &ApiKey) -> Result<Option<KeyRecord>, Refusal> {
        Ok(self.inner.authenticator.key(key).await?)
    }

    /// What opens sealed values now.
    fn identities(&self) -> Result<Arc<Identities>, Refusal> {
        let found = self.inner.keyring.identities();
        found.map_err(|error| Refusal::internal("the identity file cannot be used", &error))
    }

    /// Which region the connected cluster is.
    pub fn region(&self) -> &Region {
        &self.inner.settings.region
    }

    /// The store, for health and metrics.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The state repo, for health and metrics.
    pub fn state(&self) -> &StateRepo {
        &self.inner.state
    }

    /// Keeps the state repo in few files, and looks how large it is.
    pub async fn tidy_state(&self) -> std::io::Result<()> {
        let git_dir = self.inner.state.git_dir();
        let size = tidy(&RepoPath::State, git_dir, &Limits::default()).await?;
        *self.inner.state_size.lock().unwrap_or_else(PoisonError::into_inner) = size;
        Ok(())
    }

    /// How large the state repo was then, for metrics.
    pub fn state_size(&self) -> Objects {
        *self.inner.state_size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is live where it is asked: what a caller is shown comes from a few objects that are
    /// cached or mapped, and handing that to another thread costs more than doing it.
    fn read_state<T>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        read(&self.inner.state.live()?)
    }

    /// Runs work on the state repo that writes, or reads much, beside the event loop.
    async fn with_state<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StateRepo) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let state = Arc::clone(&self.inner.state);
        tokio::task::spawn_blocking(move || work(&state))
            .await
            .map_err(|error| Refusal::internal("a task ended early", &error))?
    }
}

/// Milliseconds since the epoch, as the store counts them.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
