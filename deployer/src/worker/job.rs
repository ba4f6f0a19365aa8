//! One attempt at a deployment: look for what is there already, build, commit.

use super::release::NoCommit;
use super::{Ended, LEASE, millis};
use crate::services::waiting;
use crate::source::GitTree;
use crate::{Deployer, Refusal, now_ms};
use inkstone_builder::{BuildError, BuildRequest, BuiltImage, MirrorRequest};
use inkstone_spec::{Hold, Isolation, RepoRef, Revision};
use inkstone_state::{ServiceFiles, history};
use inkstone_store::{Deployment, Heartbeat, Outcome, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often a worker says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long one build may take.
const BUILD_TIMEOUT: Duration = Duration::from_mins(10);
/// How many log lines are written at a time.
const LOG_BATCH: usize = 100;

/// One deployment, in the hands of one worker.
pub(super) struct Job {
    pub(super) deployer: Deployer,
    owner: String,
    pub(super) deployment: Deployment,
    /// Asks the build to stop.
    cancel: Arc<AtomicBool>,
}

impl Job {
    pub(super) fn new(deployer: Deployer, owner: &str, deployment: Deployment) -> Self {
        Self { deployer, owner: owner.to_owned(), deployment, cancel: Arc::default() }
    }

    /// From what an earlier worker may have left to the end, or until it must stop.
    pub(super) async fn attempt(&self, stop: &CancellationToken) -> Ended {
        // What was on its way there is known only after a look.
        if let Some(refusal) = self.deployer.remote_holds() {
            return Ended::Waits(refusal);
        }
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
        if let Some(hold) = &files.service.spec.hold {
            return Ended::Held(hold.clone());
        }
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
            Err(refusal) => return self.refused(refusal).await,
        };
        if let Some(ended) = self.say("committing").await {
            return ended;
        }
        match self.commit(&image).await {
            Ok(state_commit) => {
                tracing::info!(%state_commit, "the state repo has the release");
                self.log(&format!("committed as {state_commit}")).await;
                Ended::With(Outcome::Committed { state_commit, image: image.digest })
            }
            Err(NoCommit::Gone) => Ended::With(Outcome::Cancelled),
            Err(NoCommit::OnHold(hold)) => Ended::Held(hold),
            Err(NoCommit::Undone(refusal)) => {
                self.log(&format!("skipped: {refusal}")).await;
                Ended::With(Outcome::Skipped {
                    code: refusal.code.to_owned(),
                    message: refusal.message,
                    suggestion: refusal.suggestion,
                })
            }
            Err(NoCommit::Refused(refusal)) => self.refused(refusal).await,
        }
    }

    /// It waits for what passes, and fails for everything else.
    async fn refused(&self, refusal: Refusal) -> Ended {
        if self.deployer.passes(&refusal) {
            self.log(&format!("waits: {refusal}")).await;
            Ended::Waits(refusal)
        } else {
            self.log(&format!("failed: {refusal}")).await;
            failed(refusal)
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
    pub(super) async fn committed_before(&self) -> Result<Option<Outcome>, Refusal> {
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
        let revision = &self.deployment.revision;
        let project = self.deployment.service.project_ref();
        let allows_root = self.deployer.read_state(|snapshot| {
            self.deployer.allow_image(snapshot, &files.region, revision.image())?;
            let project = snapshot.project(&project)?;
            Ok(project.is_some_and(|(_, it)| it.spec.isolation == Isolation::Sandboxed))
        })?;
        let (builder, repos) = (Arc::clone(&inner.builder), inner.repos.clone());
        let cancel = Arc::clone(&self.cancel);
        let (deployment, spec) = (self.deployment.clone(), files.service.spec.build.clone());
        let (lines, written) = self.log_writer();
        let built = tokio::task::spawn_blocking(move || -> Result<BuiltImage, Refusal> {
            let service = &deployment.service;
            // A closed channel means that nobody reads the log any more: the build is being stopped.
            let mut log = |line: &str| drop(lines.send(line.to_owned()));
            let cancelled = || cancel.load(Ordering::Relaxed);
            let (branch, commit) = match &deployment.revision {
                Revision::Commit { branch, commit } => (branch, commit),
                Revision::Image(image) => {
                    let request = MirrorRequest { service, image, allows_root };
                    return Ok(builder.mirror(&request, &mut log, &cancelled)?);
                }
            };
            let repo = RepoRef { workspace: service.workspace.clone(), repo: branch.repo.clone() };
            let origin = format!("inkstone/{repo}");
            let source = GitTree::open(&repos.path(&repo), commit)
                .map_err(|source| BuildError::Source { path: repo.to_string(), source })?;
            let request =
                BuildRequest { service, build: &spec, source: &source, commit, origin: &origin };
            Ok(builder.build(&request, &mut log, &cancelled)?)
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

    /// Back into the queue until what was refused is tried again.
    pub(super) async fn wait(&self, refusal: &Refusal) -> Result<(), StoreError> {
        let Deployment { id, service, .. } = &self.deployment;
        let why = &refusal.message;
        tracing::info!(deployment = %id, %service, why, "waits");
        self.deployer.inner.store.hold(id, &self.owner, why, now_ms()).await?;
        self.deployer.inner.waits.add(refusal);
        Ok(())
    }

    /// Back into the queue until the hold is lifted.
    pub(super) async fn put_back(&self, hold: &Hold) -> Result<(), StoreError> {
        let Deployment { id, service, .. } = &self.deployment;
        let why = waiting(hold);
        tracing::info!(deployment = %id, %service, why, "waits");
        self.deployer.inner.store.hold(id, &self.owner, &why, now_ms()).await?;
        // A hold that was lifted just before is not lifted again.
        let found = self.deployer.read_state(|snapshot| Ok(snapshot.intent(service)?));
        match found {
            Ok(Some((_, service))) if service.spec.hold.is_some() => Ok(()),
            _ => self.deployer.intent_changed(service).await,
        }
    }
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
