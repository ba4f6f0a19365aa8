//! What is known of the cluster, in memory: written by the watches alone, read by everybody.

use crate::facts::{ApplicationFacts, DeploymentFacts, EventFacts, PodFacts, ReplicaSetFacts};
use crate::observed::Observed;
use crate::ports::Listening;
use inkstone_spec::{ProjectRef, ServiceName, ServiceRef};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The most events that are kept of one namespace: whoever crashes in a loop makes many.
const MAX_EVENTS: usize = 500;
/// The most events that are shown of one service.
const MAX_SHOWN_EVENTS: usize = 20;
/// The most pods that are kept of one service: those that a node has removed stay in the API until thousands have
/// come together.
const MAX_PODS: usize = 64;

/// A kind of object that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `ArgoCD`'s.
    Applications,
    /// The services.
    Deployments,
    /// Their replica sets.
    ReplicaSets,
    /// Their pods.
    Pods,
    /// Warnings.
    Events,
}

impl Kind {
    /// The kind as people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applications => "applications",
            Self::Deployments => "deployments",
            Self::ReplicaSets => "replica sets",
            Self::Pods => "pods",
            Self::Events => "events",
        }
    }
}

/// Whether what is known of a kind is how things are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// Nothing was seen yet.
    #[default]
    Never,
    /// It is.
    Now,
    /// It is how things were when the watch broke off.
    Lost {
        /// When that was.
        since: Timestamp,
        /// Why.
        why: String,
    },
}

/// What can be kept in a table.
pub(crate) trait Kept: Clone {
    /// The most of one owner that are kept.
    const MOST: usize = usize::MAX;

    /// What goes first when there are more.
    fn age(&self) -> Option<Timestamp> {
        None
    }
}

impl Kept for ApplicationFacts {}
impl Kept for DeploymentFacts {}
impl Kept for ReplicaSetFacts {}

impl Kept for PodFacts {
    const MOST: usize = MAX_PODS;

    /// Those that were removed go before any that lives.
    fn age(&self) -> Option<Timestamp> {
        self.created.filter(|_| self.evicted.is_empty())
    }
}

impl Kept for EventFacts {
    const MOST: usize = MAX_EVENTS;

    fn age(&self) -> Option<Timestamp> {
        self.last
    }
}

/// Objects of one kind, by owner and name.
pub(crate) struct Table<K, F>(RwLock<Rows<K, F>>);

struct Rows<K, F> {
    seen: Seen,
    known: HashMap<K, BTreeMap<String, F>>,
    /// What a list that is under way has brought; it takes the place of what is known when it is whole.
    listed: HashMap<K, BTreeMap<String, F>>,
}

impl<K, F> Default for Table<K, F> {
    fn default() -> Self {
        let rows = Rows { seen: Seen::Never, known: HashMap::new(), listed: HashMap::new() };
        Self(RwLock::new(rows))
    }
}

impl<K: Hash + Eq, F: Kept> Table<K, F> {
    pub(crate) fn begin(&self) {
        self.write().listed = HashMap::new();
    }

    pub(crate) fn list(&self, key: K, name: String, facts: F) {
        insert(self.write().listed.entry(key).or_default(), name, facts);
    }

    pub(crate) fn listed(&self) {
        let mut table = self.write();
        table.known = std::mem::take(&mut table.listed);
        table.seen = Seen::Now;
    }

    pub(crate) fn put(&self, key: K, name: String, facts: F) {
        let mut table = self.write();
        insert(table.known.entry(key).or_default(), name, facts);
        table.seen = Seen::Now;
    }

    pub(crate) fn remove(&self, key: &K, name: &str) {
        let mut table = self.write();
        table.seen = Seen::Now;
        if let Some(rows) = table.known.get_mut(key) {
            rows.remove(name);
            if rows.is_empty() {
                table.known.remove(key);
            }
        }
    }

    /// Whether this is news.
    pub(crate) fn lost(&self, now: Timestamp, why: String) -> bool {
        let mut table = self.write();
        let since = match &table.seen {
            Seen::Lost { since, .. } => *since,
            Seen::Never => return table.note(Seen::Lost { since: now, why }),
            Seen::Now => now,
        };
        table.note(Seen::Lost { since, why })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.read().seen.clone()
    }

    /// Copies of those that `is_meant` says.
    pub(crate) fn find(&self, is_meant: impl Fn(&K, &F) -> bool) -> Vec<(K, String, F)>
    where
        K: Clone,
    {
        let table = self.read();
        let all = table.known.iter().flat_map(|(key, rows)| rows.iter().map(move |row| (key, row)));
        let meant = all.filter(|(key, (_, facts))| is_meant(key, facts));
        meant.map(|(key, (name, facts))| (key.clone(), name.clone(), facts.clone())).collect()
    }

    fn has(&self, key: &K, name: &str) -> bool {
        self.read().known.get(key).is_some_and(|rows| rows.contains_key(name))
    }

    fn of(&self, key: &K) -> BTreeMap<String, F> {
        self.read().known.get(key).cloned().unwrap_or_default()
    }

    /// Copies of those of one owner that `is_meant` says.
    fn some_of(&self, key: &K, is_meant: impl Fn(&F) -> bool) -> Vec<F> {
        let table = self.read();
        let rows = table.known.get(key).into_iter().flat_map(BTreeMap::values);
        rows.filter(|facts| is_meant(facts)).cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Rows<K, F>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows<K, F>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, F> Rows<K, F> {
    fn note(&mut self, seen: Seen) -> bool {
        let was_lost = matches!(self.seen, Seen::Lost { .. });
        self.seen = seen;
        !was_lost
    }
}

/// Everything that is known. Nobody holds two of its locks at a time, nor one of them twice: whoever waits to
/// write would be waited for.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) applications: Table<ServiceRef, ApplicationFacts>,
    pub(crate) deployments: Table<ServiceRef, DeploymentFacts>,
    pub(crate) replica_sets: Table<ServiceRef, ReplicaSetFacts>,
    pub(crate) pods: Table<ServiceRef, PodFacts>,
    /// By namespace.
    pub(crate) events: Table<String, EventFacts>,
    /// Where processes listen that do not answer where they should, by service and pod.
    ports: RwLock<HashMap<(ServiceRef, String), Listening>>,
    /// What the reconciler could not do, by service.
    secrets: RwLock<HashMap<ServiceRef, String>>,
}

impl Index {
    /// Everything about one service.
    pub(crate) fn observed(&self, service: &ServiceRef) -> Observed {
        let name = service.service.as_str();
        let deployment = self.deployments.of(service).remove(name);
        let replica_sets = self.replica_sets.of(service);
        let pods = self.pods.of(service);
        let about = |event: &EventFacts| match event.kind.as_str() {
            "Deployment" => event.name == name,
            "ReplicaSet" => replica_sets.contains_key(&event.name),
            "Pod" => pods.contains_key(&event.name),
            _ => false,
        };
        let listening = pods
            .keys()
            .filter_map(|pod| Some((pod.clone(), self.ports_of(service, pod)?)))
            .collect();
        let namespace = service.project_ref().namespace().to_string();
        let mut events = self.events.some_of(&namespace, about);
        events.sort_unstable_by_key(|event| std::cmp::Reverse(event.last));
        events.truncate(MAX_SHOWN_EVENTS);
        Observed {
            application: self.applications.of(service).into_values().next(),
            deployment,
            replica_sets,
            pods,
            listening,
            events,
            secret: self
                .secrets
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(service)
                .cloned(),
            lost: self.lost(),
        }
    }

    /// Where the process of a pod listens, if somebody had to look.
    pub(crate) fn ports_of(&self, service: &ServiceRef, pod: &str) -> Option<Listening> {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        ports.get(&(service.clone(), pod.to_owned())).cloned()
    }

    pub(crate) fn listens(&self, service: &ServiceRef, pod: String, seen: Listening) {
        let mut ports = self.ports.write().unwrap_or_else(PoisonError::into_inner);
        ports.insert((service.clone(), pod), seen);
    }

    /// Forgets the ports of pods that are gone.
    pub(crate) fn forget_ports(&self) {
        let known: Vec<_> = {
            let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
            ports.keys().cloned().collect()
        };
        for key in known.into_iter().filter(|(service, pod)| !self.pods.has(service, pod)) {
            self.ports.write().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }

    /// Takes what the reconciler says of a project in the place of what it said before.
    pub(crate) fn reported(&self, project: &ProjectRef, problems: BTreeMap<ServiceName, String>) {
        let mut all = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|service, _| service.project_ref() != *project);
        all.extend(problems.into_iter().map(|(name, problem)| (project.service(&name), problem)));
    }

    /// How well each kind is seen.
    pub(crate) fn seen(&self) -> [(Kind, Seen); 5] {
        [
            (Kind::Applications, self.applications.seen()),
            (Kind::Deployments, self.deployments.seen()),
            (Kind::ReplicaSets, self.replica_sets.seen()),
            (Kind::Pods, self.pods.seen()),
            (Kind::Events, self.events.seen()),
        ]
    }

    /// The kind that has not been seen for the longest time, if there is one.
    fn lost(&self) -> Option<(Kind, Seen)> {
        let lost = self.seen().into_iter().filter(|(_, seen)| *seen != Seen::Now);
        lost.min_by_key(|(_, seen)| match seen {
            Seen::Lost { since, .. } => Some(*since),
            Seen::Never | Seen::Now => None,
        })
    }
}

fn insert<F: Kept>(rows: &mut BTreeMap<String, F>, name: String, facts: F) {
    rows.insert(name, facts);
    if rows.len() > F::MOST {
        let oldest = rows.iter().min_by_key(|(_, facts)| facts.age()).map(|(name, _)| name.clone());
        oldest.and_then(|name| rows.remove(&name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceRef {
        format!("main/shop/{name}").parse().unwrap()
    }

    fn set(revision: &str) -> ReplicaSetFacts {
        ReplicaSetFacts { revision: revision.to_owned(), ..ReplicaSetFacts::default() }
    }

    fn event(name: &str, second: i64) -> EventFacts {
        EventFacts {
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            last: Timestamp::from_second(second).ok(),
            ..EventFacts::default()
        }
    }

    #[test]
    fn a_list_takes_the_place_of_what_was_known_only_when_it_is_whole() {
        let table = Table::default();
        table.put(service("a"), "a-1".to_owned(), set("1"));
        table.begin();
        table.list(service("b"), "b-1".to_owned(), set("1"));
        assert_eq!(table.of(&service("a")).len(), 1);
        assert_eq!(table.of(&service("b")).len(), 0);
        table.listed();
        assert_eq!(table.of(&service("a")).len(), 0);
        assert_eq!(table.of(&service("b")).len(), 1);
        table.remove(&service("b"), "b-1");
        assert_eq!(table.of(&service("b")).len(), 0);
    }

    #[test]
    fn how_long_a_cluster_is_lost_counts_from_the_first_failure() {
        let table: Table<ServiceRef, PodFacts> = Table::default();
        assert_eq!(table.seen(), Seen::Never);
        table.listed();
        let (first, second) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(9).unwrap());
        assert!(table.lost(first, "refused".to_owned()), "that is news");
        assert!(!table.lost(second, "timed out".to_owned()), "that is not");
        assert_eq!(table.seen(), Seen::Lost { since: first, why: "timed out".to_owned() });
        table.listed();
        assert_eq!(table.seen(), Seen::Now);
    }

    #[test]
    fn a_service_is_shown_its_own_warnings_newest_first_and_no_neighbours() {
        let index = Index::default();
        index.pods.put(service("site"), "site-1".to_owned(), PodFacts::default());
        for (number, name) in ["site-1", "other-1", "site-1"].iter().enumerate() {
            let second = i64::try_from(number).unwrap();
            index.events.put("dp-main-shop".to_owned(), number.to_string(), event(name, second));
        }
        index.events.put("dp-main-elsewhere".to_owned(), "x".to_owned(), event("site-1", 9));
        let seen = index.observed(&service("site")).events;
        let seconds: Vec<_> = seen.iter().map(|it| it.last.unwrap().as_second()).collect();
        assert_eq!(seconds, [2, 0]);
    }

    #[test]
    fn however_much_one_namespace_warns_of_only_the_newest_is_kept() {
        let index = Index::default();
        index.pods.put(service("site"), "site-1".to_owned(), PodFacts::default());
        for second in 0..i64::try_from(MAX_EVENTS).unwrap() + 100 {
            let name = format!("event-{second}");
            index.events.put("dp-main-shop".to_owned(), name, event("site-1", second));
        }
        assert_eq!(index.events.of(&"dp-main-shop".to_owned()).len(), MAX_EVENTS);
        let seen = index.observed(&service("site")).events;
        assert_eq!(seen.len(), MAX_SHOWN_EVENTS);
        assert_eq!(seen[0].last.unwrap().as_second(), 599);
    }

    #[test]
    fn however_many_pods_were_removed_those_that_live_are_kept() {
        let index = Index::default();
        let pod = |second: i64, evicted: &str| PodFacts {
            created: Timestamp::from_second(second).ok(),
            evicted: evicted.to_owned(),
            ..PodFacts::default()
        };
        index.pods.put(service("site"), "lives".to_owned(), pod(0, ""));
        for second in 1..=i64::try_from(MAX_PODS).unwrap() + 100 {
            index.pods.put(service("site"), format!("removed-{second}"), pod(second, "Evicted"));
        }
        let seen = index.observed(&service("site")).pods;
        assert_eq!(seen.len(), MAX_PODS);
        assert!(seen.contains_key("lives"));
    }

    #[test]
    fn of_several_kinds_that_are_lost_the_one_that_was_lost_first_is_told() {
        let index = Index::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        index.applications.lost(at(60), "a hiccup".to_owned());
        index.deployments.listed();
        index.replica_sets.listed();
        index.events.listed();
        index.pods.lost(at(9), "forbidden".to_owned());
        assert!(
            matches!(index.lost(), Some((Kind::Pods, Seen::Lost { since, .. })) if since == at(9))
        );
        let never = Index::default();
        never.applications.lost(at(60), "a hiccup".to_owned());
        assert!(matches!(never.lost(), Some((_, Seen::Never))));
    }

    #[test]
    fn who_reads_and_who_writes_never_wait_for_each_other_for_ever() {
        let index = std::sync::Arc::new(Index::default());
        let (done, ended) = std::sync::mpsc::channel();
        for writes in [true, false, false] {
            let (index, done) = (std::sync::Arc::clone(&index), done.clone());
            std::thread::spawn(move || {
                for second in 0..5_000 {
                    if writes {
                        let key = "dp-main-shop".to_owned();
                        index.events.put(key, "one".to_owned(), event("site-1", second));
                        index.pods.put(service("site"), "site-1".to_owned(), PodFacts::default());
                        index.listens(&service("site"), "site-1".to_owned(), Listening::default());
                        index.forget_ports();
                    } else {
                        index.observed(&service("site"));
                    }
                }
                done.send(()).unwrap();
            });
        }
        for _ in 0..3 {
            ended.recv_timeout(std::time::Duration::from_mins(1)).expect("somebody waits for ever");
        }
    }
}
