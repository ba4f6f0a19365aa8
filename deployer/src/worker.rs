//! The queue's workers: build an image, commit the release, exactly once.
//!
//! A worker may die at any line. Whoever takes over looks for the deployment's commit first, and the
//! commit is planned on the newest state, so there is never a second one.

use crate::source::GitTree;
use crate::{Deployer, Refusal, now_ms};
use inkstone_builder::{BuildError, BuildRequest, BuiltImage};
use inkstone_spec::{CommitId, Release, RepoRef};
use inkstone_state::{
    Action as StateAction, Message, Proposal, ServiceFiles, Snapshot, Tool, history, plan,
};
use inkstone_store::{Deployment, Finish, Heartbeat, Outcome, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a worker may be silent before another takes its deployment.
const LEASE: Duration = Duration::from_secs(30);
/// How often a worker says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often an idle worker looks for leases that ended.
const IDLE: Duration = Duration::from_secs(5);
/// How long a worker waits after the database failed.
const BACK_OFF: Duration = Duration::from_secs(1);
/// How long one build may take.
const BUILD_TIMEOUT: Duration = Duration::from_mins(10);
/// How many log lines are written at a time.
const LOG_BATCH: usize = 100;

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
        let job = Job {
            deployer: self.clone(),
            owner: owner.to_owned(),
            deployment,
            cancel: Arc::default(),
        };
        let outcome = tracing::Instrument::instrument(job.attempt(stop), span.clone()).await;
        let finished = match outcome {
            Ended::With(outcome) => {
                span.in_scope(|| tracing::info!(?outcome, "ended"));
                store.finish(&job.deployment.id, owner, &outcome, now_ms()).await.map(|finish| {
                    if finish == Finish::Lost {
                        tracing::warn!("another worker has the deployment");
                    }
                })
            }
            Ended::GiveBack => store.release(owner, now_ms()).await.map(drop),
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
    /// Somebody else has it.
    Lost,
}

struct Job {
    deployer: Deployer,
    owner: String,
    deployment: Deployment,
    /// Asks the build to stop.
    cancel: Arc<AtomicBool>,
}

impl Job {
    async fn attempt(&self, stop: &CancellationToken) -> Ended {
        if self.deployment.attempts > 1 {
            match self.committed_before().await {
                Ok(Some(outcome)) => return Ended::With(outcome),
                Ok(None) => {}
                Err(refusal) => return failed(refusal),
            }
        }
        let files = match self.service().await {
            Ok(Some(files)) => files,
            Ok(None) => return Ended::With(Outcome::Cancelled),
            Err(refusal) => return failed(refusal),
        };
        if let Some(ended) = self.say("building").await {
            return ended;
        }
        let image = tokio::select! {
            image = self.build(&files) => image,
            ended = self.watch() => return self.stopped(ended),
            () = stop.cancelled() => return self.stopped(Ended::GiveBack),
            () = tokio::time::sleep(BUILD_TIMEOUT) => return self.stopped(timed_out()),
        };
        let image = match image {
            Ok(image) => image,
            Err(refusal) => {
                self.log(&format!("failed: {refusal}")).await;
                return failed(refusal);
            }
        };
        if let Some(ended) = self.say("committing").await {
            return ended;
        }
        match self.commit(&image).await {
            Ok(Some(state_commit)) => {
                tracing::info!(%state_commit, "the state repo has the release");
                self.log(&format!("committed as {state_commit}")).await;
                Ended::With(Outcome::Committed { state_commit, image: image.digest })
            }
            Ok(None) => Ended::With(Outcome::Cancelled),
            Err(refusal) => {
                self.log(&format!("failed: {refusal}")).await;
                failed(refusal)
            }
        }
    }

    /// Tells what is being done; `Some` when it must stop instead.
    async fn say(&self, step: &str) -> Option<Ended> {
        tracing::info!(step, "working");
        let store = &self.deployer.inner.store;
        ended(store.progress(&self.deployment.id, &self.owner, step).await)
    }

    /// Says that the worker is alive until it must stop.
    async fn watch(&self) -> Ended {
        let store = &self.deployer.inner.store;
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let id = &self.deployment.id;
            let beat = store.heartbeat(id, &self.owner, now_ms(), millis(LEASE)).await;
            if let Some(ended) = ended(beat) {
                return ended;
            }
        }
    }

    fn stopped(&self, ended: Ended) -> Ended {
        self.cancel.store(true, Ordering::Relaxed);
        ended
    }

    /// The service, unless it was deleted or is another one under the same name.
    async fn service(&self) -> Result<Option<ServiceFiles>, Refusal> {
        let (name, uid) = (self.deployment.service.clone(), self.deployment.service_uid.clone());
        self.deployer
            .with_state(move |state| {
                Ok(state.main()?.service(&name)?.filter(|f| f.service.metadata.uid == uid))
            })
            .await
    }

    /// What an earlier worker committed and could not write down.
    async fn committed_before(&self) -> Result<Option<Outcome>, Refusal> {
        let deployment = self.deployment.clone();
        self.deployer
            .with_state(move |state| {
                let since = jiff::Timestamp::from_millisecond(deployment.created_at)
                    .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                let head = state.main()?;
                let Some(found) = history::find_deployment(&head, &deployment.id, since)? else {
                    return Ok(None);
                };
                let release = state
                    .at(&found)?
                    .service(&deployment.service)?
                    .and_then(|files| files.service.release.clone());
                Ok(release.map(|release| Outcome::Committed {
                    state_commit: found,
                    image: release.image,
                }))
            })
            .await
    }

    async fn build(&self, files: &ServiceFiles) -> Result<BuiltImage, Refusal> {
        let inner = &self.deployer.inner;
        let repo = RepoRef {
            workspace: self.deployment.service.workspace.clone(),
            repo: self.deployment.source.repo.clone(),
        };
        let git_dir = inner.repos.path(&repo);
        let (builder, cancel) = (Arc::clone(&inner.builder), Arc::clone(&self.cancel));
        let (deployment, spec) = (self.deployment.clone(), files.service.spec.build.clone());
        let (lines, written) = self.log_writer();
        let built = tokio::task::spawn_blocking(move || -> Result<BuiltImage, Refusal> {
            let commit = &deployment.source_commit;
            let origin = format!("inkstone/{repo}");
            let source = GitTree::open(&git_dir, commit)
                .map_err(|source| BuildError::Source { path: repo.to_string(), source })?;
            let request = BuildRequest {
                service: &deployment.service,
                build: &spec,
                source: &source,
                commit,
                origin: &origin,
            };
            // A closed channel means that nobody reads the log any more: the build is being stopped.
            let mut log = |line: &str| drop(lines.send(line.to_owned()));
            let image = builder.build(&request, &mut log, &|| cancel.load(Ordering::Relaxed))?;
            Ok(image)
        })
        .await
        .map_err(|error| Refusal::internal("the build ended early", &error))?;
        written.await.map_err(|error| Refusal::internal("the log writer ended early", &error))?;
        built
    }

    /// A channel whose lines go to the deployment's log in batches.
    fn log_writer(&self) -> (mpsc::UnboundedSender<String>, tokio::task::JoinHandle<()>) {
        let (sender, mut receiver) = mpsc::unbounded_channel::<String>();
        let (store, id) = (self.deployer.inner.store.clone(), self.deployment.id.clone());
        let writer = tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, LOG_BATCH).await > 0 {
                if let Err(error) = store.append_log(&id, &batch, now_ms()).await {
                    tracing::error!(%error, "log lines were lost");
                }
                batch.clear();
            }
        });
        (sender, writer)
    }

    async fn log(&self, line: &str) {
        let store = &self.deployer.inner.store;
        let lines = [line.to_owned()];
        if let Err(error) = store.append_log(&self.deployment.id, &lines, now_ms()).await {
            tracing::error!(%error, "a log line was lost");
        }
    }

    /// Commits the release; `None` if the service is gone by now.
    async fn commit(&self, image: &BuiltImage) -> Result<Option<CommitId>, Refusal> {
        let (deployment, image) = (self.deployment.clone(), image.clone());
        self.deployer
            .with_state(move |state| {
                let gone = AtomicBool::new(false);
                let plan = |snapshot: &Snapshot| {
                    let files = snapshot
                        .service(&deployment.service)?
                        .filter(|f| f.service.metadata.uid == deployment.service_uid);
                    gone.store(files.is_none(), Ordering::Relaxed);
                    let Some(files) = files else { return Ok(None) };
                    let current = files.service.release.as_ref().map(|r| &r.deployment);
                    if current == Some(&deployment.id) {
                        return Ok(None);
                    }
                    propose(snapshot, &files, &deployment, &image).map(Some)
                };
                let committed =
                    state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)?;
                Ok((!gone.load(Ordering::Relaxed)).then_some(committed.commit))
            })
            .await
    }
}

fn propose(
    snapshot: &Snapshot,
    files: &ServiceFiles,
    deployment: &Deployment,
    image: &BuiltImage,
) -> Result<Proposal, Refusal> {
    let cluster = snapshot
        .cluster(&files.region)?
        .ok_or_else(|| Refusal::internal("a region has no cluster", &files.region))?;
    let release = Release {
        deployment: deployment.id.clone(),
        source_commit: deployment.source_commit.clone(),
        image: image.digest.clone(),
        port: image.port,
        user: image.user,
        templates: cluster.spec.templates.clone(),
    };
    Ok(Proposal {
        message: Message {
            action: StateAction::Deploy {
                service: deployment.service.clone(),
                deployment: deployment.id.clone(),
                source_repo: RepoRef {
                    workspace: deployment.service.workspace.clone(),
                    repo: deployment.source.repo.clone(),
                },
                source_commit: deployment.source_commit.clone(),
                image: image.digest.clone(),
            },
            actor: deployment.actor.clone(),
            tool: Tool::parse(&deployment.tool)?,
        },
        edits: plan::deploy(snapshot, &deployment.service, release)?,
    })
}

/// What a report's answer means; `None`: go on.
fn ended(answer: Result<Heartbeat, StoreError>) -> Option<Ended> {
    match answer {
        Ok(Heartbeat::Continue) => None,
        Ok(Heartbeat::Cancelled) => Some(Ended::With(Outcome::Cancelled)),
        Ok(Heartbeat::Superseded) => Some(Ended::With(Outcome::Superseded)),
        Ok(Heartbeat::Lost) => Some(Ended::Lost),
        Err(error) => {
            tracing::warn!(%error, "a report was lost; the lease decides");
            None
        }
    }
}

fn failed(refusal: Refusal) -> Ended {
    Ended::With(Outcome::Failed {
        code: refusal.code.to_owned(),
        message: refusal.message,
        suggestion: refusal.suggestion,
    })
}

fn timed_out() -> Ended {
    failed(Refusal::new(
        "build_timeout",
        format!("The build took longer than {} minutes.", BUILD_TIMEOUT.as_secs() / 60),
        "Make it smaller, or split the service.",
    ))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
