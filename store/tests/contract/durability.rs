use crate::support::{Fixture, LEASE, NO_CAP, committed, manual};
use inkstone_spec::{DeploymentId, DeploymentStatus};
use inkstone_store::Store;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Set in the process that is to be killed: the database that it works on.
const VICTIM: &str = "INKSTONE_STORE_TEST_VICTIM";
/// What stands before an id whose commit was reported as recorded.
const RECORDED: &str = "recorded:";

/// The test runs itself in a second process, which works through deployments until it is killed.
#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    if let Some(path) = std::env::var_os(VICTIM) {
        work_until_killed(Path::new(&path)).await;
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("inkstone.db");
    let mut recorded = Vec::new();
    for kill_after in [1, 7, 40] {
        recorded.extend(run_and_kill(&path, kill_after));
        let store = Store::open(&path).await.unwrap();
        for id in &recorded {
            let found = store.deployment(id).await.unwrap().expect("it was answered");
            let ended = [DeploymentStatus::Committed, DeploymentStatus::Superseded];
            assert!(ended.contains(&found.status) && found.state_commit.is_some(), "{found:?}");
        }
        let depth = store.queue_depth(0).await.unwrap();
        assert!(depth.queued + depth.building <= 1, "one at most was cut short: {depth:?}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_in_the_middle_leaves_all_or_nothing() {
    let f = Fixture::new().await;
    let mut abandoned = 0;
    for patience in 0..100 {
        let new = manual("main/default/site");
        let (store, id) = (f.store.clone(), new.id.clone());
        let call = tokio::spawn(async move { store.enqueue(&new, 0).await.map(|_| ()) });
        for _ in 0..patience {
            tokio::task::yield_now().await;
        }
        call.abort();
        abandoned += u32::from(call.await.is_err());
        let next = f.queue(&manual("main/default/site")).await;
        if let Some(before) = f.store.deployment(&id).await.unwrap() {
            assert_eq!(before.status, DeploymentStatus::Superseded);
        }
        assert_eq!(f.status(&next.id).await, DeploymentStatus::Queued);
    }
    assert!(abandoned > 0, "no call was cut short");
    assert_eq!(f.store.pending_count(&"main".parse().unwrap()).await.unwrap(), 1);
}

async fn work_until_killed(path: &Path) -> ! {
    let store = Store::open(path).await.unwrap();
    store.expire_leases("w", 0).await.unwrap();
    loop {
        store.enqueue(&manual("main/default/site"), 0).await.unwrap();
        let leased = store.lease_next("w", 0, LEASE, NO_CAP).await.unwrap().unwrap();
        store.finish(&leased.id, "w", &committed(), 0).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "\n{RECORDED}{}", leased.id).and_then(|()| out.flush()).unwrap();
    }
}

/// The ids that the process reported before it was killed.
fn run_and_kill(path: &Path, kill_after: usize) -> Vec<DeploymentId> {
    let test = "durability::a_kill_at_any_moment_loses_nothing_that_was_answered";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut ids: Vec<_> =
        lines.by_ref().filter_map(|line| recorded(&line)).take(kill_after).collect();
    assert_eq!(ids.len(), kill_after, "the process ended before it was killed");
    victim.kill().unwrap();
    victim.wait().unwrap();
    ids.extend(lines.filter_map(|line| recorded(&line)));
    ids
}

/// The id in a line; none if the line is another one or was cut short.
fn recorded(line: &str) -> Option<DeploymentId> {
    line.strip_prefix(RECORDED).and_then(|id| id.parse().ok())
}
