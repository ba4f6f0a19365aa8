//! Who tried to push to the state repo in vain: they fetch next, to try again on top of what they missed.

use inkstone_spec::KeyName;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a try counts.
const COUNTS: Duration = Duration::from_mins(1);

/// The last try of each key whose push has not landed.
#[derive(Default)]
pub(crate) struct Tries(Mutex<HashMap<KeyName, Instant>>);

impl Tries {
    /// Somebody asks where the branches are, to push.
    pub(crate) fn begin(&self, who: &KeyName) {
        let mut tries = self.lock();
        tries.retain(|_, at| at.elapsed() < COUNTS);
        tries.insert(who.clone(), Instant::now());
    }

    /// Whether who fetches now has just tried.
    pub(crate) fn is_again(&self, who: &KeyName) -> bool {
        self.lock().get(who).is_some_and(|at| at.elapsed() < COUNTS)
    }

    /// The push is in.
    pub(crate) fn landed(&self, who: &KeyName) {
        self.lock().remove(who);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyName, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
