//! On which port a process listens that does not answer on the one where it should. The kubelet connects
//! from inside of the pod's network, so no network policy is in the way and nothing has to be in the image.

use crate::Cluster;
use crate::facts::{ContainerState, PodFacts};
use crate::index::Index;
use futures_util::future::join_all;
use inkstone_spec::{Namespace, ServiceRef, WorkspaceName};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How long a process has to open its port before anybody wonders.
const GRACE: SignedDuration = SignedDuration::from_secs(8);
/// How often is looked for such processes, in memory.
const INTERVAL: Duration = Duration::from_secs(1);
/// When one is looked at again that may have opened a port in between.
const AGAIN: SignedDuration = SignedDuration::from_secs(20);
/// The same once the same was found twice.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);
/// How many are looked at at the same time: each costs a connection to the cluster for every port that is tried.
const MAX_LOOKS: usize = 4;
/// When what was found is looked at once more before it is believed: the kubelet asks once a second and waits
/// as long for an answer, so a port that was opened just now has answered by then.
const CONFIRMATION: SignedDuration = SignedDuration::from_secs(4);
/// Where programs listen that were not told otherwise.
const USUAL: [u16; 14] =
    [80, 3000, 3001, 4000, 4200, 5000, 5173, 8000, 8080, 8081, 8088, 8888, 9000, 9090];
/// Where nobody listens. If even that is open, the cluster is too busy to refuse anything in time.
const NOBODYS: u16 = 1;
/// The most ports that are tried because a process wrote their numbers.
const MAX_NAMED: usize = 8;
/// How many of its last lines are looked through for them.
const LINES: u32 = 50;
/// How long the cluster may take to begin a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A connection that nobody has refused by then is one.
const REFUSAL_TIME: Duration = Duration::from_millis(700);

/// Where a process listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// Which run of the process this was seen of: how often it had been started again.
    pub(crate) restarts: u32,
    /// When it was looked at.
    pub(crate) at: Timestamp,
    /// Whether the look before found the same. One that is still opening its ports may have another open first.
    pub(crate) confirmed: bool,
    /// Whether it listens where it should, and so only for itself: nobody else gets an answer there.
    pub for_itself: bool,
    /// Where else it listens.
    pub elsewhere: Vec<u16>,
}

impl Listening {
    /// Whether it is time to look again.
    fn is_old(&self, now: Timestamp) -> bool {
        let is_open = self.for_itself || !self.elsewhere.is_empty();
        let keeps = match (self.confirmed, is_open) {
            (true, _) => SETTLED,
            (false, true) => CONFIRMATION,
            (false, false) => AGAIN,
        };
        now.duration_since(self.at) >= keeps
    }

    /// What is known now that this was seen after that.
    fn after(self, before: Option<&Self>) -> Self {
        let is_same = |before: &Self| {
            before.for_itself == self.for_itself && before.elsewhere == self.elsewhere
        };
        Self { confirmed: before.is_some_and(is_same), ..self }
    }
}

/// Looks where the processes listen that do not answer, for as long as it is polled.
pub(crate) async fn watch(index: &Index, cluster: &Cluster) {
    loop {
        index.forget_ports();
        let now = Timestamp::now();
        let looks = in_turn(index.pods.find(|_, pod| is_silent(pod, now)), |service, name, pod| {
            let seen = index.ports_of(service, name).filter(|seen| seen.restarts == pod.restarts());
            seen.is_none_or(|seen| seen.is_old(now))
        });
        join_all(looks.into_iter().take(MAX_LOOKS).map(async |(service, name, pod)| {
            let restarts = pod.restarts();
            let before = index.ports_of(&service, &name).filter(|seen| seen.restarts == restarts);
            let seen = look(cluster, &service.project_ref().namespace(), &name, pod.port).await;
            let seen = Listening { restarts, at: Timestamp::now(), ..seen };
            index.listens(&service, name, seen.after(before.as_ref()));
        }))
        .await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Those of the silent pods that it is time to look at: the newest of each service, and every workspace one before
/// any has a second.
fn in_turn(
    silent: Vec<(ServiceRef, String, PodFacts)>,
    is_due: impl Fn(&ServiceRef, &str, &PodFacts) -> bool,
) -> Vec<(ServiceRef, String, PodFacts)> {
    let mut newest: BTreeMap<ServiceRef, (String, PodFacts)> = BTreeMap::new();
    for (service, name, pod) in silent {
        let is_newer = newest.get(&service).is_none_or(|(_, other)| other.created < pod.created);
        if is_newer {
            newest.insert(service, (name, pod));
        }
    }
    let mut taken: HashMap<WorkspaceName, usize> = HashMap::new();
    let due = newest.into_iter().filter(|(service, (name, pod))| is_due(service, name, pod));
    let mut turns: Vec<_> = due
        .map(|(service, (name, pod))| {
            let turn = taken.entry(service.workspace.clone()).or_default();
            *turn += 1;
            (*turn, (service, name, pod))
        })
        .collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, found)| found).collect()
}

/// Whether a process runs and its port does not answer.
fn is_silent(pod: &PodFacts, now: Timestamp) -> bool {
    pod.container.as_ref().is_some_and(|container| match container.state {
        ContainerState::Running { since: Some(since) } => {
            !container.ready && !pod.leaving && now.duration_since(since) >= GRACE
        }
        _ => false,
    })
}

async fn look(
    cluster: &Cluster,
    namespace: &Namespace,
    pod: &str,
    wanted: Option<u16>,
) -> Listening {
    let lines = cluster.log(namespace, pod, LINES, false).await.unwrap_or_default();
    let named = numbers(&lines.lines);
    let ports: BTreeSet<u16> =
        named.into_iter().chain(USUAL).chain(wanted).chain([NOBODYS]).collect();
    let tried = ports.into_iter().map(async |port| {
        let is_open = is_open(cluster, namespace, pod, port).await;
        is_open.then_some(port)
    });
    let open: Vec<u16> = join_all(tried).await.into_iter().flatten().collect();
    if open.contains(&NOBODYS) && wanted != Some(NOBODYS) {
        return Listening::default();
    }
    let for_itself = wanted.is_some_and(|wanted| open.contains(&wanted));
    // Where the port is right, others are nobody's affair.
    let elsewhere = if for_itself { Vec::new() } else { open };
    Listening { for_itself, elsewhere, ..Listening::default() }
}

/// Whether something in the pod takes a connection on its loopback interface.
async fn is_open(cluster: &Cluster, namespace: &Namespace, pod: &str, port: u16) -> bool {
    let api: Api<Pod> = Api::namespaced(cluster.client(), namespace.as_str());
    let ports = [port];
    let begun = tokio::time::timeout(CONNECT_TIME, api.portforward(pod, &ports)).await;
    let Ok(Ok(mut forward)) = begun else { return false };
    let (stream, refused) = (forward.take_stream(port), forward.take_error(port));
    let (Some(_stream), Some(refused)) = (stream, refused) else { return false };
    let is_open = tokio::time::timeout(REFUSAL_TIME, refused).await.is_err();
    forward.abort();
    is_open
}

/// The numbers in some lines that look like ports: those of the last lines, if there are many. The ones that are
/// shorter are usual, or of a time.
fn numbers(lines: &[String]) -> BTreeSet<u16> {
    let words = lines.iter().rev().flat_map(|line| line.split(|c: char| !c.is_ascii_digit()));
    let words = words.filter(|word| matches!(word.len(), 4 | 5));
    let mut found = BTreeSet::new();
    for number in words.filter_map(|word| word.parse().ok()) {
        if found.len() == MAX_NAMED {
            break;
        }
        found.insert(number);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_believed_once_it_is_found_again() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen =
            |elsewhere: &[u16]| Listening { elsewhere: elsewhere.to_vec(), ..Listening::default() };
        let nothing = seen(&[]).after(None);
        assert!(!nothing.is_old(at(19)) && nothing.is_old(at(20)));
        let found = seen(&[9090]).after(Some(&nothing));
        assert!(!found.confirmed && found.is_old(at(4)));
        let other = seen(&[3000, 9090]).after(Some(&found));
        assert!(!other.confirmed);
        let again = seen(&[9090]).after(Some(&found));
        assert!(again.confirmed && !again.is_old(at(59)) && again.is_old(at(60)));
    }

    #[test]
    fn who_has_many_silent_pods_keeps_nobody_else_waiting() {
        let pod = |second| PodFacts {
            created: Timestamp::from_second(second).ok(),
            ..PodFacts::default()
        };
        let of = |service: &str, name: &str, second| {
            (service.parse::<ServiceRef>().unwrap(), name.to_owned(), pod(second))
        };
        let silent = vec![
            of("busy/shop/a", "a-1", 1),
            of("busy/shop/a", "a-2", 2),
            of("busy/shop/b", "b-1", 1),
            of("busy/shop/c", "c-1", 1),
            of("small/shop/z", "z-1", 1),
        ];
        let turns = in_turn(silent, |_, name, _| name != "b-1");
        let names: Vec<_> = turns.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(names, ["a-2", "z-1", "c-1"]);
    }

    #[test]
    fn what_a_process_says_of_its_port_is_found() {
        let time = "2026-11-21T10:00:01.123456Z";
        let mut lines = vec![format!("{time} listening on http://0.0.0.0:7777/")];
        lines.extend((1..=9).map(|worker| format!("{time} worker {worker} is ready")));
        assert!(numbers(&lines).contains(&7777));
        let many: Vec<String> = (4000..5000).map(|number| number.to_string()).collect();
        assert_eq!(numbers(&many), (5000 - 8..5000).collect());
    }
}
