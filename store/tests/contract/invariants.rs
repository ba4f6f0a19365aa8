//! Any order of operations, by any worker at any time, keeps the rules of the queue.

use crate::support::{Fixture, LEASE, committed, failed, manual, push, service_ref, skipped};
use inkstone_spec::{DeploymentId, DeploymentStatus};
use inkstone_store::{Deployment, Enqueued, Outcome};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SERVICES: [&str; 4] = ["main/default/a", "main/default/b", "main/shop/a", "acme/default/a"];
const WORKERS: [&str; 3] = ["w0", "w1", "w2"];
const CAP: u32 = 2;

#[derive(Clone, Debug)]
enum Step {
    Push { service: usize, source_commit: u32 },
    Manual { service: usize },
    Lease { worker: usize },
    Heartbeat { worker: usize, nth: usize },
    Finish { worker: usize, nth: usize, outcome: usize },
    Cancel { nth: usize },
    CancelService { service: usize },
    Release { worker: usize },
    Hold { worker: usize, nth: usize },
    Unhold { service: usize },
    UnholdAll,
    Wait { ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (service, worker, nth) = (0..SERVICES.len(), 0..WORKERS.len(), 0..8_usize);
    prop_oneof![
        3 => (service.clone(), 1..4_u32)
            .prop_map(|(service, source_commit)| Step::Push { service, source_commit }),
        2 => service.clone().prop_map(|service| Step::Manual { service }),
        6 => worker.clone().prop_map(|worker| Step::Lease { worker }),
        1 => (worker.clone(), nth.clone())
            .prop_map(|(worker, nth)| Step::Heartbeat { worker, nth }),
        6 => (worker.clone(), nth.clone(), 0..5_usize)
            .prop_map(|(worker, nth, outcome)| Step::Finish { worker, nth, outcome }),
        3 => (worker.clone(), nth.clone())
            .prop_map(|(worker, nth)| Step::Hold { worker, nth }),
        2 => nth.prop_map(|nth| Step::Cancel { nth }),
        1 => service.clone().prop_map(|service| Step::Unhold { service }),
        1 => Just(Step::UnholdAll),
        1 => service.prop_map(|service| Step::CancelService { service }),
        1 => worker.prop_map(|worker| Step::Release { worker }),
        2 => (1..2 * LEASE).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// The queue, and every deployment as it was after the last step.
struct Queue {
    fixture: Fixture,
    now: i64,
    ids: Vec<DeploymentId>,
    last: BTreeMap<DeploymentId, Deployment>,
}

impl Queue {
    async fn take(&mut self, step: Step) {
        let store = &self.fixture.store;
        let recent = |nth: usize| self.ids.iter().rev().nth(nth);
        match step {
            Step::Wait { ms } => self.now += ms,
            Step::Push { service, source_commit } => {
                self.enqueue(&push(SERVICES[service], source_commit)).await;
            }
            Step::Manual { service } => self.enqueue(&manual(SERVICES[service])).await,
            Step::Lease { worker } => {
                store.lease_next(WORKERS[worker], self.now, LEASE, CAP).await.unwrap();
            }
            Step::Heartbeat { worker, nth } => {
                if let Some(id) = recent(nth) {
                    store.heartbeat(id, WORKERS[worker], self.now, LEASE).await.unwrap();
                }
            }
            Step::Finish { worker, nth, outcome } => {
                let outcomes =
                    [committed(), failed(), skipped(), Outcome::Cancelled, Outcome::Superseded];
                if let Some(id) = recent(nth) {
                    store.finish(id, WORKERS[worker], &outcomes[outcome], self.now).await.unwrap();
                }
            }
            Step::Cancel { nth } => {
                if let Some(id) = recent(nth) {
                    store.cancel(id, self.now).await.unwrap();
                }
            }
            Step::CancelService { service } => {
                let service = service_ref(SERVICES[service]);
                store.cancel_service(&service, self.now).await.unwrap();
            }
            Step::Release { worker } => {
                store.release(WORKERS[worker], self.now).await.unwrap();
            }
            Step::Hold { worker, nth } => {
                if let Some(id) = recent(nth) {
                    store.hold(id, WORKERS[worker], "on hold", self.now).await.unwrap();
                }
            }
            Step::Unhold { service } => {
                store.unhold(&service_ref(SERVICES[service])).await.unwrap();
            }
            Step::UnholdAll => {
                store.unhold_all().await.unwrap();
            }
        }
    }

    async fn enqueue(&mut self, new: &inkstone_store::NewDeployment) {
        if let Enqueued::New { deployment, .. } =
            self.fixture.store.enqueue(new, self.now).await.unwrap()
        {
            self.ids.push(deployment.id);
        }
    }

    async fn check(&mut self) {
        let mut all = BTreeMap::new();
        for id in &self.ids {
            all.insert(id.clone(), self.fixture.get(id).await);
        }
        for (id, before) in &self.last {
            allowed(before, &all[id]);
        }
        all.values().for_each(consistent);
        let count = |status: DeploymentStatus, name: &dyn Fn(&Deployment) -> String| {
            let mut counts = BTreeMap::<String, u32>::new();
            for deployment in all.values().filter(|d| d.status == status) {
                *counts.entry(name(deployment)).or_default() += 1;
            }
            counts.into_values().max().unwrap_or_default()
        };
        let service = |d: &Deployment| d.service.to_string();
        for status in
            [DeploymentStatus::Queued, DeploymentStatus::Building, DeploymentStatus::Committed]
        {
            assert!(count(status, &service) <= 1, "two of one service are {status}: {all:#?}");
        }
        let workspace = |d: &Deployment| d.service.workspace.to_string();
        assert!(count(DeploymentStatus::Building, &workspace) <= CAP, "over the cap: {all:#?}");
        self.last = all;
    }
}

/// From each status, only these may follow.
fn allowed(before: &Deployment, after: &Deployment) {
    use DeploymentStatus::{Building, Cancelled, Committed, Failed, Queued, Superseded};
    let next: &[DeploymentStatus] = match before.status {
        Queued => &[Building, Cancelled, Superseded],
        Building => &[Queued, Committed, Failed, Cancelled, Superseded],
        Committed => &[Superseded],
        _ => &[],
    };
    assert!(
        before.status == after.status || next.contains(&after.status),
        "{} became {}: {after:?}",
        before.status,
        after.status
    );
    assert!(before.state_commit.is_none() || before.state_commit == after.state_commit);
    assert!(!before.held || after.status != Building, "held work was leased: {after:?}");
}

/// A row's columns agree with its status.
fn consistent(d: &Deployment) {
    let building = d.status == DeploymentStatus::Building;
    assert_eq!(d.lease_owner.is_some(), building, "{d:?}");
    assert_eq!(d.lease_until.is_some(), building, "{d:?}");
    assert_eq!(d.finished_at.is_none(), d.status.is_pending(), "{d:?}");
    assert!(d.error.is_some() || d.status != DeploymentStatus::Failed, "{d:?}");
    let explained = [DeploymentStatus::Failed, DeploymentStatus::Cancelled];
    assert!(d.error.is_none() || explained.contains(&d.status), "{d:?}");
    assert!(!d.held || d.status == DeploymentStatus::Queued, "{d:?}");
    assert!(d.state_commit.is_some() || d.status != DeploymentStatus::Committed, "{d:?}");
    assert!(building || d.stop_requested.is_none() || !d.status.is_pending(), "{d:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_operations_keeps_the_rules(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let mut queue = Queue { fixture, now: 0, ids: Vec::new(), last: BTreeMap::new() };
            for step in steps {
                queue.take(step).await;
                queue.check().await;
            }
        });
    }
}
