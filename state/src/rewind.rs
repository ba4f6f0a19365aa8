//! A remote that was rewound: taking what it has, or giving it back what it had. Whatever is given up
//! stays here under a ref of its own, unless git's checks refuse it.

use crate::check::inspect_line;
use crate::history::{commit_id, verify};
use crate::push::Reach;
use crate::refs::{LIVE, MAIN, Move};
use crate::remote::{ASK_TIME, COPY, Place, Remote, There};
use crate::repo::{Heads, Turn};
use crate::{StateError, StateRepo};
use gix::ObjectId;
use inkstone_spec::CommitId;
use jiff::Timestamp;

/// Where what was given up stays.
const LOST: &str = "refs/inkstone/lost";

/// How a rewind was resolved.
#[derive(Debug)]
pub struct Resolved {
    /// Where both sides are now.
    pub main: CommitId,
    /// The ref that keeps what was given up.
    pub kept: Option<String>,
    /// What was given up, newest first: each commit with its subject; the first few.
    pub dropped: Vec<String>,
    /// How many commits that were.
    pub dropped_count: usize,
    /// What the remote's `main` was, where git's checks refuse it, so that it could not be kept here.
    pub unkept: Option<CommitId>,
}

impl StateRepo {
    /// Takes what the remote has, though commits are missing there. `None`: it was not rewound.
    pub fn accept(&self, now: Timestamp) -> Result<Option<Resolved>, StateError> {
        let remote = self.remote_to_resolve()?;
        let before = self.heads()?;
        let incoming = remote.fetch(Place::Apart, There::default(), COPY)?;
        let turn = self.turn_since(before)?;
        match self.take_over(&turn, remote, incoming) {
            Err(StateError::Rewound(_)) => {}
            taken => return taken.map(|()| None),
        }
        let (there, heads) = (remote.there(), self.heads()?);
        let main = there.main.ok_or_else(|| {
            let why = "the remote has no main any more: `inkstone state restore` gives it back";
            StateError::Absent(why.to_owned())
        })?;
        self.must_trust(main)?;
        let live = match remote.last_common(heads.live, main)? {
            Some(common) => common,
            None => self.must_be_lawful(main)?,
        };
        let (dropped, dropped_count) = remote.lost(heads.main, Some(main))?;
        let kept = self.keep(heads.main, dropped_count, now)?;
        let to = There { main: Some(main), live: Some(live) };
        force(remote, there, to)?;
        self.move_to(main, live)?;
        Ok(Some(Resolved { main: commit_id(main)?, kept, dropped, dropped_count, unkept: None }))
    }

    /// Gives the remote back what it had, or, where its `main` does not pass the checks, what is live.
    /// `None`: there is nothing to give back.
    pub fn restore(&self, now: Timestamp) -> Result<Option<Resolved>, StateError> {
        let remote = self.remote_to_resolve()?;
        let before = self.heads()?;
        let fetched = remote.fetch(Place::Apart, There::default(), COPY);
        let turn = self.turn_since(before)?;
        let taken = fetched.and_then(|incoming| self.take_over(&turn, remote, incoming));
        let (there, is_here) = match taken {
            Ok(()) | Err(StateError::Rewound(_)) => (remote.there(), true),
            // To move the branches back it is enough to know where they are.
            Err(StateError::RemoteUnfit { .. }) => (remote.ask(ASK_TIME)?, false),
            Err(error) => return Err(error),
        };
        let heads = self.heads()?;
        let (live, main) = (self.live()?, self.main()?);
        let between = inspect_line(&live, &main, usize::MAX, Reach::Everything)?;
        let ours = if between.findings.is_empty() { heads.main } else { heads.live };
        if there.main == Some(ours) && there.live == Some(heads.live) {
            return Ok(None);
        }
        let (mut dropped, mut dropped_count, mut kept) = (Vec::new(), 0, None);
        let unkept = there.main.filter(|main| !is_here && *main != ours);
        if let Some(theirs) = there.main.filter(|_| is_here) {
            (dropped, dropped_count) = remote.lost(theirs, Some(ours))?;
            kept = self.keep(theirs, dropped_count, now)?;
        }
        force(remote, there, There { main: Some(ours), live: Some(heads.live) })?;
        self.move_to(ours, heads.live)?;
        Ok(Some(Resolved {
            main: commit_id(ours)?,
            kept,
            dropped,
            dropped_count,
            unkept: unkept.map(commit_id).transpose()?,
        }))
    }

    /// The turn, if nobody has written since the branches were there.
    fn turn_since(&self, before: Heads) -> Result<Turn<'_>, StateError> {
        let turn = self.turn()?;
        if self.heads()? == before {
            return Ok(turn);
        }
        Err(StateError::Absent("somebody wrote meanwhile: try again".to_owned()))
    }

    fn remote_to_resolve(&self) -> Result<&Remote, StateError> {
        self.remote.as_ref().ok_or_else(|| {
            StateError::Absent("the state repo is kept here: it has no remote".to_owned())
        })
    }

    /// What this process signs must count there.
    fn must_trust(&self, main: ObjectId) -> Result<(), StateError> {
        let keys = self.at(&commit_id(main)?)?.inkstone()?.spec.signing_keys.clone();
        if keys.contains(self.signer().public()) {
            return Ok(());
        }
        let why = "what the remote has does not list this server's signing key in inkstone.yaml: it is \
                   another state repo, or `inkstone state restore` gives back what it had";
        Err(StateError::Absent(why.to_owned()))
    }

    /// A history that has nothing in common with what was checked is checked whole.
    fn must_be_lawful(&self, main: ObjectId) -> Result<ObjectId, StateError> {
        let head = self.at(&commit_id(main)?)?;
        match verify(&head, None, |_| ())?.findings.first() {
            None => Ok(main),
            Some(finding) => Err(StateError::Absent(format!(
                "what the remote has shares no commit with what is live and breaks a law: {finding}"
            ))),
        }
    }

    /// Keeps what is given up from being lost.
    fn keep(
        &self,
        head: ObjectId,
        commits: usize,
        now: Timestamp,
    ) -> Result<Option<String>, StateError> {
        if commits == 0 {
            return Ok(None);
        }
        let name = format!("{LOST}/{}", now.strftime("%Y%m%dT%H%M%S%.3fZ"));
        self.refs.create(&[&name], head)?;
        Ok(Some(name))
    }

    fn move_to(&self, main: ObjectId, live: ObjectId) -> Result<(), StateError> {
        let heads = self.heads()?;
        let moves = [(MAIN, heads.main, main), (LIVE, heads.live, live)];
        let moves = moves.into_iter().filter(|(_, from, to)| from != to);
        let moves: Vec<Move> = moves.map(|(name, from, to)| Move { name, from, to }).collect();
        if moves.is_empty() || self.refs.advance(&moves)? {
            return Ok(());
        }
        Err(StateError::Absent("somebody else has the branches locked: try again".to_owned()))
    }
}

/// Moves the remote's branches, by force where it takes that.
fn force(remote: &Remote, from: There, to: There) -> Result<(), StateError> {
    if from == to {
        remote.is_up(to);
        return Ok(());
    }
    match remote.push(from, to)? {
        None => Ok(()),
        Some(said) => Err(remote.refused(said)),
    }
}
