use crate::support::{Fixture, manual, push, service_ref};
use inkstone_spec::DeploymentStatus::{Building, Committed, Queued};
use inkstone_store::{MAX_RECENT, QueueDepth};
use std::collections::BTreeSet;

const SITE: &str = "main/default/site";

#[tokio::test]
async fn the_latest_deployment_is_the_one_queued_last_whatever_the_clock_said() {
    let f = Fixture::new().await;
    f.store.enqueue(&push(SITE, 1), 1_000).await.unwrap();
    let last = push(SITE, 2);
    f.store.enqueue(&last, 500).await.unwrap();
    f.queue(&push("main/default/other", 3)).await;

    let latest = f.store.latest(&service_ref(SITE)).await.unwrap().unwrap();

    assert_eq!(latest.id, last.id);
    assert_eq!(f.store.latest(&service_ref("main/default/none")).await.unwrap(), None);
}

#[tokio::test]
async fn the_recent_ones_come_newest_first_and_bounded() {
    let f = Fixture::new().await;
    let mut ids = Vec::new();
    for number in 0..MAX_RECENT + 5 {
        ids.push(f.queue(&push(SITE, number + 1)).await.id);
    }
    ids.reverse();
    let recent = async |limit| -> Vec<_> {
        let found = f.store.recent(&service_ref(SITE), limit).await.unwrap();
        found.into_iter().map(|d| d.id).collect()
    };

    assert_eq!(recent(3).await, ids[..3]);
    assert_eq!(recent(u32::MAX).await, ids[..100]);
}

#[tokio::test]
async fn a_page_of_services_gets_the_latest_of_each() {
    let f = Fixture::new().await;
    let mut expected = BTreeSet::new();
    let mut services = vec![service_ref("main/default/none")];
    for number in 0..120 {
        let service = format!("main/default/s{number}");
        f.queue(&push(&service, 1)).await;
        let last = f.queue(&push(&service, 2)).await;
        expected.insert((service.clone(), last.service_uid.to_string(), Queued));
        services.push(service_ref(&service));
    }
    f.queue(&push("acme/default/s1", 1)).await;

    let found = f.store.latest_for(&services).await.unwrap();

    let found = found.into_iter();
    let found = found.map(|l| (l.service.to_string(), l.service_uid.to_string(), l.status));
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    assert_eq!(f.store.latest_for(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn the_depth_of_the_queue_is_known() {
    let f = Fixture::new().await;
    let empty = QueueDepth { queued: 0, held: 0, building: 0, oldest_queued_ms: 0 };
    assert_eq!(f.store.queue_depth(5).await.unwrap(), empty);

    f.in_status("main/default/a", Committed).await;
    f.in_status("main/default/b", Building).await;
    f.store.enqueue(&manual("main/default/c"), 300).await.unwrap();
    f.store.enqueue(&manual("main/default/d"), 200).await.unwrap();

    let depth = QueueDepth { queued: 2, held: 0, building: 1, oldest_queued_ms: 800 };
    assert_eq!(f.store.queue_depth(1_000).await.unwrap(), depth);
    assert_eq!(f.store.pending_count(&"main".parse().unwrap()).await.unwrap(), 3);
    assert_eq!(f.store.pending_count(&"acme".parse().unwrap()).await.unwrap(), 0);
}
