//! How things stand with the remote, and when it is tried again after it failed.

use super::There;
use crate::StateError;
use inkstone_spec::CommitId;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

/// How long is waited after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that is waited.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How things stand with the remote.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Nobody has looked yet.
    Unseen,
    /// The local branches are there, or on the way.
    Up,
    /// It did not answer, or did not do what was asked.
    Down(Down),
    /// Its branches do not continue what it had accepted.
    Rewound(Rewound),
}

/// A remote that fails.
#[derive(Clone, Debug)]
pub struct Down {
    /// What it, or git, said last.
    pub why: String,
    /// Since when.
    pub since: Instant,
    /// How often it failed since.
    pub failures: u32,
    /// What it has, where that is what git's checks refuse.
    pub(super) unfit: Option<There>,
    /// Before this nobody tries.
    pub(super) next_try: Instant,
}

/// A remote whose branches were moved by force, or that lost commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Where its `main` is; `None`: it has none.
    pub there: Option<CommitId>,
    /// The local `main`, which it had accepted.
    pub here: CommitId,
    /// Which branch it is.
    pub branch: Branch,
    /// Whether all that it has is here too, so that a plain push brings back what it lost.
    pub is_behind: bool,
    /// Commits that it does not have any more, newest first: each with its subject; the first few.
    pub lost: Vec<String>,
    /// How many there are.
    pub lost_count: usize,
}

/// One of the two branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// What people and Inkstone write.
    Main,
    /// What is acted on.
    Live,
}

impl Display for Rewound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.there.as_ref().map_or("gone", CommitId::short);
        match self.branch {
            Branch::Main => write!(
                f,
                "its main is {}{there}, which does not continue {}: it lost {} of the commits that it had \
                 accepted",
                if self.there.is_some() { "at " } else { "" },
                self.here.short(),
                self.lost_count
            ),
            Branch::Live => f.write_str("its live was moved to a commit that is not on its main"),
        }
    }
}

impl Standing {
    /// The error of whoever wants to write while it stands so.
    pub(super) fn error(&self) -> Option<StateError> {
        match self {
            Self::Unseen | Self::Up => None,
            Self::Down(down) => Some(down.error()),
            Self::Rewound(rewound) => Some(StateError::Rewound(Box::new(rewound.clone()))),
        }
    }

    /// After one more failure.
    pub(super) fn failed(&self, why: String, unfit: Option<There>) -> Down {
        let now = Instant::now();
        let (since, failures) = match self {
            Self::Down(down) => (down.since, down.failures.saturating_add(1)),
            _ => (now, 1),
        };
        Down { why, since, failures, unfit, next_try: now + pause(failures) }
    }
}

impl Down {
    /// The error of whoever wants to write meanwhile.
    pub(super) fn error(&self) -> StateError {
        let why = self.why.clone();
        if self.unfit.is_some() {
            StateError::RemoteUnfit { why }
        } else {
            StateError::RemoteDown { why }
        }
    }
}

/// Twice as long with each failure, and not the same for everybody whom a host left alone.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    longest.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_are_never_none() {
        for (failures, longest) in [(1, 1), (2, 2), (5, 16), (7, 60), (u32::MAX, 60)] {
            let pause = pause(failures);
            let longest = Duration::from_secs(longest);
            assert!(pause <= longest && pause >= longest / 2, "{failures}: {pause:?}");
        }
    }
}
