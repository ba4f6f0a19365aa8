//! What killed processes leave behind, in the way of those that come after them.
//!
//! git keeps the objects of a push apart until its hooks have agreed (git-receive-pack(1),
//! "Quarantine Environment"), changes a ref through a lock file beside it, and writes a pack under a
//! temporary name. A git that ends by itself removes all of these. One that is stopped by a signal
//! leaves its quarantine, on purpose; one that is killed, or whose machine lost power, leaves
//! everything, and a lock that nobody holds would block its branch for good.

use crate::Limits;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Where objects are written.
const OBJECTS: [&str; 2] = ["objects", "objects/pack"];
/// What the names start with of what is being written there: quarantines, objects and packs.
const UNFINISHED: [&str; 2] = ["tmp_", ".tmp-"];
/// What the name of a lock file ends with; a ref's name never does (git-check-ref-format(1)).
const LOCK: &str = ".lock";
/// The locks that are not on a single ref.
const SHARED_LOCKS: [&str; 3] = ["HEAD.lock", "packed-refs.lock", "config.lock"];
/// A git that outlived its server holds a lock no longer than this: it is there for one write.
const ORPHAN_TIME: Duration = Duration::from_secs(2);

/// Tells what a dead process left from what a live one is at work on.
pub(crate) struct Leftovers {
    /// Since when every git that works on the repositories is one of this server's.
    started: SystemTime,
    /// The age that nothing of a live process can reach.
    reach: Duration,
}

/// What one look found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Clean,
    /// A lock from before the start that is too young to be called nobody's.
    Unsure,
}

impl Leftovers {
    /// From now on this server is the one that works on the repositories.
    pub(crate) fn new(limits: &Limits) -> Self {
        let longest = limits.request.max(limits.maintenance.time);
        Self { started: SystemTime::now(), reach: longest.saturating_mul(2) }
    }

    /// Removes what no process can still be at work on. Right after the start this may wait for a
    /// moment, until a lock can be told to be nobody's.
    pub(crate) async fn sweep(&self, git_dir: &Path) {
        if self.look(git_dir).await == Found::Unsure {
            tokio::time::sleep(ORPHAN_TIME).await;
            self.look(git_dir).await;
        }
    }

    async fn look(&self, git_dir: &Path) -> Found {
        let look = Look { started: self.started, reach: self.reach, git_dir: git_dir.to_owned() };
        let found = tokio::task::spawn_blocking(move || look.run()).await;
        found.map_err(io::Error::other).flatten().unwrap_or_else(|error| {
            tracing::warn!(?git_dir, %error, "cannot remove what a dead process left");
            Found::Clean
        })
    }
}

struct Look {
    started: SystemTime,
    reach: Duration,
    git_dir: PathBuf,
}

impl Look {
    fn run(&self) -> io::Result<Found> {
        for folder in OBJECTS {
            each(&self.git_dir.join(folder), |name, path, entry| {
                if UNFINISHED.iter().any(|start| name.starts_with(start))
                    && age(entry)? > self.reach
                {
                    gone(remove(path, entry))?;
                }
                Ok(())
            })?;
        }
        let mut found = Found::Clean;
        for name in SHARED_LOCKS {
            let path = self.git_dir.join(name);
            if let Ok(entry) = fs::symlink_metadata(&path) {
                self.judge(&path, &entry, &mut found)?;
            }
        }
        let mut folders = vec![self.git_dir.join("refs")];
        while let Some(folder) = folders.pop() {
            each(&folder, |name, path, entry| {
                if entry.is_dir() {
                    folders.push(path.to_owned());
                } else if name.ends_with(LOCK) {
                    self.judge(path, entry, &mut found)?;
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Removes the lock if nobody holds it any more.
    fn judge(&self, lock: &Path, entry: &Metadata, found: &mut Found) -> io::Result<()> {
        let age = age(entry)?;
        let from_before = entry.modified()? < self.started;
        if age > self.reach || (from_before && age > ORPHAN_TIME) {
            tracing::warn!(?lock, "removed the lock of a dead process");
            return gone(fs::remove_file(lock));
        }
        if from_before {
            *found = Found::Unsure;
        }
        Ok(())
    }
}

/// Shows `look` what is in the folder; a link as the link that it is.
fn each(
    folder: &Path,
    mut look: impl FnMut(&str, &Path, &Metadata) -> io::Result<()>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) => look(&entry.file_name().to_string_lossy(), &entry.path(), &metadata)?,
            // Its process was alive, and is done with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Nothing from the future is old.
fn age(entry: &Metadata) -> io::Result<Duration> {
    Ok(SystemTime::now().duration_since(entry.modified()?).unwrap_or_default())
}

/// Removes a file, or a folder with what is in it.
fn remove(path: &Path, entry: &Metadata) -> io::Result<()> {
    if entry.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Somebody else may have removed it first.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
