//! What passes without the caller: the remote of the state repo is away, the disk takes nothing. What it
//! stops waits in the queue and goes on by itself.

use crate::{Deployer, Refusal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The codes of what is for the remote.
const REMOTE: &[&str] = &[
    "state_remote_unavailable",
    "state_remote_refused",
    "state_repo_rewound",
    "state_repo_unchecked",
    "state_repo_busy",
];
/// The codes of what is for the disk.
const DISK: &[&str] = &[Refusal::STORAGE_FULL, Refusal::STORAGE_READ_ONLY];
/// How long after the disk took nothing it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// For what deployments wait.
#[derive(Default)]
pub(crate) struct Waits {
    remote: AtomicBool,
    disk: Notify,
}

impl Waits {
    /// A deployment that was refused so waits now.
    pub(crate) fn add(&self, refusal: &Refusal) {
        if DISK.contains(&refusal.code) {
            self.disk.notify_one();
        } else {
            self.remote.store(true, Ordering::Relaxed);
        }
    }

    /// Whether any waits for the remote.
    pub(crate) fn for_remote(&self) -> bool {
        self.remote.load(Ordering::Relaxed)
    }

    /// Those that wait for the remote are let go on.
    pub(crate) fn remote_is_back(&self) {
        self.remote.store(false, Ordering::Relaxed);
    }
}

impl Deployer {
    /// Whether what was refused passes without the caller.
    pub(crate) fn passes(&self, refusal: &Refusal) -> bool {
        DISK.contains(&refusal.code)
            || (self.inner.state.remote().is_some() && REMOTE.contains(&refusal.code))
    }

    /// Lets go on, time and again, what waits for the disk. Never ends.
    pub async fn watch_disk(&self) {
        loop {
            self.inner.waits.disk.notified().await;
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = self.intents_changed().await {
                tracing::error!(%error, "what waits for the disk could not be let go on");
                self.inner.waits.disk.notify_one();
            }
        }
    }
}
