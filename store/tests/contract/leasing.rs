use crate::support::{Fixture, LEASE, NO_CAP, committed, manual, push};
use inkstone_spec::DeploymentStatus::{Building, Cancelled, Committed, Failed, Queued, Superseded};
use inkstone_store::{Finish, Heartbeat, MAX_ATTEMPTS, Stop, Store, TOO_MANY_ATTEMPTS};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const SITE: &str = "main/default/site";

#[tokio::test]
async fn an_empty_queue_gives_nothing() {
    let f = Fixture::new().await;
    assert_eq!(f.lease("w", 0).await, None);
}

#[tokio::test]
async fn a_worker_with_nothing_to_do_waits_for_no_writer() {
    let f = Fixture::new().await;
    let options = SqliteConnectOptions::new().filename(f.path());
    let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    assert_eq!(f.lease("w", 0).await, None);
    writer.close().await.unwrap();
}

#[tokio::test]
async fn a_lease_says_who_has_it_since_when_and_until_when() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;

    let leased = f.lease("w", 10).await.unwrap();

    assert_eq!(leased, f.get(&id).await);
    assert_eq!(leased.status, Building);
    assert_eq!(leased.lease_owner.as_deref(), Some("w"));
    assert_eq!(leased.lease_until, Some(10 + LEASE));
    assert_eq!((leased.started_at, leased.attempts), (Some(10), 1));
    assert_eq!(f.lease("other", 11).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_deployments_and_eight_racing_workers_of_two_processes_meet_once_each() {
    let f = Fixture::new().await;
    let other = f.reopen().await;
    let mut expected = BTreeSet::new();
    for number in 0..100 {
        let service = format!("w{}/default/s{number}", number % 7);
        expected.insert(f.queue(&manual(&service)).await.id.to_string());
    }

    let mut workers = JoinSet::new();
    for number in 0..8 {
        let store = if number % 2 == 0 { f.store.clone() } else { other.clone() };
        workers.spawn(async move { drain(&store, &format!("w{number}")).await });
    }
    let done: Vec<String> = workers.join_all().await.into_iter().flatten().collect();

    assert_eq!(done.len(), 100, "each was leased once");
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), expected);
    let depth = f.store.queue_depth(1).await.unwrap();
    assert_eq!((depth.queued, depth.building), (0, 0));
}

/// Works until nothing is left; the ids that were leased.
async fn drain(store: &Store, owner: &str) -> Vec<String> {
    let mut done = Vec::new();
    while let Some(leased) = store.lease_next(owner, 1, LEASE, NO_CAP).await.unwrap() {
        assert_eq!(leased.attempts, 1);
        let finish = store.finish(&leased.id, owner, &committed(), 2).await.unwrap();
        assert_eq!(finish, Finish::Recorded);
        done.push(leased.id.to_string());
    }
    done
}

#[tokio::test]
async fn one_service_is_built_once_at_a_time() {
    let f = Fixture::new().await;
    let first = f.queue(&push(SITE, 1)).await.id;
    f.lease("a", 1).await.unwrap();
    let second = f.queue(&push(SITE, 2)).await.id;

    assert_eq!(f.lease("b", 2).await, None);

    f.store.finish(&first, "a", &committed(), 3).await.unwrap();
    assert_eq!(f.lease("b", 4).await.map(|d| d.id), Some(second));
}

#[tokio::test]
async fn services_of_the_same_name_elsewhere_do_not_wait_for_each_other() {
    let f = Fixture::new().await;
    for service in [SITE, "main/shop/site", "acme/default/site"] {
        f.queue(&manual(service)).await;
    }
    for owner in ["a", "b", "c"] {
        assert!(f.lease(owner, 1).await.is_some());
    }
}

#[tokio::test]
async fn a_workspace_has_no_more_in_flight_than_its_cap() {
    let f = Fixture::new().await;
    for service in ["main/default/a", "main/default/b", "main/default/c", "acme/default/a"] {
        f.queue(&manual(service)).await;
    }
    let mut workspaces = Vec::new();
    for owner in ["1", "2", "3", "4"] {
        let leased = f.store.lease_next(owner, 1, LEASE, 2).await.unwrap();
        workspaces.extend(leased.map(|d| d.service.workspace.to_string()));
    }
    workspaces.sort();
    assert_eq!(workspaces, ["acme", "main", "main"]);
}

#[tokio::test]
async fn the_oldest_of_a_workspace_goes_first() {
    let f = Fixture::new().await;
    let mut queued = Vec::new();
    for number in 0..5 {
        queued.push(f.queue(&manual(&format!("main/default/s{number}"))).await.id);
    }
    for (now, expected) in (1..).zip(&queued) {
        assert_eq!(f.lease("w", now).await.map(|d| d.id).as_ref(), Some(expected));
    }
}

#[tokio::test]
async fn a_workspace_with_a_long_queue_does_not_keep_others_waiting() {
    let f = Fixture::new().await;
    for number in 0..50 {
        f.queue(&manual(&format!("busy/default/s{number}"))).await;
    }
    for number in 0..2 {
        f.queue(&manual(&format!("quiet/default/s{number}"))).await;
    }

    let mut turns = Vec::new();
    for now in 1..=5 {
        let leased = f.lease("w", now).await.unwrap();
        f.store.finish(&leased.id, "w", &committed(), now).await.unwrap();
        turns.push(leased.service.workspace.to_string());
    }

    assert_eq!(turns, ["busy", "quiet", "busy", "quiet", "busy"]);
}

#[tokio::test]
async fn the_work_of_a_vanished_worker_is_taken_over_when_its_lease_ends() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;
    f.lease("dead", 0).await.unwrap();

    assert_eq!(f.lease("alive", LEASE - 1).await, None, "it may still be alive");
    let taken = f.lease("alive", LEASE).await.unwrap();

    assert_eq!((&taken.id, taken.attempts, taken.started_at), (&id, 2, Some(0)));
    assert_eq!(f.beat(&id, "dead", LEASE + 1).await, Heartbeat::Lost);
    let late = f.store.finish(&id, "dead", &committed(), LEASE + 1).await.unwrap();
    assert_eq!(late, Finish::Lost);
    assert_eq!(f.status(&id).await, Building);
    assert_eq!(f.beat(&id, "alive", LEASE + 1).await, Heartbeat::Continue);
}

#[tokio::test]
async fn a_worker_that_is_heard_of_keeps_its_work() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;
    f.lease("w", 0).await.unwrap();

    for now in [LEASE - 1, 2 * LEASE - 2] {
        assert_eq!(f.beat(&id, "w", now).await, Heartbeat::Continue);
        assert_eq!(f.lease("other", now + LEASE - 1).await, None);
    }
}

#[tokio::test]
async fn the_work_of_a_worker_known_to_be_dead_is_taken_over_at_once() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;
    f.queue(&manual("main/default/other")).await;
    f.lease("dead", 0).await.unwrap();
    f.lease("alive", 0).await.unwrap();

    assert_eq!(f.store.expire_leases("dead", 1).await.unwrap(), 1);

    assert_eq!(f.lease("next", 1).await.map(|d| (d.id, d.attempts)), Some((id, 2)));
    assert_eq!(f.lease("next", 1).await, None, "the other lease stands");
}

#[tokio::test]
async fn work_that_no_worker_survives_fails_and_says_why() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;
    let mut now = 0;
    for attempt in 1..=MAX_ATTEMPTS {
        assert_eq!(f.lease("w", now).await.map(|d| d.attempts), Some(attempt));
        now += LEASE;
        assert_eq!(f.lease("other", now - 1).await, None);
        assert_eq!(f.status(&id).await, Building, "the last worker has its time too");
    }

    assert_eq!(f.lease("w", now).await, None);

    let failed = f.get(&id).await;
    assert_eq!((failed.status, failed.finished_at), (Failed, Some(now)));
    assert_eq!(failed.lease_owner, None);
    assert_eq!(failed.error.map(|e| e.code).as_deref(), Some(TOO_MANY_ATTEMPTS));
}

#[tokio::test]
async fn a_graceful_stop_gives_work_back_and_counts_as_no_attempt() {
    let f = Fixture::new().await;
    let id = f.queue(&manual(SITE)).await.id;
    for now in 0..10 {
        assert_eq!(f.lease("w", now).await.map(|d| d.attempts), Some(1));
        assert_eq!(f.store.release("w", now).await.unwrap(), 1);
        assert_eq!(f.status(&id).await, Queued);
        assert_eq!(f.beat(&id, "w", now).await, Heartbeat::Lost);
    }
}

#[tokio::test]
async fn a_graceful_stop_leaves_the_work_of_others_and_what_has_ended() {
    let f = Fixture::new().await;
    let done = f.in_status(SITE, Committed).await;
    f.queue(&manual("main/default/other")).await;
    let others = f.lease("other", 5).await.unwrap().id;

    assert_eq!(f.store.release("w", 6).await.unwrap(), 0);

    assert_eq!(f.status(&done).await, Committed);
    assert_eq!(f.status(&others).await, Building);
}

#[tokio::test]
async fn a_graceful_stop_ends_what_was_asked_to_stop() {
    let f = Fixture::new().await;
    let replaced = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();
    let newer = f.queue(&push(SITE, 2)).await.id;
    let cancelled = f.queue(&manual("main/default/other")).await.id;
    f.lease("w", 1).await.unwrap();
    f.store.cancel(&cancelled, 2).await.unwrap();

    assert_eq!(f.store.release("w", 3).await.unwrap(), 2);

    assert_eq!(f.status(&replaced).await, Superseded);
    assert_eq!(f.status(&cancelled).await, Cancelled);
    assert_eq!(f.get(&cancelled).await.finished_at, Some(3));
    assert_eq!(f.lease("next", 4).await.map(|d| d.id), Some(newer));
}

#[tokio::test]
async fn work_that_was_asked_to_stop_is_taken_over_too_since_its_commit_may_exist() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.cancel(&id, 2).await.unwrap();

    let taken = f.lease("next", 1 + LEASE).await.unwrap();

    assert_eq!((&taken.id, taken.stop_requested), (&id, Some(Stop::Cancelled)));
    assert_eq!(f.beat(&id, "next", 2 + LEASE).await, Heartbeat::Cancelled);
}
