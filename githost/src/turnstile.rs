//! Bounded work and bounded waiting for it, shared out among workspaces.

use crate::refusal::Refusal;
use crate::{RepoPath, ServiceLimits};
use inkstone_spec::WorkspaceName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whose requests share a lane: a workspace's, or the state repo's.
type Lane = Option<WorkspaceName>;

/// Lets so many in to work, lets so many wait, and turns the rest away. Each workspace has a lane with
/// a share of both, so that no single one can keep the others out. For what the lanes share there is
/// one line; no lane stands in it with more than its share. The state repo shares with nobody: who acts
/// on it must not depend on what tenants do.
pub(crate) struct Turnstile {
    all: Places,
    lanes: Mutex<HashMap<Lane, Arc<Places>>>,
    workspace_concurrent: usize,
    workspace_waiting: usize,
}

/// Leave to be there until it is dropped, and to work until then or until it rests.
pub(crate) struct Turn {
    _places: Vec<OwnedSemaphorePermit>,
    work: Vec<OwnedSemaphorePermit>,
    /// A lane lives as long as somebody is in it.
    _lane: Arc<Places>,
}

impl Turn {
    /// The work is done, and somebody else may do theirs.
    pub(crate) fn rest(&mut self) {
        self.work.clear();
    }
}

/// Places to work in, and places to be in at all: at work or waiting.
struct Places {
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Turnstile {
    pub(crate) fn new(limits: &ServiceLimits) -> Self {
        Self {
            all: Places::new(limits.concurrent, limits.waiting),
            lanes: Mutex::default(),
            workspace_concurrent: limits.workspace_concurrent,
            workspace_waiting: limits.workspace_waiting,
        }
    }

    /// Waits for a turn, at most this long and not in a queue that is full.
    pub(crate) async fn enter(&self, repo: &RepoPath, wait: Duration) -> Result<Turn, Refusal> {
        let lane = self.lane(repo);
        // The lane first: who waits for others of the same workspace stands in nobody else's way.
        let lines: &[&Places] = match repo {
            RepoPath::Hosted(_) => &[&lane, &self.all],
            RepoPath::State => &[&lane],
        };
        let places = lines.iter().map(|line| line.admit()).collect::<Result<_, _>>()?;
        let work = async {
            let mut permits = Vec::with_capacity(lines.len());
            for line in lines {
                permits.push(line.work().await?);
            }
            Ok::<_, Refusal>(permits)
        };
        let work = tokio::time::timeout(wait, work).await.map_err(|_| Refusal::Busy)??;
        Ok(Turn { _places: places, work, _lane: lane })
    }

    fn lane(&self, repo: &RepoPath) -> Arc<Places> {
        let lane = match repo {
            RepoPath::Hosted(repo) => Some(repo.workspace.clone()),
            RepoPath::State => None,
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, places| Arc::strong_count(places) > 1);
        let new = || Arc::new(Places::new(self.workspace_concurrent, self.workspace_waiting));
        Arc::clone(lanes.entry(lane).or_insert_with(new))
    }
}

impl Places {
    fn new(concurrent: usize, waiting: usize) -> Self {
        let semaphore =
            |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self {
            admitted: semaphore(concurrent.saturating_add(waiting)),
            working: semaphore(concurrent),
        }
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Refusal::Busy)
    }

    async fn work(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.working).acquire_owned().await.map_err(|_| Refusal::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ServiceLimits = ServiceLimits {
        request_bytes: 0,
        decoded_bytes: 0,
        concurrent: 3,
        waiting: 3,
        workspace_concurrent: 1,
        workspace_waiting: 1,
    };
    const LONG: Duration = Duration::from_mins(10);

    fn repo(name: &str) -> RepoPath {
        RepoPath::Hosted(name.parse().unwrap())
    }

    #[tokio::test]
    async fn one_works_one_waits_and_the_third_is_turned_away_at_once() {
        let turnstile = Turnstile::new(&LIMITS);
        let repo = repo("main/site");
        let working = turnstile.enter(&repo, LONG).await.unwrap();
        let third_then_leave = async {
            assert_eq!(turnstile.enter(&repo, LONG).await.err(), Some(Refusal::Busy));
            drop(working);
        };
        let (waited, ()) = tokio::join!(turnstile.enter(&repo, LONG), third_then_leave);
        assert!(waited.is_ok());
    }

    #[tokio::test]
    async fn who_rests_lets_the_next_one_work() {
        let turnstile = Turnstile::new(&LIMITS);
        let mut done = turnstile.enter(&repo("main/site"), Duration::ZERO).await.unwrap();
        let next = repo("main/other");
        assert!(turnstile.enter(&next, Duration::from_millis(10)).await.is_err());
        done.rest();
        assert!(turnstile.enter(&next, LONG).await.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let turnstile = Turnstile::new(&LIMITS);
        let _working = turnstile.enter(&repo("main/site"), Duration::ZERO).await.unwrap();
        let waited = turnstile.enter(&repo("main/other"), Duration::from_millis(10)).await;
        assert_eq!(waited.err(), Some(Refusal::Busy));
    }

    #[tokio::test]
    async fn a_full_lane_keeps_no_other_lane_out() {
        let turnstile = Turnstile::new(&LIMITS);
        let site = repo("main/site");
        let _working = turnstile.enter(&site, LONG).await.unwrap();
        let others = async {
            assert!(turnstile.enter(&site, LONG).await.is_err());
            for other in [repo("rival/site"), RepoPath::State] {
                assert!(turnstile.enter(&other, Duration::ZERO).await.is_ok());
            }
        };
        tokio::select! {
            biased;
            _ = turnstile.enter(&site, LONG) => panic!("there is one place a lane"),
            () = others => {}
        }
    }

    #[tokio::test]
    async fn all_lanes_together_are_bounded_and_empty_ones_are_forgotten() {
        let turnstile = Turnstile::new(&ServiceLimits { waiting: 0, ..LIMITS });
        let mut turns = Vec::new();
        for name in ["a/a", "b/b", "c/c"] {
            turns.push(turnstile.enter(&repo(name), LONG).await.unwrap());
        }
        assert_eq!(turnstile.enter(&repo("d/d"), LONG).await.err(), Some(Refusal::Busy));
        assert!(turnstile.enter(&RepoPath::State, LONG).await.is_ok());
        turns.clear();
        assert!(turnstile.enter(&repo("d/d"), LONG).await.is_ok());
        assert_eq!(turnstile.lanes.lock().unwrap().len(), 1);
    }
}
