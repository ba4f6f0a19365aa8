use crate::support::{Fixture, commit, push, service_ref};
use inkstone_spec::{CommitId, DeploymentId};
use inkstone_store::{
    CREATE_ACTION, DEPLOY_ACTION, HistoryCommit, HistoryEntry, HistoryRow, MAX_DEPLOYS_AFTER,
    MAX_HISTORY_PAGE, Store,
};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const SITE: &str = "main/default/site";
const OTHER: &str = "main/default/other";

/// A history in the making: one commit after another.
struct History {
    fixture: Fixture,
    head: Option<CommitId>,
    commits: u32,
    deployments: BTreeMap<u32, DeploymentId>,
}

impl History {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        Self { fixture, head: None, commits: 0, deployments: BTreeMap::new() }
    }

    /// Appends a commit; returns its number.
    async fn commit(&mut self, service: &str, action: &str, source: Option<u32>) -> u32 {
        self.commits += 1;
        let deployment = source.map(|_| push(service, 1).id);
        self.deployments.extend(deployment.clone().map(|id| (self.commits, id)));
        let entry = HistoryEntry { deployment, ..entry(service, action, self.commits, source) };
        let head = commit(self.commits);
        let appended =
            self.fixture.store.append_history(self.head.as_ref(), &[entry], &head).await.unwrap();
        assert!(appended);
        self.head = Some(head);
        self.commits
    }

    async fn create(&mut self, service: &str) -> u32 {
        self.commit(service, CREATE_ACTION, None).await
    }

    async fn deploy(&mut self, service: &str, source: u32) -> u32 {
        self.commit(service, DEPLOY_ACTION, Some(source)).await
    }

    /// The commits of the deploys after the one of commit `of`.
    async fn after(&self, service: &str, of: Option<u32>) -> Vec<CommitId> {
        let deployment = of.map(|of| &self.deployments[&of]);
        let found =
            self.fixture.store.deploys_after(&service_ref(service), deployment).await.unwrap();
        found.into_iter().map(|deploy| deploy.state_commit).collect()
    }
}

fn entry(service: &str, action: &str, number: u32, source: Option<u32>) -> HistoryEntry {
    HistoryEntry {
        service: service_ref(service),
        state_commit: commit(number),
        action: action.into(),
        deployment: None,
        source_commit: source.map(commit),
        actor: "ci-deploy".into(),
        at: i64::from(number) * 1_000,
        subject: format!("{action} {service}"),
    }
}

fn commits(numbers: &[u32]) -> Vec<CommitId> {
    numbers.iter().copied().map(commit).collect()
}

#[tokio::test]
async fn the_history_of_a_service_comes_newest_first_page_by_page() {
    let mut h = History::new().await;
    let mut expected = Vec::new();
    h.create(OTHER).await;
    expected.push(h.create(SITE).await);
    for source in 1..=5 {
        expected.push(h.deploy(SITE, source).await);
        h.deploy(OTHER, source).await;
    }
    expected.reverse();

    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let (store, site) = (&h.fixture.store, service_ref(SITE));
        let page = store.service_history(&site, before.as_ref(), 4).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 4);
        before = Some(last.entry.state_commit.clone());
        found.extend(page.into_iter().map(|row| row.entry.state_commit));
    }

    assert_eq!(found, commits(&expected));
}

#[tokio::test]
async fn an_entry_comes_back_as_it_was_appended() {
    let h = History::new().await;
    let (store, head) = (&h.fixture.store, commit(9));
    let entries = [
        HistoryEntry { deployment: Some(push(SITE, 1).id), ..entry(SITE, "deploy", 8, Some(3)) },
        HistoryEntry { actor: "Ann Ops".into(), ..entry(SITE, "operator", 9, None) },
    ];
    store.append_history(None, &entries, &head).await.unwrap();

    let found = store.service_history(&service_ref(SITE), None, 10).await.unwrap();

    let found: Vec<_> = found.into_iter().rev().map(|row| row.entry).collect();
    assert_eq!(found, entries);
}

#[tokio::test]
async fn what_an_operator_wrote_is_cut_to_a_bounded_length() {
    let h = History::new().await;
    let long = "long ".repeat(1_000);
    let entry = HistoryEntry {
        actor: long.clone(),
        subject: long.clone(),
        ..entry(SITE, "operator", 1, None)
    };
    h.fixture.store.append_history(None, &[entry], &commit(1)).await.unwrap();

    let found = h.fixture.store.service_history(&service_ref(SITE), None, 1).await.unwrap();

    for text in [&found[0].entry.actor, &found[0].entry.subject] {
        assert!(text.len() <= 500 && text.starts_with("long ") && text.ends_with('…'), "{text}");
    }
}

#[tokio::test]
async fn the_index_says_how_far_it_reaches_also_past_commits_of_no_service() {
    let f = Fixture::new().await;
    assert_eq!(f.store.history_indexed_to().await.unwrap(), None);

    assert!(f.store.append_history(None, &[], &commit(1)).await.unwrap());
    assert_eq!(f.store.history_indexed_to().await.unwrap(), Some(commit(1)));
    assert!(f.store.append_history(Some(&commit(1)), &[], &commit(2)).await.unwrap());
    assert_eq!(f.store.history_indexed_to().await.unwrap(), Some(commit(2)));
}

#[tokio::test]
async fn an_append_that_does_not_begin_at_the_end_changes_nothing() {
    let mut h = History::new().await;
    h.create(SITE).await;
    h.deploy(SITE, 1).await;
    let late = [entry(SITE, DEPLOY_ACTION, 9, Some(9))];
    for expected in [None, Some(commit(1)), Some(commit(7))] {
        let appended =
            h.fixture.store.append_history(expected.as_ref(), &late, &commit(9)).await.unwrap();
        assert!(!appended, "after {expected:?}");
    }
    assert_eq!(h.fixture.store.history_indexed_to().await.unwrap(), Some(commit(2)));
    let found = h.fixture.store.service_history(&service_ref(SITE), None, 10).await.unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_append_the_same_one_does() {
    let f = Fixture::new().await;
    let processes = [f.store.clone(), f.reopen().await];
    let mut appending = JoinSet::new();
    for store in processes.iter().cycle().take(8) {
        let store = store.clone();
        let entries: Vec<_> = (1..=250).map(|n| entry(SITE, DEPLOY_ACTION, n, Some(n))).collect();
        let head = commit(250);
        appending.spawn(async move { store.append_history(None, &entries, &head).await.unwrap() });
    }
    let appended = appending.join_all().await;

    assert_eq!(appended.into_iter().filter(|appended| *appended).count(), 1);
    let page = f.store.service_history(&service_ref(SITE), None, u32::MAX).await.unwrap();
    let expected: Vec<_> = (1..=250).rev().take(MAX_HISTORY_PAGE as usize).collect();
    let found: Vec<_> = page.into_iter().map(|row| row.entry.state_commit).collect();
    assert_eq!(found, commits(&expected));
}

#[tokio::test]
async fn a_rebuild_gives_the_same_positions_so_that_cursors_outlive_it() {
    let f = Fixture::new().await;
    let entries: Vec<_> = (1..=9).map(|n| entry(SITE, DEPLOY_ACTION, n, Some(n))).collect();
    f.store.append_history(None, &entries, &commit(9)).await.unwrap();
    let before = f.store.service_history(&service_ref(SITE), None, 100).await.unwrap();

    f.store.reset_history().await.unwrap();
    assert_eq!(f.store.history_indexed_to().await.unwrap(), None);
    assert_eq!(f.store.service_history(&service_ref(SITE), None, 100).await.unwrap(), []);

    f.store.append_history(None, &entries[..4], &commit(4)).await.unwrap();
    f.store.append_history(Some(&commit(4)), &entries[4..], &commit(9)).await.unwrap();
    assert_eq!(f.store.service_history(&service_ref(SITE), None, 100).await.unwrap(), before);
}

#[tokio::test]
async fn the_deploys_after_a_release_are_those_committed_after_its_deploy() {
    let mut h = History::new().await;
    h.create(SITE).await;
    let first = h.deploy(SITE, 1).await;
    let second = h.deploy(SITE, 2).await;
    h.deploy(OTHER, 9).await;
    h.commit(SITE, "update-service", None).await;
    let third = h.deploy(SITE, 3).await;

    assert_eq!(h.after(SITE, Some(first)).await, commits(&[third, second]));
    assert_eq!(h.after(SITE, Some(third)).await, []);
    let found = h
        .fixture
        .store
        .deploys_after(&service_ref(SITE), Some(&h.deployments[&second]))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].deployment, &found[0].source_commit),
        (&h.deployments[&third], &Some(commit(3)))
    );
}

#[tokio::test]
async fn a_rollback_that_names_a_deployment_is_not_its_deploy() {
    let mut h = History::new().await;
    h.create(SITE).await;
    let first = h.deploy(SITE, 1).await;
    let second = h.deploy(SITE, 2).await;
    let rollback = HistoryEntry {
        deployment: Some(h.deployments[&first].clone()),
        ..entry(SITE, "rollback", 50, Some(1))
    };
    h.fixture.store.append_history(h.head.as_ref(), &[rollback], &commit(50)).await.unwrap();

    assert_eq!(h.after(SITE, Some(first)).await, commits(&[second]));
}

#[tokio::test]
async fn without_a_release_the_deploys_since_the_service_was_made_last_count() {
    let mut h = History::new().await;
    h.create(SITE).await;
    h.deploy(SITE, 1).await;
    h.commit(SITE, "delete-service", None).await;
    h.create(SITE).await;
    let second = h.deploy(SITE, 2).await;
    h.create(OTHER).await;
    let of_another = h.deploy(OTHER, 3).await;

    assert_eq!(h.after(SITE, None).await, commits(&[second]));
    assert_eq!(h.after(SITE, Some(of_another)).await, commits(&[second]), "it is not this one's");
}

#[tokio::test]
async fn of_a_service_that_was_never_made_all_deploys_count_and_the_newest_are_kept() {
    let f = Fixture::new().await;
    let entries: Vec<_> = (1..=MAX_DEPLOYS_AFTER + 3)
        .map(|n| HistoryEntry {
            deployment: Some(push(SITE, 1).id),
            ..entry(SITE, DEPLOY_ACTION, n, Some(n))
        })
        .collect();
    f.store.append_history(None, &entries, &commit(1)).await.unwrap();

    let found = f.store.deploys_after(&service_ref(SITE), None).await.unwrap();

    let found: Vec<_> = found.into_iter().filter_map(|deploy| deploy.source_commit).collect();
    assert_eq!(found, commits(&(4..=MAX_DEPLOYS_AFTER + 3).rev().collect::<Vec<_>>()));
}

#[tokio::test]
async fn a_commit_is_found_by_how_it_begins_among_those_of_its_service() {
    let mut h = History::new().await;
    h.create(SITE).await;
    h.create(OTHER).await;
    h.deploy(SITE, 1).await;
    let store = &h.fixture.store;
    let own = commits_of(store, SITE).await;
    let others = commits_of(store, OTHER).await;
    assert_eq!((own.len(), others.len()), (2, 1));
    let found = async |commit: &HistoryCommit, digits: usize| {
        let prefix = commit.state_commit.as_str()[..digits].parse().unwrap();
        store.service_commits(&service_ref(SITE), &prefix).await.unwrap()
    };
    assert_eq!(found(&own[0], 40).await, own[..1]);
    assert_eq!(found(&others[0], 40).await, []);
    // Both begin with zeros, and so does the other service's.
    assert_eq!(found(&own[0], 7).await, own);
}

/// The whole history of a service, newest first.
async fn commits_of(store: &Store, service: &str) -> Vec<HistoryCommit> {
    let rows = store.service_history(&service_ref(service), None, 9).await.unwrap();
    let commit = |HistoryRow { position, entry }| {
        let state_commit = entry.state_commit;
        HistoryCommit { position, state_commit }
    };
    rows.into_iter().map(commit).collect()
}

#[tokio::test]
async fn a_deploy_is_found_by_its_deployment_among_those_of_its_service() {
    let mut h = History::new().await;
    h.create(SITE).await;
    h.create(OTHER).await;
    for (service, number) in [(SITE, 1), (OTHER, 2), (SITE, 3)] {
        h.deploy(service, number).await;
    }
    let (store, own) = (&h.fixture.store, commits_of(&h.fixture.store, SITE).await);
    for (number, commit) in [(5, &own[0]), (3, &own[1])] {
        let deployment = &h.deployments[&number];
        let found = store.deploy_of(&service_ref(SITE), deployment).await.unwrap();
        assert_eq!(found.as_ref(), Some(commit));
        assert_eq!(store.deploy_of(&service_ref(OTHER), deployment).await.unwrap(), None);
    }
}
