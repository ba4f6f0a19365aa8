use crate::support::{Fixture, LEASE, committed, manual, push, service_ref};
use inkstone_spec::DeploymentStatus::{Building, Cancelled, Committed, Queued, Superseded};
use inkstone_store::{Enqueued, Finish, QueueDepth, Stop};

const SITE: &str = "main/default/site";
const OTHER: &str = "main/default/other";

#[tokio::test]
async fn what_is_held_waits_says_why_and_is_leased_to_nobody() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;

    let held = f.store.hold(&id, "w", "on hold: audit", 5).await.unwrap();

    assert_eq!(held, Finish::Recorded);
    let found = f.get(&id).await;
    assert_eq!((found.status, found.held, found.step.as_str()), (Queued, true, "on hold: audit"));
    assert_eq!((found.lease_owner, found.started_at, found.attempts), (None, None, 0));
    assert_eq!(f.lease("w", 6 + LEASE).await, None);
}

#[tokio::test]
async fn what_is_held_keeps_no_other_service_waiting() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.hold(&id, "w", "on hold", 5).await.unwrap();
    let other = f.queue(&manual(OTHER)).await.id;

    assert_eq!(f.lease("w", 6).await.map(|d| d.id), Some(other));
}

#[tokio::test]
async fn once_un_held_it_is_leased_as_if_nothing_had_been() {
    let f = Fixture::new().await;
    for attempt in 0..20 {
        let id = f.in_status(SITE, Building).await;
        f.store.hold(&id, "w", "on hold", 5).await.unwrap();
        let done = match attempt % 2 {
            0 => f.store.unhold(&service_ref(SITE)).await.unwrap(),
            _ => f.store.unhold_all().await.unwrap(),
        };
        assert_eq!(done, 1);
        let leased = f.lease("w", 6).await.unwrap();
        assert_eq!((&leased.id, leased.attempts, leased.step.as_str()), (&id, 1, ""));
        assert!(!leased.held);
        f.store.finish(&id, "w", &committed(), 7).await.unwrap();
    }
}

#[tokio::test]
async fn lifting_one_hold_leaves_others_and_what_waits_anyway() {
    let f = Fixture::new().await;
    for service in [SITE, OTHER, "acme/default/site"] {
        let id = f.in_status(service, Building).await;
        f.store.hold(&id, "w", "on hold", 5).await.unwrap();
    }
    f.queue(&manual("main/default/third")).await;

    assert_eq!(f.store.unhold(&service_ref(SITE)).await.unwrap(), 1);
    assert_eq!(f.store.unhold(&service_ref(SITE)).await.unwrap(), 0);
    assert_eq!(f.store.unhold_all().await.unwrap(), 2);
    assert_eq!(f.store.unhold_all().await.unwrap(), 0);
}

#[tokio::test]
async fn a_newer_deployment_supersedes_what_is_held() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.hold(&id, "w", "on hold", 5).await.unwrap();

    let enqueued = f.store.enqueue(&push(SITE, 9), 6).await.unwrap();

    let Enqueued::New { deployment, superseded } = enqueued else { panic!("it is new work") };
    assert_eq!(superseded, std::slice::from_ref(&id));
    let old = f.get(&id).await;
    assert_eq!((old.status, old.held, old.finished_at), (Superseded, false, Some(6)));
    assert!(!deployment.held, "a worker looks at the hold for itself");
    assert_eq!(f.lease("w", 7).await.map(|d| d.id), Some(deployment.id));
}

#[tokio::test]
async fn what_is_held_can_be_cancelled() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.hold(&id, "w", "on hold", 5).await.unwrap();

    f.store.cancel(&id, 6).await.unwrap();

    let ended = f.get(&id).await;
    assert_eq!((ended.status, ended.held), (Cancelled, false));
    assert_eq!(f.store.unhold_all().await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_asked_to_stop_ends_rather_than_being_held() {
    let f = Fixture::new().await;
    let replaced = f.in_status(SITE, Building).await;
    let newer = f.queue(&push(SITE, 9)).await.id;

    assert_eq!(f.store.hold(&replaced, "w", "on hold", 5).await.unwrap(), Finish::Recorded);

    let ended = f.get(&replaced).await;
    assert_eq!((ended.status, ended.held, ended.finished_at), (Superseded, false, Some(5)));
    assert_eq!(ended.stop_requested, Some(Stop::Superseded));
    assert_eq!(f.lease("w", 6).await.map(|d| d.id), Some(newer));
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_holds_nothing() {
    let f = Fixture::new().await;
    let done = f.in_status(OTHER, Committed).await;
    let building = f.in_status(SITE, Building).await;
    for (id, owner) in [(&building, "other"), (&done, "w")] {
        let before = f.get(id).await;
        assert_eq!(f.store.hold(id, owner, "on hold", 5).await.unwrap(), Finish::Lost);
        assert_eq!(f.get(id).await, before);
    }
}

#[tokio::test]
async fn an_event_that_is_held_is_work_once() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();
    f.store.hold(&id, "w", "on hold", 2).await.unwrap();

    let again = f.store.enqueue(&push(SITE, 1), 3).await.unwrap();

    assert!(matches!(&again, Enqueued::Duplicate(d) if d.id == id), "{again:?}");
}

#[tokio::test]
async fn what_is_held_does_not_look_like_a_queue_that_nobody_serves() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.hold(&id, "w", "on hold", 5).await.unwrap();

    let depth = QueueDepth { queued: 0, held: 1, building: 0, oldest_queued_ms: 0 };
    assert_eq!(f.store.queue_depth(1_000_000).await.unwrap(), depth);
    assert_eq!(f.store.pending_count(&"main".parse().unwrap()).await.unwrap(), 1);
}
