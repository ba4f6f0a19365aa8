//! How a service is doing: what follows from what the state repo wants and what the cluster shows. Pure.

mod ended;
mod pods;
mod reason;

pub use reason::{Problem, Reason};

use crate::facts::{ApplicationFacts, DeploymentFacts, PodFacts};
use crate::observed::Observed;
use inkstone_spec::{CommitId, DeploymentId};
use jiff::{SignedDuration, Timestamp};

/// What `ArgoCD` calls a sync that is over and did not succeed.
const FAILED_SYNCS: [&str; 2] = ["Failed", "Error"];
/// What an API server says of an object that it will never take as it is.
const FINAL_WORDS: [&str; 3] = ["is invalid", "is forbidden", "denied the request"];
/// What `ArgoCD` says of a sync that did not succeed and is tried again.
const TRIED_AGAIN: [&str; 2] = ["failed", "Retrying attempt"];
/// What an API server says of a namespace that is on its way out, and then is made anew.
const PASSING_WORDS: &str = "being terminated";
/// How long something may be amiss that others are about to mend: a Secret that is missing, pods before that still
/// count in a quota.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What the state repo has a service be.
pub struct Wanted<'a> {
    /// The deployment that made its release.
    pub deployment: &'a DeploymentId,
    /// How many pods it runs.
    pub replicas: u32,
    /// The port that it should listen on.
    pub port: u16,
    /// Whether the manifests of a state commit are the ones wanted.
    pub has_same_manifests: &'a dyn Fn(&CommitId) -> bool,
}

/// How far a release has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `ArgoCD` has not applied it yet.
    Syncing,
    /// It is applied, and its pods are not all ready yet.
    Deploying,
    /// It is applied, and all its pods are ready.
    Active,
    /// It cannot become ready as it is.
    Failed,
}

impl Phase {
    /// One word, as callers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syncing => "syncing",
            Self::Deploying => "deploying",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }
}

/// How a service is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far its release has come.
    pub phase: Phase,
    /// What keeps it from being active, where something is known to.
    pub problem: Option<Problem>,
    /// How many pods of its release take requests.
    pub ready: u32,
    /// How many pods of releases before it do.
    pub ready_before: u32,
    /// Its pods, those of earlier releases included.
    pub pods: Vec<PodLine>,
}

/// A pod in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLine {
    /// Its name.
    pub name: String,
    /// What it does, in a word or two.
    pub status: String,
    /// How often its process was started again.
    pub restarts: u32,
    /// Whether it is of the release that is applied now.
    pub newest: bool,
}

/// How a service is doing at `now`.
pub fn standing(wanted: &Wanted<'_>, observed: &Observed, now: Timestamp) -> Standing {
    let (phase, problem) = phase(wanted, observed, now);
    let ready = |newest| {
        let pods = observed.pods.values();
        let taking = pods.filter(|pod| pod.ready && !pod.leaving);
        let count = taking.filter(|pod| observed.is_newest(pod) == newest).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let (ready, ready_before) = (ready(true), ready(false));
    Standing { phase, problem, ready, ready_before, pods: lines(observed) }
}

fn phase(wanted: &Wanted<'_>, observed: &Observed, now: Timestamp) -> (Phase, Option<Problem>) {
    let Some(application) = &observed.application else { return (Phase::Syncing, None) };
    let is_at = |revision: &Option<CommitId>| {
        revision.as_ref().is_some_and(|revision| (wanted.has_same_manifests)(revision))
    };
    if !application.synced || !is_at(&application.revision) {
        return not_synced(application, is_at);
    }
    let Some(deployment) = observed.deployment.as_ref().filter(|it| {
        it.deployment.as_ref() == Some(wanted.deployment) && it.wanted == wanted.replicas
    }) else {
        return (Phase::Syncing, None);
    };
    let all = wanted.replicas;
    let is_whole = deployment.current
        && [deployment.total, deployment.updated, deployment.ready].iter().all(|n| *n == all);
    if is_whole {
        return (Phase::Active, None);
    }
    rollout(wanted, deployment, observed, now)
}

/// Why what is wanted is not applied.
fn not_synced(
    application: &ApplicationFacts,
    is_at: impl Fn(&Option<CommitId>) -> bool,
) -> (Phase, Option<Problem>) {
    let operation = application.operation.as_ref().filter(|it| is_at(&it.revision));
    if let Some(operation) = operation
        && !operation.message.is_empty()
        && operation.phase != "Succeeded"
    {
        let is_final = FAILED_SYNCS.contains(&operation.phase.as_str())
            || FINAL_WORDS.iter().any(|words| operation.message.contains(words))
                && !operation.message.contains(PASSING_WORDS);
        let problem = Problem::new(Reason::Sync, operation.message.clone());
        if is_final {
            return (Phase::Failed, Some(problem));
        }
        // What is under way tells only of how far it is.
        if TRIED_AGAIN.iter().any(|words| operation.message.contains(words)) {
            return (Phase::Syncing, Some(problem));
        }
    }
    let error = (!application.error.is_empty())
        .then(|| Problem::new(Reason::Sync, application.error.clone()));
    (Phase::Syncing, error)
}

/// How far the pods of what is applied are.
fn rollout(
    wanted: &Wanted<'_>,
    deployment: &DeploymentFacts,
    observed: &Observed,
    now: Timestamp,
) -> (Phase, Option<Problem>) {
    if !deployment.current {
        // What is said of pods is said of those before.
        return (Phase::Deploying, None);
    }
    if let Some(set) = observed.newest_set().filter(|set| !set.failure.is_empty()) {
        let is_final = set.failing_since.is_none_or(|since| now.duration_since(since) >= PATIENCE);
        let phase = if is_final { Phase::Failed } else { Phase::Deploying };
        return (phase, Some(reason::of_refused_pods(&set.failure)));
    }
    let found = observed
        .newest_pods()
        .filter(|(_, pod)| !pod.ready)
        .filter_map(|(name, pod)| pods::problem(wanted, name, pod, observed, now))
        .max_by_key(|found| found.is_final);
    match found {
        Some(found) if found.is_final => (Phase::Failed, Some(found.problem)),
        found if deployment.stalled => {
            let problem = found.map_or_else(reason::of_stalled, |found| found.problem);
            (Phase::Failed, Some(problem))
        }
        found => (Phase::Deploying, found.map(|found| found.problem)),
    }
}

fn lines(observed: &Observed) -> Vec<PodLine> {
    let line = |(name, pod): (&String, &PodFacts)| PodLine {
        name: name.clone(),
        status: pods::status(pod),
        restarts: pod.restarts(),
        newest: observed.is_newest(pod),
    };
    observed.pods.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
