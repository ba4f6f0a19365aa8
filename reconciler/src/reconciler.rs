//! Doing it, project by project.

use crate::desired::{self, SealedEnv};
use crate::due::Due;
use crate::plan::{self, Action, Missing, PULL_SECRET};
use crate::window;
use inkstone_cluster::{Abandoned, Cluster, ClusterError, NewSecret};
use inkstone_secrets::Keyring;
use inkstone_spec::{Digest, ImageRegistry, Owner, ProjectRef, Region, ServiceName, StatePath};
use inkstone_state::{Snapshot, StateError};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

/// How often a project that is new may refuse us: for some 15 seconds.
const FAILURES_AT_FIRST: u32 = 5;
/// How often everything is looked at, whatever is known to have changed.
const EVERYTHING: Duration = Duration::from_mins(5);
/// How long a state repo that cannot be read is left alone.
const UNREADABLE: Duration = Duration::from_secs(5);

/// What nodes pull the images of a project with: the content of a Docker configuration file. It is a
/// secret.
pub type PullCredentials = dyn Fn(&ImageRegistry, &ProjectRef) -> String + Send + Sync;

/// Told after each look at a project what is wrong with the environments of its services; all others are
/// well.
pub type Reporter = dyn Fn(&ProjectRef, BTreeMap<ServiceName, String>) + Send + Sync;

/// What a reconciler works with.
pub struct Parts {
    /// The cluster.
    pub cluster: Cluster,
    /// Which of the state repo's clusters that is.
    pub region: Region,
    /// What opens environments.
    pub keyring: Keyring,
    /// What nodes pull images with.
    pub pull: Box<PullCredentials>,
    /// Whom to tell.
    pub report: Box<Reporter>,
}

/// Makes the cluster follow `live`.
pub struct Reconciler {
    parts: Parts,
}

impl Reconciler {
    /// A reconciler over `parts`; nothing is done yet.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Follows `live` for as long as it is polled. What fails is tried again, and holds up nothing else.
    pub async fn run(&self, live: watch::Receiver<Option<Snapshot>>) {
        tokio::join!(self.collect_now_and_then(live.clone()), self.follow(live));
    }

    async fn follow(&self, mut live: watch::Receiver<Option<Snapshot>>) {
        if live.wait_for(Option::is_some).await.is_err() {
            return;
        }
        let mut done: Option<Snapshot> = None;
        let mut since = Timestamp::now();
        let mut due = Due::default();
        let mut everything = tokio::time::interval(EVERYTHING);
        let mut appeared = self.parts.cluster.new_namespaces();
        loop {
            let next = due.next();
            let mut is_routine = false;
            tokio::select! {
                biased;
                changed = live.changed() => if changed.is_err() { return },
                project = appeared.next() => due.changed(project, Instant::now()),
                _ = everything.tick() => is_routine = true,
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            let Some(now) = live.borrow_and_update().clone() else { continue };
            match changed(&now, done.as_ref(), &self.parts.region) {
                Ok(changed) => {
                    for project in changed {
                        due.changed(project, Instant::now());
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the state repo cannot be read");
                    tokio::time::sleep(UNREADABLE).await;
                    continue;
                }
            }
            if is_routine {
                match self.all_projects(&now).await {
                    Ok(all) => {
                        for project in all {
                            due.routine(project, Instant::now());
                        }
                    }
                    Err(error) => tracing::warn!(%error, "not everything could be looked at"),
                }
            }
            if done.as_ref().and_then(Snapshot::commit) != now.commit() {
                since = Timestamp::now();
            }
            done = Some(now.clone());
            // One, and then a look at what is new: that does not wait for the others.
            if let Some((project, failures)) = due.take(Instant::now())
                && !self.reconcile(&now, since, &project, failures).await
            {
                due.failed(project, failures, Instant::now());
            }
        }
    }

    /// Reconciles a project with what is live since a moment; it failed so often before. Says whether that is done.
    async fn reconcile(
        &self,
        now: &Snapshot,
        since: Timestamp,
        project: &ProjectRef,
        failures: u32,
    ) -> bool {
        match self.project(now, since, project).await {
            Ok(()) => return true,
            // ArgoCD is about to make it.
            Err(Failed::Cluster(ClusterError::Absent(what))) => {
                tracing::debug!(%project, what, "waits for its namespace");
            }
            // Or to give us our rights there.
            Err(Failed::Cluster(ClusterError::Forbidden(what))) if failures < FAILURES_AT_FIRST => {
                tracing::debug!(%project, what, "waits for its rights");
            }
            Err(error @ (Failed::InUse | Failed::TooYoung)) => {
                tracing::debug!(%project, %error, "its namespace stays");
            }
            Err(error) => {
                tracing::warn!(%project, %error, "a project could not be reconciled");
            }
        }
        false
    }

    async fn project(
        &self,
        now: &Snapshot,
        since: Timestamp,
        project: &ProjectRef,
    ) -> Result<(), Failed> {
        let cluster = &self.parts.cluster;
        // Before all else: of another region's name nothing is there, and everything seems to be gone.
        let pull = self.pull(now, project)?;
        let Some(desired) = desired::desired(now, &self.parts.region, project)? else {
            (self.parts.report)(project, BTreeMap::new());
            match cluster.abandoned(project, since, Timestamp::now()).await? {
                Abandoned::Settled => {}
                Abandoned::InUse => return Err(Failed::InUse),
                Abandoned::Young => return Err(Failed::TooYoung),
                Abandoned::Empty(uid) => {
                    cluster.remove_namespace(&project.namespace(), uid).await?;
                    tracing::info!(%project, "removed its namespace: git and cluster are empty of it");
                }
            }
            return Ok(());
        };
        let digest = Digest::of(pull.as_bytes());
        let found = cluster.secrets(&project.namespace()).await?;
        let mut problems = desired.broken.clone();
        for missing in plan::missing(&desired, &digest, &found) {
            let secret = match &missing {
                Missing::Pull => pull_secret(project, &pull, &digest),
                Missing::Env(name) => {
                    let Some(env) = desired.envs.get(name) else { continue };
                    match self.open(project, name, env) {
                        Ok(secret) => secret,
                        Err(why) => {
                            problems.insert(env.service.clone(), why);
                            continue;
                        }
                    }
                }
            };
            cluster.put_secret(&secret).await?;
            tracing::info!(%project, secret = missing.name(), "put a Secret there");
        }
        for (service, problem) in &problems {
            tracing::warn!(%project, %service, problem, "the environment of a service cannot be opened");
        }
        (self.parts.report)(project, problems);
        Ok(())
    }

    /// What would be done now, in words, by project; nothing is done.
    pub async fn plan(&self, now: &Snapshot) -> Result<Vec<(ProjectRef, Action)>, Failed> {
        let (start, none) = (Timestamp::now(), BTreeSet::new());
        let named = window::named_secrets(now, start)?;
        let mut actions = Vec::new();
        for project in self.all_projects(now).await? {
            let desired = desired::desired(now, &self.parts.region, &project)?;
            let found = match self.parts.cluster.secrets(&project.namespace()).await {
                Err(ClusterError::Absent(_) | ClusterError::Forbidden(_)) => Vec::new(),
                found => found?,
            };
            let mut here = Vec::new();
            if let Some(desired) = &desired {
                let pull = self.pull(now, &project)?;
                let missing = plan::missing(desired, &Digest::of(pull.as_bytes()), &found);
                here.extend(missing.into_iter().map(Action::Put));
            } else if let Abandoned::Empty(_) =
                self.parts.cluster.abandoned(&project, start, start).await?
            {
                here.push(Action::RemoveNamespace);
            }
            let named = named.get(&project).unwrap_or(&none);
            let unneeded = plan::unneeded(desired.as_ref(), named, start, &found);
            here.extend(unneeded.into_iter().map(Action::Delete));
            actions.extend(here.into_iter().map(|action| (project.clone(), action)));
        }
        Ok(actions)
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.parts.cluster
    }

    pub(crate) fn region(&self) -> &Region {
        &self.parts.region
    }

    fn pull(&self, now: &Snapshot, project: &ProjectRef) -> Result<Zeroizing<String>, Failed> {
        let region = &self.parts.region;
        let cluster = now.cluster(region)?.ok_or_else(|| Failed::NoCluster(region.clone()))?;
        Ok(Zeroizing::new((self.parts.pull)(&cluster.spec.registry, project)))
    }

    /// Those of the state repo, and those that the cluster still has a namespace of.
    pub(crate) async fn all_projects(
        &self,
        now: &Snapshot,
    ) -> Result<BTreeSet<ProjectRef>, Failed> {
        let mut all: BTreeSet<ProjectRef> =
            desired::projects(now, &self.parts.region)?.into_iter().collect();
        all.extend(self.parts.cluster.project_namespaces().await?);
        Ok(all)
    }

    fn open(&self, project: &ProjectRef, name: &str, env: &SealedEnv) -> Result<NewSecret, String> {
        let identities = self.parts.keyring.identities().map_err(|error| error.to_string())?;
        let values =
            inkstone_secrets::open(&env.file, &identities).map_err(|error| error.to_string())?;
        let data = values
            .into_iter()
            .map(|(key, value)| (key.to_string(), value.expose().as_bytes().to_vec()));
        Ok(NewSecret {
            project: project.clone(),
            service: Some(env.service.clone()),
            name: name.to_owned(),
            kind: "Opaque",
            data: data.collect(),
            content: None,
        })
    }
}

/// Why a project could not be reconciled.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The state repo.
    #[error(transparent)]
    State(#[from] StateError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The state repo knows no such cluster.
    #[error("the state repo has no clusters/{0}/cluster.yaml")]
    NoCluster(Region),
    /// What is gone from git still runs: its pods may take their time to end.
    #[error("something still runs in the namespace of a project that is gone")]
    InUse,
    /// Its namespace was made just now, so the project may be one that is only not known yet.
    #[error("the namespace of a project that is gone is too young to be removed")]
    TooYoung,
    /// A task of this process.
    #[error("a task ended early: {0}")]
    Task(String),
}

fn pull_secret(project: &ProjectRef, config: &str, digest: &Digest) -> NewSecret {
    NewSecret {
        project: project.clone(),
        service: None,
        name: PULL_SECRET.to_owned(),
        kind: "kubernetes.io/dockerconfigjson",
        data: BTreeMap::from([(".dockerconfigjson".to_owned(), config.as_bytes().to_vec())]),
        content: Some(digest.to_string()),
    }
}

/// The projects that have changed since; all of them where nothing is known, or the platform changed.
fn changed(
    now: &Snapshot,
    before: Option<&Snapshot>,
    region: &Region,
) -> Result<BTreeSet<ProjectRef>, StateError> {
    let mut changed = BTreeSet::new();
    let Some(before) = before else {
        changed.extend(desired::projects(now, region)?);
        return Ok(changed);
    };
    for file in now.changed_since(before)? {
        match file.parse::<StatePath>().ok() {
            Some(StatePath::Cluster(_)) => changed.extend(desired::projects(now, region)?),
            Some(path) => match path.owner() {
                Some(Owner::Project(project)) => drop(changed.insert(project)),
                Some(Owner::Service(service)) => drop(changed.insert(service.project_ref())),
                _ => {}
            },
            None => {}
        }
    }
    Ok(changed)
}
