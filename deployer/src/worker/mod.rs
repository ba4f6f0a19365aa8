//! The queue's workers: build an image, commit the release, exactly once.
//!
//! A worker may die at any line. Whoever takes over looks for the deployment's commit first, and the
//! commit is planned on the newest state, so there is never a second one.

mod job;
mod release;

use crate::{Deployer, Refusal, now_ms};
use inkstone_spec::Hold;
use inkstone_store::{Deployment, Finish, Outcome};
use job::Job;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a worker may be silent before another takes its deployment.
const LEASE: Duration = Duration::from_secs(30);
/// How often an idle worker looks for leases that ended.
const IDLE: Duration = Duration::from_secs(5);
/// How long a worker waits after the database failed.
const BACK_OFF: Duration = Duration::from_secs(1);

impl Deployer {
    /// Runs the workers until `stop`; then each gives back what it has and ends.
    pub async fn work(&self, stop: CancellationToken) {
        let mut workers = JoinSet::new();
        for number in 0..self.inner.settings.workers {
            let (deployer, stop) = (self.clone(), stop.clone());
            workers.spawn(async move { deployer.worker(&format!("worker-{number}"), &stop).await });
        }
        while workers.join_next().await.is_some() {}
    }

    async fn worker(&self, owner: &str, stop: &CancellationToken) {
        let store = &self.inner.store;
        // The data directory has one server: a lease under this name is left from before a crash.
        if let Err(error) = store.expire_leases(owner, now_ms()).await {
            tracing::error!(%error, "old leases could not be ended");
        }
        while !stop.is_cancelled() {
            let queued = self.inner.work.notified();
            let cap = self.inner.settings.workspace_cap;
            let pause = match store.lease_next(owner, now_ms(), millis(LEASE), cap).await {
                Ok(Some(deployment)) => {
                    self.run(owner, deployment, stop).await;
                    // Others of the same service may wait for this one to end.
                    self.inner.work.notify_waiters();
                    continue;
                }
                Ok(None) => IDLE,
                Err(error) => {
                    tracing::error!(%error, "the queue could not be read");
                    BACK_OFF
                }
            };
            tokio::select! {
                () = queued => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Works on one deployment to its end, or until it must stop.
    async fn run(&self, owner: &str, deployment: Deployment, stop: &CancellationToken) {
        let store = &self.inner.store;
        let span = tracing::info_span!(
            "deployment", id = %deployment.id, service = %deployment.service, request_id = %deployment.request_id
        );
        let job = Job::new(self.clone(), owner, deployment);
        let outcome = tracing::Instrument::instrument(job.attempt(stop), span.clone()).await;
        let finished = match outcome {
            Ended::With(outcome) => {
                span.in_scope(|| tracing::info!(how = how(&outcome), "ended"));
                store.finish(&job.deployment.id, owner, &outcome, now_ms()).await.map(|finish| {
                    if finish == Finish::Lost {
                        tracing::warn!("another worker has the deployment");
                    }
                })
            }
            Ended::GiveBack => store.release(owner, now_ms()).await.map(drop),
            Ended::Held(hold) => job.put_back(&hold).await,
            Ended::Waits(why) => job.wait(&why).await,
            Ended::Lost => Ok(()),
        };
        if let Err(error) = finished {
            // The lease ends by itself; whoever takes over finds the commit.
            tracing::error!(%error, "the end of a deployment could not be written down");
        }
    }
}

/// How an attempt ended.
enum Ended {
    With(Outcome),
    /// The server stops: somebody else goes on.
    GiveBack,
    /// Its service is on hold: it waits until that is lifted.
    Held(Hold),
    /// What stops it passes: it waits until then.
    Waits(Refusal),
    /// Somebody else has it.
    Lost,
}

/// An outcome in a word, or by the code of what stood against it.
fn how(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Committed { .. } => "committed",
        Outcome::Failed { code, .. } | Outcome::Skipped { code, .. } => code,
        Outcome::Cancelled => "cancelled",
        Outcome::Superseded => "superseded",
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
