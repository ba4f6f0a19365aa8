use crate::support::{Fixture, LEASE, REACHABLE, committed, manual, push, service_ref};
use inkstone_spec::DeploymentId;
use inkstone_spec::DeploymentStatus::{Building, Cancelled, Committed, Queued};
use inkstone_store::{Cancel, Finish, Heartbeat, Outcome, Stop};

const SITE: &str = "main/default/site";

#[tokio::test]
async fn cancelling_depends_on_how_far_it_is() {
    for status in REACHABLE {
        let f = Fixture::new().await;
        let id = f.in_status(SITE, status).await;

        let cancel = f.store.cancel(&id, 50).await.unwrap();

        let (expected, after) = match status {
            Queued => (Cancel::Cancelled, Cancelled),
            Building => (Cancel::Requested, Building),
            ended => (Cancel::TooLate(ended), ended),
        };
        assert_eq!((cancel, f.status(&id).await), (expected, after), "from {status}");
    }
}

#[tokio::test]
async fn an_unknown_deployment_is_not_found() {
    let f = Fixture::new().await;
    let unknown: DeploymentId = manual(SITE).id;
    assert_eq!(f.store.cancel(&unknown, 1).await.unwrap(), Cancel::NotFound);
}

#[tokio::test]
async fn what_waited_is_never_leased_after_it_was_cancelled() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Queued).await;
    f.store.cancel(&id, 5).await.unwrap();

    assert_eq!(f.get(&id).await.finished_at, Some(5));
    assert_eq!(f.lease("w", 6).await, None);
}

#[tokio::test]
async fn a_worker_hears_of_it_and_ends_its_work_cancelled() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.cancel(&id, 5).await.unwrap();

    assert_eq!(f.beat(&id, "w", 6).await, Heartbeat::Cancelled);
    f.store.finish(&id, "w", &Outcome::Cancelled, 7).await.unwrap();
    assert_eq!(f.status(&id).await, Cancelled);
    let late = f.store.finish(&id, "w", &committed(), 8).await.unwrap();
    assert_eq!((late, f.status(&id).await), (Finish::Lost, Cancelled));
}

#[tokio::test]
async fn a_commit_that_was_made_before_the_worker_heard_of_it_is_recorded() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.cancel(&id, 5).await.unwrap();

    f.store.finish(&id, "w", &committed(), 6).await.unwrap();

    assert_eq!(f.status(&id).await, Committed);
    assert_eq!(f.get(&id).await.stop_requested, None);
}

#[tokio::test]
async fn the_first_reason_to_stop_stands() {
    let f = Fixture::new().await;
    let cancelled = f.in_status(SITE, Building).await;
    f.store.cancel(&cancelled, 5).await.unwrap();
    f.queue(&push(SITE, 9)).await;
    assert_eq!(f.get(&cancelled).await.stop_requested, Some(Stop::Cancelled));

    let superseded = f.in_status("main/default/other", Building).await;
    f.queue(&push("main/default/other", 9)).await;
    assert_eq!(f.store.cancel(&superseded, 6).await.unwrap(), Cancel::Requested);
    assert_eq!(f.get(&superseded).await.stop_requested, Some(Stop::Superseded));
}

#[tokio::test]
async fn deleting_a_service_cancels_all_that_is_pending_for_it_and_nothing_else() {
    let f = Fixture::new().await;
    let released = f.in_status(SITE, Committed).await;
    let building = f.in_status(SITE, Building).await;
    let waiting = f.queue(&push(SITE, 9)).await.id;
    let neighbour = f.queue(&manual("main/default/other")).await.id;

    let done = f.store.cancel_service(&service_ref(SITE), 5).await.unwrap();

    assert_eq!((done.cancelled, done.requested), (vec![waiting.clone()], vec![building.clone()]));
    assert_eq!(f.status(&waiting).await, Cancelled);
    assert_eq!(f.beat(&building, "w", 6).await, Heartbeat::Cancelled);
    assert_eq!(f.status(&released).await, Committed);
    assert_eq!(f.status(&neighbour).await, Queued);
    assert_eq!(f.lease("w", LEASE / 2).await.map(|d| d.id), Some(neighbour));
}
