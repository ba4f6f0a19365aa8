//! Keeping hosted repositories small in files, beside the pushes and fetches that go on.
//!
//! Every push adds a pack, and each pack makes every fetch slower. When there are many, the small ones
//! and the loose objects are folded into one (git-repack(1), `--geometric`), reachable or not: nothing
//! is ever dropped, so a push that refers to an object while it is moved finds it in its new place.

use crate::git::{self, Process};
use crate::{Limits, Objects, RepoPath, objects};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// How many repositories are worked on at once.
const AT_ONCE: usize = 1;
/// Folds packs and loose objects: each pack that stays has at least twice the objects of the next smaller
/// one, so that an object is moved a few times in its life and not each time. What is replaced is removed
/// once the new pack is on disk.
const FOLD: &[&str] = &["repack", "--quiet", "-d", "-n", "--geometric=2"];
/// Writes down who is whose parent, so that git walks a long history without opening its commits
/// (git-commit-graph(1)).
const GRAPH: &[&str] = &["commit-graph", "write", "--reachable", "--split", "--no-progress"];

/// The repositories whose turn is to come, each once.
pub(crate) struct Maintenance {
    due: Mutex<HashSet<PathBuf>>,
    turn: Semaphore,
}

impl Maintenance {
    pub(crate) fn new() -> Self {
        Self { due: Mutex::default(), turn: Semaphore::new(AT_ONCE) }
    }

    /// Tidies a hosted repository up if it needs it; what goes wrong is logged, and tried again after
    /// the next push. The state repo grows by more than pushes: whoever writes it tidies it.
    pub(crate) async fn after_push(&self, repo: &RepoPath, git_dir: &Path, limits: &Limits) {
        // Whoever waits already will see this push, too.
        let hosted = matches!(repo, RepoPath::Hosted(_));
        if !hosted || !self.due().insert(git_dir.to_owned()) {
            return;
        }
        let turn = self.turn.acquire().await;
        self.due().remove(git_dir);
        if turn.is_ok()
            && let Err(error) = tidy(repo, git_dir, limits).await
        {
            tracing::warn!(%repo, %error, "cannot tidy a repository up");
        }
    }

    fn due(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Folds the packs and loose objects of a repository, if there are more than its limits say, and writes
/// its commit-graph then. Readers and writers go on beside it. Returns what there is in the end.
pub async fn tidy(repo: &RepoPath, git_dir: &Path, limits: &Limits) -> io::Result<Objects> {
    let before = objects::count(git_dir).await?;
    let limits_are_kept =
        before.packs <= limits.maintenance.packs && before.loose <= limits.maintenance.loose;
    if limits_are_kept {
        return Ok(before);
    }
    run(git_dir, limits, FOLD).await?;
    run(git_dir, limits, GRAPH).await?;
    let after = objects::count(git_dir).await?;
    tracing::info!(%repo, ?before, ?after, "tidied up");
    Ok(after)
}

async fn run(git_dir: &Path, limits: &Limits, args: &[&str]) -> io::Result<()> {
    let mut command = git::command(git_dir);
    command.args(["-c", "core.fsync=committed"]).arg("--git-dir").arg(git_dir);
    command.args(args);
    let Process { mut child, stdin, mut stdout, stderr } = Process::start(command)?;
    git::lower_priority(&child);
    drop(stdin);
    let work = async {
        tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await?;
        child.wait().await
    };
    let status = match tokio::time::timeout(limits.maintenance.time, work).await {
        Ok(status) => status?,
        Err(_) => git::stop(&mut child, limits.stop).await?,
    };
    let said = git::stderr(stderr).await;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("git {} ended with {status}: {said}", args.join(" "))))
    }
}
