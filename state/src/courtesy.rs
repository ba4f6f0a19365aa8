//! Giving way to somebody who pushes.
//!
//! A plain `git pull --rebase && git push` takes longer than many commits of Inkstone's own, and would
//! lose every race against them. So while one is under way Inkstone's writers wait: not longer than a
//! bound, and not more than half of the time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long writers wait at most.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// Whether writers are to wait, and those that do.
#[derive(Default)]
pub(crate) struct Courtesy {
    pause: Mutex<Pause>,
    over: Condvar,
}

#[derive(Clone, Copy, Default)]
enum Pause {
    #[default]
    Never,
    /// Since when.
    Open(Instant),
    /// Until when there is no other.
    Over(Instant),
}

impl Pause {
    /// What it has come to by `now`.
    fn at(self, now: Instant) -> Self {
        match self {
            Self::Open(since) if now - since >= MAX_PAUSE => Self::Over(since + 2 * MAX_PAUSE),
            Self::Over(until) if now >= until => Self::Never,
            other => other,
        }
    }
}

impl Courtesy {
    /// Has writers wait from now on, unless they have just waited.
    pub(crate) fn begin(&self) {
        let mut pause = self.lock();
        if let Pause::Never = pause.at(Instant::now()) {
            *pause = Pause::Open(Instant::now());
        }
    }

    /// Lets them go on, for at least as long as they waited.
    pub(crate) fn end(&self) {
        let mut pause = self.lock();
        let now = Instant::now();
        if let Pause::Open(since) = pause.at(now) {
            *pause = Pause::Over(now + (now - since));
        }
        self.over.notify_all();
    }

    /// Returns when nobody is given way to.
    pub(crate) fn wait(&self) {
        let mut pause = self.lock();
        loop {
            let now = Instant::now();
            *pause = pause.at(now);
            let Pause::Open(since) = *pause else { return };
            let left = MAX_PAUSE.saturating_sub(now - since);
            let waited = self.over.wait_timeout(pause, left);
            pause = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_by_itself_and_none_follows_for_as_long() {
        let start = Instant::now();
        let open = Pause::Open(start);
        assert!(matches!(open.at(start + MAX_PAUSE / 2), Pause::Open(_)));
        let over = open.at(start + MAX_PAUSE);
        assert!(matches!(over, Pause::Over(until) if until == start + 2 * MAX_PAUSE));
        assert!(matches!(over.at(start + MAX_PAUSE * 3 / 2), Pause::Over(_)));
        assert!(matches!(over.at(start + 2 * MAX_PAUSE), Pause::Never));
    }

    #[test]
    fn writers_go_on_when_it_is_over() {
        let courtesy = Courtesy::default();
        courtesy.wait();
        let start = Instant::now();
        courtesy.begin();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| courtesy.wait());
            assert!(!waiting.is_finished());
            courtesy.end();
            waiting.join().unwrap();
        });
        assert!(start.elapsed() < MAX_PAUSE, "it ended because it was ended");
    }
}
