use crate::support::{Fixture, manual};
use inkstone_spec::DeploymentId;
use inkstone_spec::DeploymentStatus::{Building, Committed};
use inkstone_store::{
    LOG_RETENTION_MS, LogLine, MAX_LOG_LINE_BYTES, MAX_LOG_LINES, MAX_LOG_TAIL, StoreError,
};

const SITE: &str = "main/default/site";

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

async fn tail(f: &Fixture, id: &DeploymentId, lines: u32) -> Vec<String> {
    f.store.log_tail(id, lines).await.unwrap().into_iter().map(|line| line.text).collect()
}

#[tokio::test]
async fn a_log_is_read_from_its_end_oldest_line_first() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    let other = f.in_status("main/default/other", Building).await;
    f.store.append_log(&id, &numbered(0..3), 10).await.unwrap();
    f.store.append_log(&other, &["elsewhere".into()], 15).await.unwrap();
    f.store.append_log(&id, &numbered(3..5), 20).await.unwrap();

    assert_eq!(tail(&f, &id, 3).await, numbered(2..5));
    assert_eq!(tail(&f, &id, 500).await, numbered(0..5));
    let last = f.store.log_tail(&id, 1).await.unwrap();
    assert_eq!(last, [LogLine { at: 20, text: "line 4".into() }]);
}

#[tokio::test]
async fn one_read_returns_at_most_five_hundred_lines() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.append_log(&id, &numbered(0..600), 0).await.unwrap();

    assert_eq!(MAX_LOG_TAIL, 500);
    assert_eq!(tail(&f, &id, u32::MAX).await, numbered(100..600));
}

#[tokio::test]
async fn a_full_log_says_so_in_its_last_line() {
    let f = Fixture::new().await;
    for batch in [MAX_LOG_LINES + 100, MAX_LOG_LINES, MAX_LOG_LINES / 2, 700] {
        let id = f.queue(&manual(SITE)).await.id;
        for at in 0..=MAX_LOG_LINES / batch {
            f.store.append_log(&id, &numbered(at * batch..(at + 1) * batch), 0).await.unwrap();
        }

        let last = tail(&f, &id, 2).await;
        assert_eq!(last[0], format!("line {}", MAX_LOG_LINES - 2), "in batches of {batch}");
        assert!(last[1].contains("full"), "{last:?} in batches of {batch}");

        f.store.append_log(&id, &["more".into()], 0).await.unwrap();
        assert_eq!(tail(&f, &id, 2).await, last);
    }
}

#[tokio::test]
async fn a_long_line_is_cut_and_marked() {
    let f = Fixture::new().await;
    let id = f.in_status(SITE, Building).await;
    f.store.append_log(&id, &["é".repeat(100_000)], 0).await.unwrap();

    let line = tail(&f, &id, 1).await.remove(0);

    assert!(line.len() <= MAX_LOG_LINE_BYTES && line.ends_with("é…"), "{} bytes", line.len());
}

#[tokio::test]
async fn a_log_needs_its_deployment() {
    let f = Fixture::new().await;
    let unknown = manual(SITE).id;

    let error = f.store.append_log(&unknown, &["hello".into()], 0).await.unwrap_err();

    assert!(matches!(error, StoreError::UnknownDeployment(_)), "{error}");
    assert_eq!(tail(&f, &unknown, 10).await, [""; 0]);
}

#[tokio::test]
async fn logs_are_kept_for_thirty_days_after_the_end() {
    let f = Fixture::new().await;
    let ended = f.in_status(SITE, Committed).await;
    let building = f.in_status("main/default/other", Building).await;
    for id in [&ended, &building] {
        f.store.append_log(id, &numbered(0..2), 2).await.unwrap();
    }

    assert_eq!(f.store.purge_expired(2 + LOG_RETENTION_MS).await.unwrap(), 0);
    assert_eq!(f.store.purge_expired(3 + LOG_RETENTION_MS).await.unwrap(), 2);

    assert_eq!(tail(&f, &ended, 10).await, [""; 0]);
    assert_eq!(tail(&f, &building, 10).await, numbered(0..2));
}
