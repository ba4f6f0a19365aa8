//! The two branches: reading them, and moving them so that they survive a power cut.

use crate::StateError;
use crate::commit::{COMMITTER_EMAIL, COMMITTER_NAME};
use crate::sync::sync;
use gix::ObjectId;
use gix::actor::SignatureRef;
use gix::lock::acquire::Fail;
use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(crate) const MAIN: &str = "refs/heads/main";
pub(crate) const LIVE: &str = "refs/heads/live";

/// How long to wait for another writer that has a branch locked.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// Locks that are older were left by a process that was killed: moving a branch takes milliseconds.
const STALE_LOCK: Duration = Duration::from_secs(5);

/// The branches of one repo.
pub(crate) struct Refs {
    git_dir: PathBuf,
    repo: gix::ThreadSafeRepository,
}

/// A branch that moves from one commit to the next.
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub(crate) name: &'static str,
    pub(crate) from: ObjectId,
    pub(crate) to: ObjectId,
}

impl Refs {
    pub(crate) fn open(git_dir: &Path) -> Result<Self, StateError> {
        let options = gix::open::Options::isolated().strict_config(false);
        let repo = gix::ThreadSafeRepository::open_opts(git_dir, options)
            .map_err(StateError::git("opening the repo"))?;
        Ok(Self { git_dir: git_dir.to_owned(), repo })
    }

    /// Where a branch is.
    pub(crate) fn get(&self, name: &str) -> Result<ObjectId, StateError> {
        let found = self.repo.refs.try_find(name).map_err(StateError::git("reading a branch"))?;
        match found.map(|reference| reference.target) {
            Some(Target::Object(id)) => Ok(id),
            Some(Target::Symbolic(_)) => {
                Err(StateError::Absent(format!("{name} is not a branch of the state repo")))
            }
            None => Err(StateError::Absent(format!("{name} is missing from the state repo"))),
        }
    }

    /// Creates branches that must not exist yet.
    pub(crate) fn create(&self, names: &[&str], id: ObjectId) -> Result<(), StateError> {
        let edits = names.iter().map(|name| edit(name, id, PreviousValue::MustNotExist));
        self.transact(names, edits.collect::<Result<_, _>>()?)
            .map_err(StateError::git("founding the branches"))
    }

    /// Moves branches from the value that each must still have, in this order, so that a crash in
    /// between leaves the later ones behind. `false`: one had moved, or somebody has it locked.
    pub(crate) fn advance(&self, moves: &[Move]) -> Result<bool, StateError> {
        let names: Vec<&str> = moves.iter().map(|m| m.name).collect();
        let edits = moves
            .iter()
            .map(|m| edit(m.name, m.to, PreviousValue::MustExistAndMatch(Target::Object(m.from))));
        match self.transact(&names, edits.collect::<Result<_, _>>()?) {
            Ok(()) => Ok(true),
            Err(error) if self.is_race(&error, moves)? => Ok(false),
            Err(error) => Err(StateError::git("moving a branch")(error)),
        }
    }

    /// Whether branches could not be moved because of somebody else. Who had one locked may be done by now,
    /// and may have left it where it was.
    fn is_race(&self, error: &gix::Error, moves: &[Move]) -> Result<bool, StateError> {
        let names: Vec<&str> = moves.iter().map(|m| m.name).collect();
        let mut is_race = self.is_locked(&names) || error.is_retryable();
        for m in moves {
            is_race |= self.get(m.name)? != m.from;
        }
        Ok(is_race)
    }

    /// The new values reach the disk before they are moved into place, so that a branch is never empty.
    fn transact(&self, names: &[&str], edits: Vec<RefEdit>) -> Result<(), gix::Error> {
        let wait = Fail::AfterDurationWithBackoff(LOCK_WAIT);
        let prepared = self.repo.refs.transaction().prepare(edits, wait, wait)?;
        let on_disk = |path: PathBuf| sync(&path).map_err(gix::Error::from_error);
        for name in names {
            on_disk(self.lock_file(name))?;
        }
        let committer = SignatureRef {
            name: COMMITTER_NAME.into(),
            email: COMMITTER_EMAIL.into(),
            time: "0 +0000",
        };
        prepared.commit(committer)?;
        on_disk(self.git_dir.join("refs/heads"))
    }

    /// Whether a branch is locked by somebody else; takes away locks whose owner is dead.
    fn is_locked(&self, names: &[&str]) -> bool {
        let files = names.iter().copied().chain(["packed-refs"]).map(|name| self.lock_file(name));
        let mut locked = false;
        for file in files {
            let Ok(made) = file.metadata().and_then(|meta| meta.modified()) else { continue };
            locked = true;
            if SystemTime::now().duration_since(made).is_ok_and(|age| age > STALE_LOCK) {
                // If it is gone by now, all the better.
                drop(std::fs::remove_file(&file));
            }
        }
        locked
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        self.git_dir.join(format!("{name}.lock"))
    }
}

fn edit(name: &str, new: ObjectId, expected: PreviousValue) -> Result<RefEdit, StateError> {
    let name = FullName::try_from(name)
        .map_err(|error| StateError::Git { what: "naming a branch", reason: error.to_string() })?;
    Ok(RefEdit::update(name, new, expected, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gix::hash::Kind::Sha1;

    #[test]
    fn a_race_against_somebody_who_is_done_already_is_lost_and_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        gix::init_bare(directory.path()).unwrap();
        let refs = Refs::open(directory.path()).unwrap();
        let (from, to) = (ObjectId::empty_blob(Sha1), ObjectId::empty_tree(Sha1));
        refs.create(&[MAIN], from).unwrap();
        let lock = refs.lock_file(MAIN);
        std::fs::write(&lock, "").unwrap();
        let expected = PreviousValue::MustExistAndMatch(Target::Object(from));
        let error = refs.transact(&[MAIN], vec![edit(MAIN, to, expected).unwrap()]).unwrap_err();
        std::fs::remove_file(&lock).unwrap();
        let advance = [Move { name: MAIN, from, to }];
        assert!(refs.is_race(&error, &advance).unwrap());
        assert!(refs.advance(&advance).unwrap());
    }
}
