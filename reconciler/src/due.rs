//! Which project is looked at next: what changed before what is only looked at now and then, and what failed after
//! a while that grows.

use inkstone_spec::ProjectRef;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long after something failed it is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// The same where it has failed often.
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// How often that is doubled.
const MAX_DOUBLINGS: u32 = 10;

/// The projects that have to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Due {
    projects: BTreeMap<ProjectRef, Turn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    /// Whether nothing is known to have changed there.
    is_routine: bool,
    /// How often in a row it could not be done.
    failures: u32,
    at: Instant,
}

impl Due {
    /// Something changed there: it is looked at now, however often it failed.
    pub(crate) fn changed(&mut self, project: ProjectRef, now: Instant) {
        self.projects.insert(project, Turn { is_routine: false, failures: 0, at: now });
    }

    /// It is to be looked at, when there is nothing more urgent.
    pub(crate) fn routine(&mut self, project: ProjectRef, now: Instant) {
        self.projects.entry(project).or_insert(Turn { is_routine: true, failures: 0, at: now });
    }

    /// Takes the one whose turn it is, and how often it failed.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(ProjectRef, u32)> {
        let due = self.projects.iter().filter(|(_, turn)| turn.at <= now);
        let next = due.min_by_key(|(_, turn)| **turn).map(|(project, _)| project.clone())?;
        let turn = self.projects.remove(&next)?;
        Some((next, turn.failures))
    }

    /// It could not be done, as so often before.
    pub(crate) fn failed(&mut self, project: ProjectRef, failures: u32, now: Instant) {
        let pause = AGAIN.saturating_mul(1 << failures.min(MAX_DOUBLINGS)).min(AGAIN_AT_MOST);
        let failures = failures.saturating_add(1);
        self.projects.insert(project, Turn { is_routine: false, failures, at: now + pause });
    }

    /// When the next one has its turn.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.projects.values().map(|turn| turn.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(name: &str) -> ProjectRef {
        format!("main/{name}").parse().unwrap()
    }

    #[test]
    fn what_changed_waits_neither_for_what_fails_nor_for_what_is_routine() {
        let start = Instant::now();
        let mut due = Due::default();
        for name in ["a", "b"] {
            due.routine(project(name), start);
        }
        due.changed(project("c"), start);
        due.take(start).unwrap();
        due.failed(project("c"), 0, start);
        due.changed(project("z"), start);
        let later = start + AGAIN;
        let turns =
            std::iter::from_fn(|| due.take(later)).map(|(taken, _)| taken.project.to_string());
        assert_eq!(turns.collect::<Vec<_>>(), ["z", "c", "a", "b"]);
    }

    #[test]
    fn what_fails_is_tried_ever_more_rarely_until_it_changes() {
        let mut now = Instant::now();
        let mut due = Due::default();
        due.changed(project("a"), now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let (taken, failures) = due.take(now).unwrap();
            due.failed(taken, failures, now);
            assert!(due.take(now).is_none());
            pauses.push((due.next().unwrap() - now).as_millis());
            now = due.next().unwrap();
        }
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        due.changed(project("a"), now);
        assert_eq!(due.take(now), Some((project("a"), 0)));
        assert_eq!(due.next(), None);
    }
}
