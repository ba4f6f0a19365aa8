//! Bounded pulls, and bounded waiting for one, shared out among workspaces.

use inkstone_spec::WorkspaceName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many files are sent at a time.
const MAX_PULLS: usize = 256;
/// Of these, how many to one workspace.
const MAX_WORKSPACE_PULLS: usize = 64;
/// How many requests of one workspace may wait for a turn.
const MAX_WORKSPACE_WAITING: usize = 256;
/// How long they wait.
const WAIT: Duration = Duration::from_secs(30);

/// Lets so many in, lets so many wait, and turns the rest away; each workspace has a share of its own, so
/// that no single one keeps the others out.
#[derive(Clone)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    workspaces: Arc<Mutex<HashMap<WorkspaceName, Arc<Share>>>>,
}

/// Leave to be sent a file, until it is dropped.
pub(super) struct Turn {
    _permits: [OwnedSemaphorePermit; 3],
    /// A share is remembered as long as somebody has a part of it.
    _share: Arc<Share>,
}

/// What one workspace has.
struct Share {
    admitted: Arc<Semaphore>,
    pulling: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_PULLS)), workspaces: Arc::default() }
    }

    /// Waits for a turn; `None` where too many wait already, or for too long.
    pub(super) async fn enter(&self, workspace: &WorkspaceName) -> Option<Turn> {
        let share = self.share(workspace);
        let admitted = Arc::clone(&share.admitted).try_acquire_owned().ok()?;
        // The workspace's own first: who waits for that stands in nobody else's way.
        let turn = async {
            let own = Arc::clone(&share.pulling).acquire_owned().await.ok()?;
            Some((own, Arc::clone(&self.all).acquire_owned().await.ok()?))
        };
        let (own, all) = tokio::time::timeout(WAIT, turn).await.ok()??;
        Some(Turn { _permits: [admitted, own, all], _share: share })
    }

    fn share(&self, workspace: &WorkspaceName) -> Arc<Share> {
        let mut workspaces = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        workspaces.retain(|_, share| Arc::strong_count(share) > 1);
        let new = || {
            let semaphore = |places| Arc::new(Semaphore::new(places));
            Arc::new(Share {
                admitted: semaphore(MAX_WORKSPACE_PULLS + MAX_WORKSPACE_WAITING),
                pulling: semaphore(MAX_WORKSPACE_PULLS),
            })
        };
        Arc::clone(workspaces.entry(workspace.clone()).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_workspace_has_its_share_and_leaves_the_others_theirs() {
        let turns = Turns::new();
        let (acme, rival) = ("acme".parse().unwrap(), "rival".parse().unwrap());
        let mut held = Vec::new();
        for _ in 0..MAX_WORKSPACE_PULLS {
            held.push(turns.enter(&acme).await.unwrap());
        }
        assert!(turns.enter(&acme).await.is_none(), "nobody leaves, so nobody gets in");
        assert!(turns.enter(&rival).await.is_some());
        let next = tokio::spawn({
            let turns = turns.clone();
            async move { turns.enter(&acme).await.is_some() }
        });
        held.pop();
        assert!(next.await.unwrap(), "who waits gets the place of who left");
        drop(held);
        assert!(turns.enter(&rival).await.is_some());
        assert_eq!(turns.workspaces.lock().unwrap().len(), 1, "empty shares are forgotten");
    }
}
