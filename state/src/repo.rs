//! The state repo on disk: its two refs, and the one way to write it.
//!
//! People and Inkstone write `main`. Whoever acts on the state reads `live`, which only ever moves to
//! heads that passed every check.

use crate::check::{Finding, check_head};
use crate::commit;
use crate::files;
use crate::history::{commit_id, object_id, read_commit};
use crate::objects::Objects;
use crate::sync::{sync, write_objects};
use crate::{Proposal, Signer, Snapshot, StateError};
use gix::ObjectId;
use gix::refs::Target;
use gix::refs::transaction::{PreviousValue, RefEdit};
use inkstone_spec::CommitId;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) const MAIN: &str = "refs/heads/main";
pub(crate) const LIVE: &str = "refs/heads/live";
/// How often a change is planned anew when somebody else committed in between.
const MAX_TRIES: usize = 20;

/// A state repo that this process reads and may write.
pub struct StateRepo {
    git_dir: PathBuf,
    repo: gix::ThreadSafeRepository,
    objects: Arc<Objects>,
    signer: Signer,
    /// Held while a change is planned and written, so that writers of this process take turns instead
    /// of losing races against each other.
    writer: Mutex<()>,
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
    /// Somebody else kept committing in between.
    #[error("the state repo was too busy: {MAX_TRIES} tries lost the race against other writers")]
    Busy,
    /// `main` has commits that break a law, so nothing is written on top of them.
    #[error("main has commits that do not pass the checks; `inkstone verify` lists what is wrong")]
    Unchecked(Vec<Finding>),
}

impl StateRepo {
    /// Opens an existing state repo; refuses one with another layout version.
    pub fn open(git_dir: &Path, signer: Signer) -> Result<Self, StateError> {
        let options = gix::open::Options::isolated().strict_config(false);
        let repo = gix::ThreadSafeRepository::open_opts(git_dir, options)
            .map_err(StateError::git("opening the repo"))?;
        let objects = Arc::new(Objects::open(&[&git_dir.join("objects")])?);
        let this =
            Self { git_dir: git_dir.to_owned(), repo, objects, signer, writer: Mutex::new(()) };
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
        Ok(Heads { main: self.reference(MAIN)?, live: self.reference(LIVE)? })
    }

    /// The state that people and Inkstone have written.
    pub fn main(&self) -> Result<Snapshot, StateError> {
        self.snapshot(self.reference(MAIN)?)
    }

    /// The state that is acted on.
    pub fn live(&self) -> Result<Snapshot, StateError> {
        self.snapshot(self.reference(LIVE)?)
    }

    /// The state at any commit.
    pub fn at(&self, commit: &CommitId) -> Result<Snapshot, StateError> {
        self.snapshot(object_id(commit)?)
    }

    /// Plans a change against the newest head and commits it: objects and refs are on disk before this
    /// returns, and both refs move in one transaction. `plan` runs again when somebody else committed
    /// first; it returns `None` when there is nothing to do.
    pub fn commit<E>(
        &self,
        now: Timestamp,
        plan: impl Fn(&Snapshot) -> Result<Option<Proposal>, E>,
    ) -> Result<Committed, CommitError<E>> {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
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
            if self.advance(&[(MAIN, head, id), (LIVE, head, id)])? {
                return Ok(Committed { commit: commit_id(id)?, changed: true });
            }
        }
        Err(CommitError::Busy)
    }

    /// Advances `live` to `main` if what lies between passes the checks; says what does not.
    pub fn publish(&self) -> Result<Vec<Finding>, StateError> {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match self.settle() {
            Ok(_) => Ok(Vec::new()),
            Err(CommitError::Unchecked(findings)) => Ok(findings),
            Err(CommitError::State(error)) => Err(error),
            Err(CommitError::Busy | CommitError::Plan(())) => Ok(Vec::new()),
        }
    }

    /// The head to build on: `main`, after `live` has caught up with it.
    fn settle<E>(&self) -> Result<ObjectId, CommitError<E>> {
        for _ in 0..MAX_TRIES {
            let Heads { main, live } = self.heads()?;
            if main == live {
                return Ok(main);
            }
            let (old, new) = (self.snapshot(live)?, self.snapshot(main)?);
            let allows = read_commit(&self.objects, main)?.message.allows_removal;
            let findings = check_head(&old, &new, allows)?;
            if !findings.is_empty() {
                return Err(CommitError::Unchecked(findings));
            }
            if self.advance(&[(LIVE, live, main)])? {
                return Ok(main);
            }
        }
        Err(CommitError::Busy)
    }

    /// Moves refs, all or none, from the value that each must still have. `false`: one had moved.
    fn advance(&self, moves: &[(&'static str, ObjectId, ObjectId)]) -> Result<bool, StateError> {
        let edits: Vec<RefEdit> = moves
            .iter()
            .map(|(name, old, new)| {
                ref_edit(name, *new, PreviousValue::MustExistAndMatch(Target::Object(*old)))
            })
            .collect::<Result<_, _>>()?;
        let result = self.repo.to_thread_local().edit_references(edits);
        if let Err(error) = result {
            for (name, old, _) in moves {
                if self.reference(name)? != *old {
                    return Ok(false);
                }
            }
            return Err(StateError::git("moving the branches")(error));
        }
        let heads = self.git_dir.join("refs/heads");
        for (name, ..) in moves {
            sync(&self.git_dir.join(name))?;
        }
        sync(&heads)?;
        Ok(true)
    }

    fn reference(&self, name: &str) -> Result<ObjectId, StateError> {
        let repo = self.repo.to_thread_local();
        let reference = repo
            .try_find_reference(name)
            .map_err(StateError::git("reading a branch"))?
            .ok_or_else(|| StateError::Absent(format!("{name} is missing from the state repo")))?;
        reference
            .try_id()
            .map(gix::Id::detach)
            .ok_or_else(|| StateError::Absent(format!("{name} is not a branch")))
    }

    fn snapshot(&self, id: ObjectId) -> Result<Snapshot, StateError> {
        Ok(read_commit(&self.objects, id)?.snapshot)
    }
}

pub(crate) fn ref_edit(
    name: &str,
    new: ObjectId,
    expected: PreviousValue,
) -> Result<RefEdit, StateError> {
    let name = gix::refs::FullName::try_from(name)
        .map_err(|error| StateError::Git { what: "naming a branch", reason: error.to_string() })?;
    Ok(RefEdit::update(name, new, expected, ""))
}
