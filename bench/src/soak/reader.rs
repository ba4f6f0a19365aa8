//! A second reader of the state repo, as ArgoCD is one: it polls `live`, and checks every head it sees.

use crate::git;
use anyhow::Context as _;
use inkstone_spec::CommitId;
use inkstone_state::check::{check_head, check_tree};
use inkstone_state::{Snapshot, snapshot_of};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often `live` is looked at.
const INTERVAL: Duration = Duration::from_millis(3);
/// How long somebody waits for something to come about.
const PATIENCE: Duration = Duration::from_mins(3);

/// A reader at work.
pub(super) struct Reader {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<Seen>>,
}

struct Shared {
    /// The newest head.
    live: Mutex<Snapshot>,
    moved: Condvar,
    stop: AtomicBool,
}

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many heads.
    pub(super) heads: usize,
    /// What was wrong with them.
    pub(super) findings: Vec<String>,
}

impl Reader {
    pub(super) fn start(state: &Path) -> anyhow::Result<Self> {
        let first = snapshot_of(state, Some("live"))?;
        let shared = Arc::new(Shared {
            live: Mutex::new(first.clone()),
            moved: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let (to, state) = (Arc::clone(&shared), state.to_owned());
        let thread = std::thread::spawn(move || read(&to, &state, first));
        Ok(Self { shared, thread })
    }

    /// Waits until a head of `live` is as it is wanted. `false`: it took too long.
    pub(super) fn wait(
        &self,
        is_wanted: impl Fn(&Snapshot) -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let end = Instant::now() + PATIENCE;
        let mut live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if is_wanted(&live)? {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let waited = self.shared.moved.wait_timeout(live, left);
            live = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What it saw until now, the newest head among it.
    pub(super) fn stop(self) -> anyhow::Result<Seen> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the reader ended early"))?
    }
}

fn read(shared: &Shared, state: &Path, first: Snapshot) -> anyhow::Result<Seen> {
    let mut seen = Seen { heads: 1, findings: Vec::new() };
    let mut last = first;
    seen.findings.extend(check_tree(&last)?.iter().map(ToString::to_string));
    let file = state.join("refs/heads/live");
    loop {
        let stop = shared.stop.load(Ordering::Relaxed);
        let head = head(&file, state)?;
        if last.commit() != Some(&head) {
            let next = last.at(&head).with_context(|| format!("live was seen at {head}"))?;
            next.clone_into(&mut shared.live.lock().unwrap_or_else(PoisonError::into_inner));
            shared.moved.notify_all();
            let findings = check_head(&last, &next, true)?;
            let told = findings.iter().map(|finding| format!("live was at {head}: {finding}"));
            seen.findings.extend(told);
            seen.heads += 1;
            last = next;
        } else if stop {
            return Ok(seen);
        } else {
            std::thread::sleep(INTERVAL);
        }
    }
}

/// Where `live` is: in a file of its own, or, once git has packed it, where git finds it.
fn head(file: &PathBuf, state: &Path) -> anyhow::Result<CommitId> {
    let found = std::fs::read_to_string(file).or_else(|_| git::rev_parse(state, "live"))?;
    Ok(CommitId::new(found.trim())?)
}
