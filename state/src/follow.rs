//! Keeping the local branches where the remote has them.
//!
//! Where there is a remote, the local branches are what it is known to have accepted: a commit goes there
//! first. Whatever was cut off in between is found by the next look.

use crate::group::Batch;
use crate::history::{Walk, commit_id, object_id};
use crate::refs::{MAIN, Move};
use crate::remote::{
    ASK_TIME, Branch, Incoming, NEWS, Place, Remote, RemoteConfig, Rewound, There,
};
use crate::repo::Turn;
use crate::{StateError, StateRepo};
use gix::ObjectId;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// How many commits back is looked for one that is probably near.
const NEAR: usize = 50;

impl StateRepo {
    /// The same repo, as the working copy of one on another host.
    #[must_use]
    pub fn with_remote(mut self, config: RemoteConfig) -> Self {
        self.remote = Some(Remote::new(self.git_dir(), config));
        self
    }

    /// The repo on another host, if this is a copy.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Looks at a remote for the first time. One that has nothing, or only what is older than what is here,
    /// is given the rest.
    pub fn attach(&self, now: Timestamp) -> Result<(), StateError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        if remote.ask(ASK_TIME)? == There::default() {
            let _turn = self.turn()?;
            let heads = self.heads()?;
            let all = There { main: Some(heads.main), live: Some(heads.live) };
            if let Some(said) = remote.push(There::default(), all)? {
                return Err(remote.refused(said));
            }
        }
        match self.look() {
            Err(StateError::Rewound(rewound)) if rewound.is_behind => self.restore(now).map(drop),
            looked => looked,
        }
    }

    /// Looks where the remote's branches are and takes `main` over if it continues `live`. It is the
    /// only way by which a remote that failed is tried again.
    pub fn look(&self) -> Result<(), StateError> {
        self.look_within(ASK_TIME + NEWS.time)
    }

    /// The same, in about that time at most. Nobody is kept from writing while the remote is waited for.
    pub fn look_within(&self, time: Duration) -> Result<(), StateError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let start = Instant::now();
        let there = remote.ask(ASK_TIME.min(time))?;
        let heads = self.heads()?;
        if there.main == Some(heads.main)
            && [Some(heads.main), Some(heads.live)].contains(&there.live)
        {
            remote.is_up(there);
            return Ok(());
        }
        let incoming =
            remote.fetch(Place::Apart, there, NEWS.within(time.saturating_sub(start.elapsed())))?;
        let turn = self.turn()?;
        if self.heads()? != heads {
            // Who wrote meanwhile knows more than what was fetched before; the next look goes on.
            return Ok(());
        }
        self.take_over(&turn, remote, incoming)
    }

    /// Whether `live` is at `main`, here and there.
    pub fn is_published(&self) -> Result<bool, StateError> {
        let heads = self.heads()?;
        let there = self.remote.as_ref().map(Remote::there);
        Ok(heads.live == heads.main && there.is_none_or(|there| there == There::at(heads.main)))
    }

    /// Whether a change can be written, as far as is known.
    pub fn ready(&self) -> Result<(), StateError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        if remote.is_unseen() { self.look() } else { remote.ready() }
    }

    fn look_in_turn(&self, turn: &Turn<'_>, remote: &Remote) -> Result<(), StateError> {
        let incoming = remote.fetch(Place::Here, There::default(), NEWS)?;
        self.take_over(turn, remote, incoming)
    }

    /// Takes over what was fetched, as far as that continues what is here.
    pub(crate) fn take_over(
        &self,
        _: &Turn<'_>,
        remote: &Remote,
        incoming: Incoming,
    ) -> Result<(), StateError> {
        let there = incoming.keep()?;
        let heads = self.heads()?;
        let Some(main) = there.main else {
            return Err(rewound(remote, there, heads.main, Branch::Main)?);
        };
        // What never was live may be rewritten there: nobody has acted on it, nor built on it.
        if main != heads.main && !self.is_before(remote, heads.live, main)? {
            return Err(rewound(remote, there, heads.main, Branch::Main)?);
        }
        if let Some(live) = there.live
            && live != main
            && !self.is_before(remote, live, main)?
        {
            return Err(rewound(remote, there, heads.main, Branch::Live)?);
        }
        if main != heads.main {
            let advance = Move { name: MAIN, from: heads.main, to: main };
            if !self.refs.advance(&[advance])? {
                // Somebody has the branch locked; the next look goes on.
                return Ok(());
            }
        }
        remote.is_up(there);
        Ok(())
    }

    /// Whether the commit `ancestor` comes before `commit`: mostly a few steps back, and no other process
    /// is asked for that.
    fn is_before(
        &self,
        remote: &Remote,
        ancestor: ObjectId,
        commit: ObjectId,
    ) -> Result<bool, StateError> {
        for step in Walk::at(&self.objects, commit).take(NEAR) {
            if object_id(&step?.id)? == ancestor {
                return Ok(true);
            }
        }
        remote.is_ancestor(ancestor, commit)
    }

    /// Has the remote move its branches to a batch's head. `false`: somebody else moved them, and the
    /// local ones have followed.
    pub(crate) fn send(
        &self,
        turn: &Turn<'_>,
        remote: &Remote,
        batch: &Batch,
    ) -> Result<bool, StateError> {
        remote.ready()?;
        if self.heads()? != batch.from {
            return Ok(false);
        }
        let there = remote.there();
        // A lease alone would let us drop what is there: only what continues it may be pushed.
        if there.main != Some(batch.from.main) {
            self.look_in_turn(turn, remote)?;
            return Ok(false);
        }
        let to = There::at(batch.head);
        if there == to {
            return Ok(true);
        }
        let Some(said) = remote.push(there, to)? else { return Ok(true) };
        self.look_in_turn(turn, remote)?;
        if remote.there() == there { Err(remote.refused(said)) } else { Ok(false) }
    }
}

/// Writes down what the remote has lost of what is `here`.
fn rewound(
    remote: &Remote,
    there: There,
    here: ObjectId,
    branch: Branch,
) -> Result<StateError, StateError> {
    let is_behind = match there.main {
        None => true,
        Some(main) => remote.is_ancestor(main, here)?,
    };
    let (lost, lost_count) = remote.lost(here, there.main)?;
    let rewound = Rewound {
        there: there.main.map(commit_id).transpose()?,
        here: commit_id(here)?,
        branch,
        is_behind,
        lost,
        lost_count,
    };
    Ok(remote.is_rewound(there, rewound))
}
