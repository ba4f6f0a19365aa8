//! How what is released is doing: what the state repo wants, held against what the cluster shows. It is
//! worked out for each question from what is in memory, so a revert by an operator has a status like any
//! deploy, and a restart loses nothing.

use crate::{Deployer, ErrorView, EventView, PodLogView, PodView, RuntimeView};
use futures_util::future::join_all;
use inkstone_cluster::{
    Cluster, ContainerState, Observed, Observer, Phase, Seen, Standing, Wanted, standing,
};
use inkstone_spec::{CommitId, Region, Service, ServiceRef};
use inkstone_state::Snapshot;
use jiff::{SignedDuration, Timestamp};

/// How long what was last seen is taken for how things are after the cluster was lost from sight.
const GRACE: SignedDuration = SignedDuration::from_secs(15);

/// The most pods of a service whose lines are shown.
const MAX_LOGGED_PODS: usize = 5;

/// What is said where not all lines are shown that were asked for.
const CUT: &str = "These are the newest lines: together with those before they are too long.";

/// A cluster that is watched.
#[derive(Clone)]
pub struct Connected {
    /// For logs.
    pub cluster: Cluster,
    /// What is seen of it.
    pub observer: Observer,
}

/// What can be said of a service.
pub(crate) enum Sight {
    /// No cluster is connected.
    NoCluster,
    /// It has no release, so nothing of it runs.
    NotReleased,
    /// The cluster is out of sight.
    Unseen(String),
    /// It is seen.
    Seen(Standing, Box<Observed>),
}

impl Sight {
    /// How far the release has come, where that is seen.
    pub(crate) fn phase(&self) -> Option<Phase> {
        match self {
            Self::Seen(standing, _) => Some(standing.phase),
            Self::NoCluster | Self::NotReleased | Self::Unseen(_) => None,
        }
    }

    /// What is wrong, where the release cannot become active.
    pub(crate) fn error(&self) -> Option<ErrorView> {
        let Self::Seen(Standing { phase: Phase::Failed, problem, .. }, _) = self else {
            return None;
        };
        problem.as_ref().map(|problem| ErrorView {
            code: problem.reason.as_str().to_owned(),
            message: problem.message.clone(),
            suggestion: problem.reason.suggestion().to_owned(),
        })
    }

    pub(crate) fn view(self, service: &Service) -> RuntimeView {
        let plain = |status, message: &str| RuntimeView {
            status,
            message: message.to_owned(),
            ..RuntimeView::default()
        };
        let (standing, observed) = match self {
            Self::NoCluster => {
                return plain(
                    "not_observed",
                    "No cluster of its region is connected: a deployment ends at committed.",
                );
            }
            Self::NotReleased => return plain("not_released", "Nothing of it is deployed yet."),
            Self::Unseen(why) => return plain("unseen", &why),
            Self::Seen(standing, observed) => (standing, observed),
        };
        let problem = standing.problem.as_ref();
        let message = match (standing.phase, problem) {
            (_, Some(problem)) if standing.ready_before > 0 => {
                format!("What ran before still takes requests. {}", problem.message)
            }
            (_, Some(problem)) => problem.message.clone(),
            (Phase::Active, None) if service.spec.replicas.get() == 0 => {
                "It is stopped: it has no pods.".to_owned()
            }
            (Phase::Active, None) => "All its pods take requests.".to_owned(),
            (Phase::Deploying, None) => "Its pods are starting.".to_owned(),
            (Phase::Syncing, None) => {
                "The cluster is not yet what its newest state says.".to_owned()
            }
            (Phase::Failed, None) => "It cannot become ready.".to_owned(),
        };
        let events = observed.events.iter().map(|event| EventView {
            reason: event.reason.clone(),
            message: event.message.clone(),
            count: event.count,
            last: event.last.map(|last| last.to_string()),
        });
        let pods = standing.pods.into_iter().map(|pod| PodView {
            name: pod.name,
            status: pod.status,
            restarts: pod.restarts,
            newest: pod.newest,
        });
        RuntimeView {
            status: standing.phase.as_str(),
            message,
            reason: problem.map(|problem| problem.reason.as_str()),
            suggestion: problem.map(|problem| problem.reason.suggestion().to_owned()),
            revision: observed
                .application
                .as_ref()
                .and_then(|it| it.revision.as_ref())
                .map(ToString::to_string),
            replicas_wanted: Some(service.spec.replicas.get()),
            replicas_ready: Some(standing.ready),
            pods: pods.collect(),
            events: events.collect(),
            logs: None,
        }
    }
}

impl Deployer {
    /// The last lines of a service's pods, as the cluster has them now.
    pub(crate) async fn pod_logs(&self, name: &ServiceRef, lines: u32) -> Vec<PodLogView> {
        let Some(Connected { cluster, observer }) = &self.inner.cluster else { return Vec::new() };
        let pods = in_order(&observer.observed(name));
        let each = lines.div_ceil(u32::try_from(pods.len()).unwrap_or(1).max(1));
        let namespace = name.project_ref().namespace();
        let logs = pods.into_iter().map(|(pod, earlier)| {
            let namespace = namespace.clone();
            async move {
                let (lines, error) = match cluster.log(&namespace, &pod, each, earlier).await {
                    Ok(log) => (log.lines, log.is_cut.then(|| CUT.to_owned())),
                    Err(error) => (Vec::new(), Some(error.to_string())),
                };
                PodLogView { pod, earlier, lines, error }
            }
        });
        join_all(logs).await
    }

    /// What becomes of a deployment where all goes well, or does not.
    pub(crate) fn end_of_a_deployment(&self) -> &'static str {
        if self.inner.cluster.is_some() { "active or failed" } else { "committed" }
    }

    /// Whether each kind of object in the cluster is seen as it is now, for metrics; nothing where no
    /// cluster is connected.
    pub fn cluster_seen(&self) -> Vec<(&'static str, bool)> {
        let Some(connected) = &self.inner.cluster else { return Vec::new() };
        let seen = connected.observer.seen().into_iter();
        seen.map(|(kind, seen)| (kind.as_str(), seen == Seen::Now)).collect()
    }

    /// How a service's release is doing as of `snapshot`.
    pub(crate) fn sight(&self, snapshot: &Snapshot, region: &Region, service: &Service) -> Sight {
        let is_here = *region == self.inner.settings.region;
        let Some(connected) = self.inner.cluster.as_ref().filter(|_| is_here) else {
            return Sight::NoCluster;
        };
        let (Some(release), Some(port)) = (&service.release, service.effective_port()) else {
            return Sight::NotReleased;
        };
        let name = service.metadata.service_ref();
        let observed = connected.observer.observed(&name);
        let now = Timestamp::now();
        if let Some(why) = out_of_sight(&observed, now) {
            return Sight::Unseen(why);
        }
        let has_same_manifests = |revision: &CommitId| {
            // What cannot be read is not the same.
            snapshot.has_same_manifests(region, &name, revision).unwrap_or(false)
        };
        let wanted = Wanted {
            deployment: &release.deployment,
            replicas: service.spec.replicas.get().into(),
            port: port.get(),
            has_same_manifests: &has_same_manifests,
        };
        Sight::Seen(standing(&wanted, &observed, now), Box::new(observed))
    }
}

/// Those of the newest release first, and those first that do not do well.
fn in_order(observed: &Observed) -> Vec<(String, bool)> {
    let mut pods: Vec<_> = observed.pods.iter().collect();
    pods.sort_by_key(|(_, pod)| (!observed.is_newest(pod), pod.ready, pod.leaving));
    // What ended and has not started again has written its lines before.
    let has_ended = |pod: &inkstone_cluster::PodFacts| {
        pod.container.as_ref().is_some_and(|container| {
            container.restarts > 0 && matches!(container.state, ContainerState::Waiting { .. })
        })
    };
    pods.into_iter()
        .take(MAX_LOGGED_PODS)
        .map(|(name, pod)| (name.clone(), has_ended(pod)))
        .collect()
}

/// Why what is known of a service may not be how things are now.
fn out_of_sight(observed: &Observed, now: Timestamp) -> Option<String> {
    match observed.lost.as_ref()? {
        (kind, Seen::Never) => Some(format!(
            "The cluster's {} have not been seen yet since the server was started.",
            kind.as_str()
        )),
        (_, Seen::Now) => None,
        (kind, Seen::Lost { since, why }) => (now.duration_since(*since) > GRACE).then(|| {
            let kind = kind.as_str();
            format!("The cluster's {kind} have not been seen since {since}: {why}.")
        }),
    }
}
