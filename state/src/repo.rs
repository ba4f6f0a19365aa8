//! The state repo on disk: its two refs, and the one way to write it.
//!
//! People and Inkstone write `main`. Whoever acts on the state reads `live`, which only ever moves to
//! heads that passed every check.

use crate::check::{Finding, check_commit, check_line};
use crate::commit;
use crate::files;
use crate::history::{commit_id, object_id, read_commit};
use crate::objects::Objects;
use crate::refs::{LIVE, MAIN, Move, Refs};
use crate::sync::write_objects;
use crate::{Proposal, Signer, Snapshot, StateError};
use gix::ObjectId;
use inkstone_spec::CommitId;
use jiff::Timestamp;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a change is planned anew when somebody else pushed in between.
const MAX_TRIES: usize = 20;
/// The file that writers of the repo lock in turn. The system unlocks it when a process ends, however
/// it ends.
const TURN_FILE: &str = "inkstone.lock";

/// A state repo that this process reads and may write.
pub struct StateRepo {
    git_dir: PathBuf,
    refs: Refs,
    objects: Arc<Objects>,
    signer: Signer,
    /// Held while a change is planned and written, so that writers, of this process and of others, take
    /// turns instead of losing races against each other.
    turn: Mutex<File>,
}

/// A writer's turn; over when dropped.
struct Turn<'a>(MutexGuard<'a, File>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // An unlock that fails is made up for when the file is closed.
        drop(self.0.unlock());
    }
}

/// Where the two refs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub(crate) main: ObjectId,
    pub(crate) live: ObjectId,
}

/// What a commit came to.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The head that has the change: a new commit, or, where nothing changed, the old one.
    pub commit: CommitId,
    /// Whether a commit was made.
    pub changed: bool,
}

/// Why a change was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// The planner refused.
    #[error("{0}")]
    Plan(E),
    /// The repo could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Somebody else kept pushing in between.
    #[error("the state repo was too busy: {MAX_TRIES} tries lost the race against other writers")]
    Busy,
    /// The change itself breaks a law: a mistake of the planner's.
    #[error("the change was not committed because it breaks a law of the state repo")]
    Unlawful(Vec<Finding>),
    /// `main` has commits that break a law, so nothing is written on top of them.
    #[error("main has commits that do not pass the checks; `inkstone verify` lists what is wrong")]
    Unchecked(Vec<Finding>),
}

impl StateRepo {
    /// Opens an existing state repo; refuses one with another layout version.
    pub fn open(git_dir: &Path, signer: Signer) -> Result<Self, StateError> {
        let path = git_dir.join(TURN_FILE);
        let this = Self {
            git_dir: git_dir.to_owned(),
            refs: Refs::open(git_dir)?,
            objects: Arc::new(Objects::open(&[&git_dir.join("objects")])?),
            signer,
            turn: Mutex::new(File::create(&path).map_err(StateError::io("creating", path))?),
        };
        this.main()?.inkstone()?;
        Ok(this)
    }

    /// The git directory, for a git server to serve.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The key that this repo's commits are signed with.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Where the two refs are now.
    pub fn heads(&self) -> Result<Heads, StateError> {
        // In this order `main` has what `live` has, however many commits are made in between.
        let live = self.refs.get(LIVE)?;
        Ok(Heads { main: self.refs.get(MAIN)?, live })
    }

    /// The state that people and Inkstone have written.
    pub fn main(&self) -> Result<Snapshot, StateError> {
        self.snapshot(self.refs.get(MAIN)?)
    }

    /// The state that is acted on.
    pub fn live(&self) -> Result<Snapshot, StateError> {
        self.snapshot(self.refs.get(LIVE)?)
    }

    /// The state at any commit.
    pub fn at(&self, commit: &CommitId) -> Result<Snapshot, StateError> {
        self.snapshot(object_id(commit)?)
    }

    /// Plans a change against the newest head and commits it: objects and refs are on disk before this
    /// returns, and `live` moves with `main`. `plan` runs again when somebody else pushed first; it
    /// returns `None` when there is nothing to do.
    pub fn commit<E>(
        &self,
        now: Timestamp,
        plan: impl Fn(&Snapshot) -> Result<Option<Proposal>, E>,
    ) -> Result<Committed, CommitError<E>> {
        let _turn = self.turn()?;
        for _ in 0..MAX_TRIES {
            let head = self.settle()?;
            let base = self.snapshot(head)?;
            let unchanged = || -> Result<_, StateError> {
                Ok(Committed { commit: commit_id(head)?, changed: false })
            };
            let Some(proposal) = plan(&base).map_err(CommitError::Plan)? else {
                return Ok(unchanged()?);
            };
            let overlay = self.objects.overlay()?;
            let tree = files::apply(&self.objects, &overlay, Some(&base), &proposal.edits)?;
            if tree == base.tree() {
                return Ok(unchanged()?);
            }
            let id =
                commit::write(&overlay, tree, Some(head), &proposal.message, &self.signer, now)?;
            write_objects(&self.objects, &self.git_dir.join("objects"), overlay)?;
            let findings = check_commit(&read_commit(&self.objects, id)?, Some(&base))?;
            if !findings.is_empty() {
                return Err(CommitError::Unlawful(findings));
            }
            let ahead = |name| Move { name, from: head, to: id };
            if self.refs.advance(&[ahead(MAIN), ahead(LIVE)])? {
                return Ok(Committed { commit: commit_id(id)?, changed: true });
            }
        }
        Err(CommitError::Busy)
    }

    /// Advances `live` to `main` if what lies between passes the checks; says what does not.
    pub fn publish(&self) -> Result<Vec<Finding>, StateError> {
        let _turn = self.turn()?;
        match self.settle::<()>() {
            Err(CommitError::Unchecked(findings)) => Ok(findings),
            Err(CommitError::State(error)) => Err(error),
            // Somebody else is moving the branches, and publishes in turn.
            Ok(_) | Err(_) => Ok(Vec::new()),
        }
    }

    /// The head to build on: `main`, after `live` has caught up with it.
    fn settle<E>(&self) -> Result<ObjectId, CommitError<E>> {
        for _ in 0..MAX_TRIES {
            let Heads { main, live } = self.heads()?;
            if main == live {
                return Ok(main);
            }
            let findings = check_line(&self.objects, live, main, usize::MAX)?;
            if !findings.is_empty() {
                return Err(CommitError::Unchecked(findings));
            }
            if self.refs.advance(&[Move { name: LIVE, from: live, to: main }])? {
                return Ok(main);
            }
        }
        Err(CommitError::Busy)
    }

    fn turn(&self) -> Result<Turn<'_>, StateError> {
        let file = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        file.lock().map_err(StateError::io("locking", self.git_dir.join(TURN_FILE)))?;
        Ok(Turn(file))
    }

    fn snapshot(&self, id: ObjectId) -> Result<Snapshot, StateError> {
        let root = self.objects.roots.get_or_insert_with(&id, || {
            Ok::<_, StateError>(read_commit(&self.objects, id)?.snapshot.tree())
        })?;
        Ok(Snapshot::new(Arc::clone(&self.objects), Some(commit_id(id)?), root))
    }
}
