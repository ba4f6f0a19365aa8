//! The laws over history: each commit for what it touches, on all processors at once.

use crate::check::{Brought, Finding, check_tree, examine, handmade};
use crate::history::{Commit, Walk};
use crate::together::{joined, processors};
use crate::{Snapshot, StateError};
use inkstone_spec::CommitId;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Commits that one thread takes at a time: neighbours share most of their trees.
const BATCH: usize = 32;
/// Batches that are read ahead of the threads that check them.
const BATCHES_AHEAD: usize = 8;

/// What [`verify`] looked at and found.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many commits were checked.
    pub commits: usize,
    /// What breaks a law.
    pub findings: Vec<Finding>,
}

/// Commits in order, newest first, each with the state before it.
struct Batch {
    /// How many commits are newer.
    from: usize,
    commits: Vec<(Commit, Option<Snapshot>)>,
}

/// What one commit was found to be, and how many commits are newer.
type Checked = (usize, Result<(Vec<Finding>, Brought), StateError>);

/// Checks the laws over history: every commit from `head` back to (not including) `base` for what it
/// touches, and the whole tree of `head`. `progress` is told after each commit.
pub fn verify(
    head: &Snapshot,
    base: Option<&CommitId>,
    mut progress: impl FnMut(usize),
) -> Result<Verified, StateError> {
    let (work, queue) = sync_channel(BATCHES_AHEAD);
    let (done, results) = channel();
    let (tree, read, mut checked) = thread::scope(|scope| {
        let tree = scope.spawn(|| check_tree(head));
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..processors() {
            let (queue, done) = (Arc::clone(&queue), done.clone());
            scope.spawn(move || check(&queue, &done));
        }
        // With the last thread that checks, both ends of the channels are gone: nobody waits for it.
        drop((queue, done));
        let reader = scope.spawn(move || read(head, base, &work));
        let mut checked: Vec<Checked> = Vec::new();
        for result in results {
            checked.push(result);
            progress(checked.len());
        }
        (joined(tree.join()), joined(reader.join()), checked)
    });
    let mut findings = tree?;
    read?;
    checked.sort_unstable_by_key(|(at, _)| *at);
    let commits = checked.len();
    let mut line = Vec::with_capacity(commits);
    for (_, result) in checked {
        let (found, brought) = result?;
        findings.extend(found);
        line.push(brought);
    }
    findings.extend(handmade(head.objects(), line)?);
    Ok(Verified { commits, findings })
}

/// Reads commits for others to check. Ends early when nobody does any more.
fn read(
    head: &Snapshot,
    base: Option<&CommitId>,
    work: &SyncSender<Batch>,
) -> Result<(), StateError> {
    let mut walk = Walk::from(head)?.peekable();
    let mut from = 0;
    loop {
        let mut commits = Vec::with_capacity(BATCH);
        while commits.len() < BATCH {
            let Some(commit) = walk.next_if(|next| !is_at(next, base)) else { break };
            let parent = match walk.peek() {
                Some(Ok(parent)) => Some(parent.snapshot.clone()),
                Some(Err(_)) | None => None,
            };
            commits.push((commit?, parent));
            // What cannot be read is an error, and not the first commit.
            if let Some(Err(error)) = walk.next_if(Result::is_err) {
                return Err(error);
            }
        }
        let count = commits.len();
        if count > 0 && work.send(Batch { from, commits }).is_err() {
            return Ok(());
        }
        from += count;
        if count < BATCH {
            break;
        }
    }
    match (base, walk.peek()) {
        (Some(base), None) => {
            Err(StateError::Absent(format!("{base} is not in the history that is to be verified")))
        }
        _ => Ok(()),
    }
}

fn is_at(commit: &Result<Commit, StateError>, base: Option<&CommitId>) -> bool {
    commit.as_ref().is_ok_and(|commit| Some(&commit.id) == base)
}

/// Checks batches until there are no more.
fn check(queue: &Mutex<Receiver<Batch>>, done: &Sender<Checked>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Batch { from, commits }) = next else { return };
        for (at, (commit, parent)) in commits.into_iter().enumerate() {
            let result = examine(&commit, parent.as_ref())
                .map(|examined| (examined.findings, examined.brought));
            if done.send((from + at, result)).is_err() {
                return;
            }
        }
    }
}
