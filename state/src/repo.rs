//! The state repo on disk: its two refs, and the one way to write it.
//!
//! People and Inkstone write `main`. Whoever acts on the state reads `live`, which only ever moves to
//! heads that passed every check.

use crate::check::{Finding, check_commit, inspect_line};
use crate::commit;
use crate::courtesy::Courtesy;
use crate::files;
use crate::group::{Batch, Line, Ticket};
use crate::history::{commit_id, object_id, read_commit};
use crate::objects::{Objects, Overlay};
use crate::push::Reach;
use crate::refs::{LIVE, MAIN, Move, Refs};
use crate::remote::{Remote, There};
use crate::sync::write_objects;
use crate::{Action, Actor, Message, Proposal, Signer, Snapshot, StateError, Tool, plan};
use gix::ObjectId;
use inkstone_spec::CommitId;
use jiff::Timestamp;
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a change is planned anew when somebody else pushed in between.
const MAX_TRIES: usize = 20;
/// The same where the branches are on another host: a try takes a moment there, others' pushes too.
const MAX_TRIES_THERE: usize = 60;
/// Who renders what follows from somebody else's commit.
const FOLLOWER: &str = "inkstone";
/// The file that writers of the repo lock in turn. The system unlocks it when a process ends, however
/// it ends.
const TURN_FILE: &str = "inkstone.lock";

/// A state repo that this process reads and may write.
pub struct StateRepo {
    git_dir: PathBuf,
    pub(crate) refs: Refs,
    pub(crate) objects: Arc<Objects>,
    signer: Signer,
    /// What this process is about to write.
    line: Line,
    courtesy: Courtesy,
    /// Held while a batch is written, so that writers, of this process and of others, take turns instead
    /// of losing races against each other.
    turn: Mutex<File>,
    /// Where the branches are kept, if that is not here.
    pub(crate) remote: Option<Remote>,
}

/// The right to write; over when dropped.
pub(crate) struct Turn<'a>(MutexGuard<'a, File>);

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
    #[error("the state repo was too busy: every try lost the race against other writers")]
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
            line: Line::default(),
            courtesy: Courtesy::default(),
            turn: Mutex::new(File::create(&path).map_err(StateError::io("creating", path))?),
            remote: None,
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

    /// `main`, read with caches of its own, which go with the snapshot: to look through everything once.
    pub fn main_apart(&self) -> Result<Snapshot, StateError> {
        self.apart(self.refs.get(MAIN)?)
    }

    /// The state at any commit, read with caches of its own.
    pub fn at_apart(&self, commit: &CommitId) -> Result<Snapshot, StateError> {
        self.apart(object_id(commit)?)
    }

    /// The state at any commit.
    pub fn at(&self, commit: &CommitId) -> Result<Snapshot, StateError> {
        self.snapshot(object_id(commit)?)
    }

    /// Plans a change against the newest head and commits it: objects and refs are on disk before this
    /// returns, and `live` moves with `main`. Changes that come while others are being written share one
    /// write. `plan` runs again when somebody else pushed first; it returns `None` when there is nothing
    /// to do.
    pub fn commit<E>(
        &self,
        now: Timestamp,
        plan: impl Fn(&Snapshot) -> Result<Option<Proposal>, E>,
    ) -> Result<Committed, CommitError<E>> {
        let tries = if self.remote.is_some() { MAX_TRIES_THERE } else { MAX_TRIES };
        for attempt in 0..tries {
            // What is planned while somebody pushes would be in vain.
            self.courtesy.wait();
            self.ready()?;
            // Who has lost a race plans while nobody else of Inkstone can write.
            let apart = attempt > 0 || self.line.is_apart();
            let early = if apart { Some(self.turn()?) } else { None };
            let (ticket, planned) = self.line.plan(
                || self.caught_up(now),
                |batch| match self.plan_into(batch, now, &plan) {
                    // A refusal is good only if what it was decided on is.
                    Err(CommitError::Plan(refused)) => Ok(Err(CommitError::Plan(refused))),
                    planned => planned.map(Ok),
                },
            )?;
            let turn = early.map_or_else(|| self.turn(), Ok)?;
            if self.write(&turn, &ticket)? {
                return planned;
            }
        }
        Err(CommitError::Busy)
    }

    /// Somebody is about to push who has lost a race: what is not being written yet waits for a moment.
    pub fn give_way(&self) {
        self.courtesy.begin();
    }

    /// The push that was given way to is in.
    pub fn go_on(&self) {
        self.courtesy.end();
    }

    /// Advances `live` to `main` if what lies between passes the checks, after rendering what follows from
    /// it; says what does not pass.
    pub fn publish(&self, now: Timestamp) -> Result<Vec<Finding>, StateError> {
        match self.commit::<Infallible>(now, |_| Ok(None)) {
            Err(CommitError::Unchecked(findings)) => Ok(findings),
            Err(CommitError::State(error)) => Err(error),
            // Somebody else is moving the branches, and publishes in turn.
            Ok(_) | Err(_) => Ok(Vec::new()),
        }
    }

    /// A batch on top of `main`, which takes `live` there if what lies between passes the checks: with a
    /// commit for each owner whose manifests somebody left for Inkstone to render.
    fn caught_up<E>(&self, now: Timestamp) -> Result<Batch, CommitError<E>> {
        let heads = self.heads()?;
        let mut batch = Batch::new(heads, heads.main);
        if heads.main == heads.live {
            return Ok(batch);
        }
        let (live, main) = (self.snapshot(heads.live)?, self.snapshot(heads.main)?);
        let between = inspect_line(&live, &main, usize::MAX, Reach::Everything)?;
        if !between.findings.is_empty() {
            return Err(CommitError::Unchecked(between.findings));
        }
        let actor = Actor::new(FOLLOWER).map_err(|error| StateError::Git {
            what: "naming who renders",
            reason: error.to_string(),
        })?;
        for owner in between.stale() {
            let follow_up = |base: &Snapshot| {
                let edits = plan::follow_up(base, &owner)?;
                let message = Message {
                    action: Action::Render(owner.clone()),
                    actor: actor.clone(),
                    tool: Tool::new("git push"),
                };
                Ok::<_, StateError>(Some(Proposal { message, edits }))
            };
            self.plan_into(&mut batch, now, follow_up).map_err(|error| match error {
                CommitError::Plan(error) | CommitError::State(error) => CommitError::State(error),
                CommitError::Unlawful(findings) => CommitError::Unlawful(findings),
                CommitError::Unchecked(findings) => CommitError::Unchecked(findings),
                CommitError::Busy => CommitError::Busy,
            })?;
        }
        Ok(batch)
    }

    /// Plans a change on top of a batch and, if it is lawful, adds its commit.
    fn plan_into<E>(
        &self,
        batch: &mut Batch,
        now: Timestamp,
        plan: impl Fn(&Snapshot) -> Result<Option<Proposal>, E>,
    ) -> Result<Committed, CommitError<E>> {
        let base = self.snapshot(batch.head)?;
        let unchanged = Committed { commit: commit_id(batch.head)?, changed: false };
        let Some(proposal) = plan(&base).map_err(CommitError::Plan)? else {
            return Ok(unchanged);
        };
        let overlay = Overlay::new(&self.objects);
        let tree = files::apply(&self.objects, &overlay, Some(&base), &proposal.edits)?;
        if tree == base.tree() {
            return Ok(unchanged);
        }
        let (message, head) = (&proposal.message, Some(batch.head));
        let id = commit::write(&overlay, tree, head, message, &self.signer, now)?;
        let made = overlay.into_made();
        self.objects.plan(made.clone());
        let findings = check_commit(&read_commit(&self.objects, id)?, Some(&base))?;
        if !findings.is_empty() {
            self.objects.forget(made.keys().filter(|id| !batch.made.contains_key(*id)));
            return Err(CommitError::Unlawful(findings));
        }
        batch.made.extend(made);
        batch.head = id;
        Ok(Committed { commit: commit_id(id)?, changed: true })
    }

    /// Waits for the batch of `ticket`, or writes it. `false`: somebody else moved the branches.
    fn write(&self, turn: &Turn<'_>, ticket: &Ticket) -> Result<bool, StateError> {
        if let Some(outcome) = ticket.outcome() {
            return Ok(outcome);
        }
        self.courtesy.wait();
        if let Some(remote) = &self.remote
            && self.line.head().is_some_and(|head| remote.there() != There::at(head))
        {
            // Whoever comes until then shares the push.
            remote.pace();
        }
        let Some(batch) = self.line.close() else { return Ok(false) };
        let is_shared = batch.is_shared();
        let written = self.put(turn, &batch);
        for made in self.line.ended(batch, matches!(written, Ok(true))) {
            self.objects.forget(made.keys());
        }
        match written {
            // One of them is not wanted there: each for itself, so that the others are taken.
            Err(StateError::RemoteRefused { .. }) if is_shared => {
                self.line.go_apart();
                Ok(false)
            }
            written => Ok(written? && ticket.outcome() == Some(true)),
        }
    }

    /// Puts a batch on disk and moves the branches: first there where they are kept.
    fn put(&self, turn: &Turn<'_>, batch: &Batch) -> Result<bool, StateError> {
        write_objects(&self.objects, &self.git_dir.join("objects"), &batch.made)?;
        if let Some(remote) = &self.remote
            && !self.send(turn, remote, batch)?
        {
            return Ok(false);
        }
        let Heads { main, live } = batch.from;
        let moves: Vec<Move> = [(MAIN, main), (LIVE, live)]
            .into_iter()
            .filter(|(_, from)| *from != batch.head)
            .map(|(name, from)| Move { name, from, to: batch.head })
            .collect();
        if moves.is_empty() { Ok(self.heads()? == batch.from) } else { self.refs.advance(&moves) }
    }

    pub(crate) fn turn(&self) -> Result<Turn<'_>, StateError> {
        let file = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        file.lock().map_err(StateError::io("locking", self.git_dir.join(TURN_FILE)))?;
        Ok(Turn(file))
    }

    fn apart(&self, id: ObjectId) -> Result<Snapshot, StateError> {
        let objects = Arc::new(Objects::open_apart(&[&self.git_dir.join("objects")])?);
        Ok(read_commit(&objects, id)?.snapshot)
    }

    fn snapshot(&self, id: ObjectId) -> Result<Snapshot, StateError> {
        let root = self.objects.roots.get_or_insert_with(&id, || {
            Ok::<_, StateError>(read_commit(&self.objects, id)?.snapshot.tree())
        })?;
        Ok(Snapshot::new(Arc::clone(&self.objects), Some(commit_id(id)?), root))
    }
}
