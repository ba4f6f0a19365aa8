use crate::support::{Fixture, NO_CAP, another_life, committed, failed, manual, push};
use inkstone_spec::DeploymentStatus::{Cancelled, Committed, Queued, Superseded};
use inkstone_spec::{Revision, Trigger};
use inkstone_store::{
    Enqueued, Heartbeat, MAX_PENDING_PER_WORKSPACE, NewDeployment, Outcome, OverrideOf, Stop,
    StoreError,
};
use tokio::task::JoinSet;

const SITE: &str = "main/default/site";

#[tokio::test]
async fn a_deployment_comes_back_as_it_was_queued() {
    let f = Fixture::new().await;
    let new = push(SITE, 7);

    let queued = f.queue(&new).await;

    assert_eq!(queued, f.get(&new.id).await);
    assert_eq!(queued.service, new.service);
    assert_eq!(queued.service_uid, new.service_uid);
    assert_eq!(queued.trigger, Trigger::GitPush);
    assert_eq!(queued.actor, new.actor);
    assert_eq!((queued.tool, queued.request_id), (new.tool, new.request_id));
    assert_eq!(queued.revision, new.revision);
    assert_eq!(queued.intent_hash, new.intent_hash);
    assert_eq!((queued.status, queued.attempts), (Queued, 0));
    assert_eq!((queued.lease_owner, queued.started_at, queued.error), (None, None, None));
}

#[tokio::test]
async fn an_override_is_remembered_with_the_release_that_it_holds_for() {
    let f = Fixture::new().await;
    let release = manual(SITE).id;
    for current in [None, Some(release.clone())] {
        let override_of = Some(OverrideOf::from(current.clone()));
        let new = NewDeployment { override_of: override_of.clone(), ..manual(SITE) };
        f.queue(&new).await;

        let leased = f.lease("w", 1).await.unwrap();
        f.store.finish(&leased.id, "w", &committed(), 2).await.unwrap();

        assert_eq!(leased.override_of, override_of);
        let known = leased.override_of.unwrap();
        assert!(known.is(current.as_ref()));
        let another = current.is_none().then_some(&release);
        assert!(!known.is(another), "{known} holds for {another:?}");
    }
    assert_eq!(f.queue(&manual(SITE)).await.override_of, None);
}

#[tokio::test]
async fn an_event_is_work_once() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;
    let duplicate = async || match f.store.enqueue(&push(SITE, 1), 1).await.unwrap() {
        Enqueued::Duplicate(existing) => existing.id,
        Enqueued::New { deployment, .. } => panic!("{} does it twice", deployment.id),
    };

    assert_eq!(duplicate().await, id, "while it waits");
    f.lease("w", 1).await.unwrap();
    assert_eq!(duplicate().await, id, "while it is built");
    f.store.finish(&id, "w", &committed(), 2).await.unwrap();
    assert_eq!(duplicate().await, id, "once it is committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_that_two_processes_receive_many_times_at_once_is_work_once() {
    let f = Fixture::new().await;
    let processes = [f.store.clone(), f.reopen().await];
    for source_commit in 1..=10 {
        let mut deliveries = JoinSet::new();
        for store in processes.iter().cycle().take(12) {
            let store = store.clone();
            let new = push(SITE, source_commit);
            deliveries.spawn(async move { store.enqueue(&new, 0).await.unwrap() });
        }
        let answers = deliveries.join_all().await;
        let new = answers.iter().filter(|answer| matches!(answer, Enqueued::New { .. })).count();
        assert_eq!(new, 1, "{answers:#?}");
    }
}

#[tokio::test]
async fn work_that_failed_or_was_cancelled_may_be_tried_again() {
    for outcome in [failed(), Outcome::Cancelled, Outcome::Superseded] {
        let f = Fixture::new().await;
        let id = f.queue(&push(SITE, 1)).await.id;
        f.lease("w", 1).await.unwrap();
        f.store.finish(&id, "w", &outcome, 2).await.unwrap();

        f.queue(&push(SITE, 1)).await;
    }
}

#[tokio::test]
async fn work_that_was_asked_to_stop_may_be_tried_again() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();
    f.store.cancel(&id, 2).await.unwrap();

    f.queue(&push(SITE, 1)).await;
}

#[tokio::test]
async fn another_commit_intent_life_or_an_explicit_call_is_new_work() {
    let others: [fn(NewDeployment) -> NewDeployment; 4] = [
        |_| push(SITE, 2),
        |new| NewDeployment { intent_hash: "intent-2".into(), ..new },
        |new| NewDeployment { service_uid: another_life(), ..new },
        |new| NewDeployment { trigger: Trigger::Manual, ..new },
    ];
    for other in others {
        let f = Fixture::new().await;
        f.queue(&push(SITE, 1)).await;
        f.queue(&other(push(SITE, 1))).await;
    }
}

#[tokio::test]
async fn an_image_is_queued_without_a_branch_and_is_other_work_than_a_commit() {
    let f = Fixture::new().await;
    f.queue(&push(SITE, 1)).await;
    let image = format!("registry.example.com/team/app@sha256:{}", "a".repeat(64));
    let revision = Revision::Image(image.parse().unwrap());
    let new = NewDeployment { revision: revision.clone(), ..push(SITE, 1) };
    assert_eq!(f.queue(&new).await.revision, revision);
    let again = NewDeployment { revision, ..push(SITE, 2) };
    let answer = f.store.enqueue(&again, 0).await.unwrap();
    assert!(matches!(answer, Enqueued::Duplicate(same) if same.id == new.id));
}

#[tokio::test]
async fn going_back_to_an_older_commit_is_new_work() {
    let f = Fixture::new().await;
    for source_commit in [1, 2] {
        let id = f.queue(&push(SITE, source_commit)).await.id;
        f.lease("w", 1).await.unwrap();
        f.store.finish(&id, "w", &committed(), 2).await.unwrap();
    }

    f.queue(&push(SITE, 1)).await;
}

#[tokio::test]
async fn a_newer_deployment_supersedes_what_waits_and_stops_what_is_built() {
    let f = Fixture::new().await;
    let building = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();
    let waiting = f.queue(&push(SITE, 2)).await.id;
    let neighbour = f.queue(&push("main/default/other", 2)).await.id;

    let Enqueued::New { deployment, superseded } =
        f.store.enqueue(&push(SITE, 3), 5).await.unwrap()
    else {
        panic!("a new commit is new work");
    };

    assert_eq!(superseded, std::slice::from_ref(&waiting), "the one being built was asked before");
    assert_eq!(f.get(&waiting).await.finished_at, Some(5));
    assert_eq!(f.status(&waiting).await, Superseded);
    assert_eq!(f.get(&building).await.stop_requested, Some(Stop::Superseded));
    assert_eq!(f.beat(&building, "w", 6).await, Heartbeat::Superseded);
    assert_eq!(f.status(&deployment.id).await, Queued);
    assert_eq!(f.status(&neighbour).await, Queued);
}

#[tokio::test]
async fn what_is_built_is_named_when_it_is_asked_to_stop() {
    let f = Fixture::new().await;
    let building = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();

    let enqueued = f.store.enqueue(&push(SITE, 2), 2).await.unwrap();

    assert!(
        matches!(&enqueued, Enqueued::New { superseded, .. } if *superseded == [building]),
        "{enqueued:?}"
    );
}

#[tokio::test]
async fn a_duplicate_supersedes_nothing() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;

    f.store.enqueue(&push(SITE, 1), 1).await.unwrap();

    assert_eq!(f.status(&id).await, Queued);
}

#[tokio::test]
async fn a_commit_takes_the_place_of_the_one_before() {
    let f = Fixture::new().await;
    let first = f.in_status(SITE, Committed).await;
    let neighbour = f.in_status("main/default/other", Committed).await;
    let second = f.in_status(SITE, Committed).await;

    assert_eq!(f.status(&first).await, Superseded);
    assert!(f.get(&first).await.state_commit.is_some(), "its commit is still known");
    assert_eq!(f.status(&second).await, Committed);
    assert_eq!(f.status(&neighbour).await, Committed);
}

#[tokio::test]
async fn a_failure_leaves_the_one_before_in_its_place() {
    let f = Fixture::new().await;
    let first = f.in_status(SITE, Committed).await;
    f.in_status(SITE, inkstone_spec::DeploymentStatus::Failed).await;

    assert_eq!(f.status(&first).await, Committed);
}

#[tokio::test]
async fn a_full_workspace_is_refused_and_nothing_is_changed() {
    let f = Fixture::new().await;
    for number in 0..MAX_PENDING_PER_WORKSPACE {
        f.queue(&manual(&format!("main/default/s{number}"))).await;
    }
    let refused = manual("main/default/one-more");

    let error = f.store.enqueue(&refused, 1).await.unwrap_err();

    assert_eq!(error.code(), "queue_full");
    assert!(matches!(error, StoreError::QueueFull { .. }), "{error}");
    assert_eq!(f.store.deployment(&refused.id).await.unwrap(), None);
    let main = "main".parse().unwrap();
    assert_eq!(f.store.pending_count(&main).await.unwrap(), MAX_PENDING_PER_WORKSPACE);

    f.queue(&manual("main/default/s0")).await;
    f.queue(&manual("acme/default/site")).await;
    let leased = f.store.lease_next("w", 1, 1, NO_CAP).await.unwrap().unwrap();
    f.store.finish(&leased.id, "w", &failed(), 1).await.unwrap();
    f.queue(&refused).await;
}

#[tokio::test]
async fn a_cancelled_deployment_keeps_its_status_when_a_newer_one_comes() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;
    f.store.cancel(&id, 1).await.unwrap();

    f.queue(&push(SITE, 2)).await;

    assert_eq!(f.status(&id).await, Cancelled);
}
