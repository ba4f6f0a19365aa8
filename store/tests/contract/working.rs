use crate::support::{Fixture, REACHABLE, commit, committed, failed, manual, push, skipped};
use inkstone_spec::DeploymentStatus::{Building, Cancelled, Committed, Failed};
use inkstone_spec::Digest;
use inkstone_store::{Finish, Heartbeat, Outcome};

const SITE: &str = "main/default/site";

#[tokio::test]
async fn a_commit_is_recorded_with_its_image() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;

    let finish = f.store.finish(&id, "w", &committed(), 9).await.unwrap();

    let done = f.get(&id).await;
    assert_eq!(finish, Finish::Recorded);
    assert_eq!((done.status, done.finished_at), (Committed, Some(9)));
    assert_eq!(done.state_commit, Some(commit(0xfeed)));
    assert_eq!(done.image, Some(Digest::of(b"image")));
    assert_eq!((done.lease_owner, done.lease_until, done.error), (None, None, None));
}

#[tokio::test]
async fn a_failure_is_recorded_with_what_to_do_next() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Failed).await;

    let error = f.get(&id).await.error.unwrap();

    assert_eq!(error.code, "no_index");
    assert_eq!(error.message, "There is no index.html.");
    assert_eq!(error.suggestion, "Set publish_directory.");
}

#[tokio::test]
async fn what_is_skipped_ends_cancelled_says_why_and_may_be_asked_for_again() {
    let f = Fixture::new().await;
    let id = f.queue(&push(SITE, 1)).await.id;
    f.lease("w", 1).await.unwrap();

    f.store.finish(&id, "w", &skipped(), 2).await.unwrap();

    let done = f.get(&id).await;
    assert_eq!((done.status, done.finished_at), (Cancelled, Some(2)));
    let error = done.error.unwrap();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("reverted", "This commit was undone.")
    );
    assert_eq!(error.suggestion, "Push a newer one.");
    f.queue(&push(SITE, 1)).await;
}

#[tokio::test]
async fn an_endless_error_message_is_cut() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    let outcome = Outcome::Failed {
        code: "build_failed".into(),
        message: "x".repeat(1_000_000),
        suggestion: "Shorten it.".into(),
    };
    f.store.finish(&id, "w", &outcome, 2).await.unwrap();

    let message = f.get(&id).await.error.unwrap().message;

    assert!(message.len() <= 4_000 && message.ends_with('…'), "{} bytes", message.len());
}

#[tokio::test]
async fn a_step_is_shown_while_it_lasts() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;

    assert_eq!(f.store.progress(&id, "w", "pushing image").await.unwrap(), Heartbeat::Continue);
    assert_eq!(f.get(&id).await.step, "pushing image");
    assert_eq!(f.store.progress(&id, "other", "mine").await.unwrap(), Heartbeat::Lost);
    assert_eq!(f.get(&id).await.step, "pushing image");
}

#[tokio::test]
async fn a_step_tells_the_worker_that_it_was_cancelled() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.cancel(&id, 2).await.unwrap();

    let next = f.store.progress(&id, "w", "pushing image").await.unwrap();

    assert_eq!(next, Heartbeat::Cancelled);
}

#[tokio::test]
async fn what_has_ended_never_changes_by_a_late_report() {
    for status in REACHABLE.into_iter().filter(|status| *status != Building) {
        for outcome in [committed(), failed(), skipped(), Outcome::Cancelled, Outcome::Superseded] {
            let f = Fixture::new().await;
            let id = f.in_status(SITE, status).await;
            let before = f.get(&id).await;

            let finish = f.store.finish(&id, "w", &outcome, 100).await.unwrap();

            assert_eq!(finish, Finish::Lost, "{outcome:?} after {status}");
            assert_eq!(f.beat(&id, "w", 100).await, Heartbeat::Lost);
            assert_eq!(f.store.progress(&id, "w", "late").await.unwrap(), Heartbeat::Lost);
            assert_eq!(f.get(&id).await, before, "{outcome:?} after {status}");
        }
    }
}

#[tokio::test]
async fn a_late_commit_report_leaves_the_service_s_present_one_in_place() {
    let f = Fixture::new().await;
    let present = f.in_status(SITE, Committed).await;
    let id = f.queue(&manual(SITE)).await.id;
    f.store.cancel(&id, 3).await.unwrap();

    f.store.finish(&id, "w", &committed(), 4).await.unwrap();

    assert_eq!(f.status(&present).await, Committed);
}
