use crate::support::{Fixture, committed, failed, manual, push, service_ref};
use inkstone_spec::{DeploymentId, DeploymentStatus};
use inkstone_store::{DEPLOYMENT_RETENTION_MS, KEPT_DEPLOYMENTS, Outcome};

const SITE: &str = "main/default/site";
/// When what ended at 0 is too old.
const LATER: i64 = DEPLOYMENT_RETENTION_MS + 1;

/// A deployment of `service` that ended so at `now`.
async fn ended(f: &Fixture, service: &str, outcome: &Outcome, now: i64) -> DeploymentId {
    let id = f.queue(&manual(service)).await.id;
    f.lease("w", now).await.unwrap();
    f.store.finish(&id, "w", outcome, now).await.unwrap();
    id
}

async fn exists(f: &Fixture, id: &DeploymentId) -> bool {
    f.store.deployment(id).await.unwrap().is_some()
}

#[tokio::test]
async fn old_deployments_go_beyond_the_newest_of_their_service_with_their_logs() {
    let f = Fixture::new().await;
    let mut ids = Vec::new();
    for _ in 0..KEPT_DEPLOYMENTS + 3 {
        ids.push(ended(&f, SITE, &failed(), 0).await);
    }
    f.store.append_log(&ids[0], &["said late".into()], LATER).await.unwrap();
    let neighbour = ended(&f, "main/default/other", &failed(), 0).await;

    f.store.purge_expired(DEPLOYMENT_RETENTION_MS).await.unwrap();
    assert!(exists(&f, &ids[0]).await, "its time is not over");
    f.store.purge_expired(LATER).await.unwrap();

    for (number, id) in ids.iter().enumerate() {
        assert_eq!(exists(&f, id).await, number >= 3, "number {number}");
    }
    assert_eq!(f.store.log_tail(&ids[0], 10).await.unwrap(), []);
    assert!(exists(&f, &neighbour).await, "the newest of its service");
    assert_eq!(f.store.purge_expired(LATER).await.unwrap(), 0);
}

#[tokio::test]
async fn young_pending_and_present_deployments_stay_however_many_there_are() {
    let f = Fixture::new().await;
    let present = ended(&f, SITE, &committed(), 0).await;
    let young = ended(&f, SITE, &failed(), LATER).await;
    for _ in 0..KEPT_DEPLOYMENTS + 3 {
        ended(&f, SITE, &failed(), 0).await;
    }
    let waiting = f.queue(&push(SITE, 2)).await.id;

    assert!(f.store.purge_expired(LATER).await.unwrap() > 0);

    for id in [&present, &young, &waiting] {
        assert!(exists(&f, id).await, "{id}");
    }
    let latest = f.store.latest(&service_ref(SITE)).await.unwrap().unwrap();
    assert_eq!((latest.id, latest.status), (waiting, DeploymentStatus::Queued));
}
