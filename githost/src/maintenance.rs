//! Keeping hosted repositories small in files, beside the pushes and fetches that go on.
//!
//! Every push adds a pack, and each pack makes every fetch slower. When there are many, the small ones
//! and the loose objects are folded into one (git-repack(1), `--geometric`), reachable or not: nothing
//! is ever dropped, so a push that refers to an object while it is moved finds it in its new place.

use crate::git::{self, Process};
use crate::{Limits, RepoPath, objects};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// How many repositories are worked on at once.
const AT_ONCE: usize = 1;
/// Each pack that stays has at least so many times the objects of the next smaller one, so that an
/// object is moved a few times in its life and not each time.
const FACTOR: &str = "--geometric=2";

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

/// Folds the packs and loose objects of a repository, if there are more than its limits say. Readers and
/// writers go on beside it.
pub async fn tidy(repo: &RepoPath, git_dir: &Path, limits: &Limits) -> io::Result<()> {
    let before = objects::count(git_dir).await?;
    let limits_are_kept =
        before.packs <= limits.maintenance.packs && before.loose <= limits.maintenance.loose;
    if limits_are_kept {
        return Ok(());
    }
    fold(git_dir, limits).await?;
    let after = objects::count(git_dir).await?;
    tracing::info!(%repo, ?before, ?after, "tidied up");
    Ok(())
}

/// Folds packs and loose objects. What it replaces is removed once the new pack is on disk.
async fn fold(git_dir: &Path, limits: &Limits) -> io::Result<()> {
    let mut command = git::command(git_dir);
    command.args(["-c", "core.fsync=committed"]).arg("--git-dir").arg(git_dir);
    command.args(["repack", "--quiet", "-d", "-n", FACTOR]);
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
        Err(io::Error::other(format!("git repack ended with {status}: {said}")))
    }
}
