//! What a pod and its one container are doing.

use super::{count, own_service, text, time};
use inkstone_spec::ServiceRef;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1 as core;

/// The container that runs the service.
pub(crate) const CONTAINER: &str = "app";

/// What is kept of a `Pod`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// The replica set that it is of.
    pub replica_set: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is being removed.
    pub leaving: bool,
    /// The port that its process should listen on.
    pub port: Option<u16>,
    /// How long its process runs at least before a probe that it never answers has it ended.
    pub spared: Option<SignedDuration>,
    /// Whether requests reach it.
    pub ready: bool,
    /// Why no node takes it; empty if one does.
    pub unschedulable: String,
    /// Why it was removed from its node, such as `Evicted`; empty if it was not.
    pub evicted: String,
    /// Its container; `None` before a node has looked at it.
    pub container: Option<ContainerFacts>,
}

/// What is kept of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// What it does now.
    pub state: ContainerState,
    /// Whether it answers on its port.
    pub ready: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended last.
    pub last_end: Option<Ended>,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// It does not run yet, or not again.
    Waiting {
        /// One word.
        reason: String,
        /// What it waits for.
        message: String,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It has ended.
    Ended(Ended),
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// One word, such as `OOMKilled`.
    pub reason: String,
    /// The exit code; above 128: ended by the signal of that number less 128.
    pub exit_code: i32,
    /// The last lines that it wrote: untrusted text.
    pub last_lines: String,
    /// How long it ran.
    pub ran: Option<SignedDuration>,
}

impl Default for ContainerState {
    fn default() -> Self {
        Self::Waiting { reason: String::new(), message: String::new() }
    }
}

impl PodFacts {
    /// How often its process was started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.container.as_ref().map(|container| container.restarts).unwrap_or_default()
    }

    pub(crate) fn of(object: &core::Pod) -> Option<(ServiceRef, Self)> {
        let service = own_service(&object.metadata)?;
        let meta = &object.metadata;
        let owner = meta.owner_references.iter().flatten().find(|it| it.kind == "ReplicaSet");
        let status = object.status.clone().unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        let condition = |name: &str| conditions.iter().find(|it| it.type_ == name);
        let unschedulable = condition("PodScheduled")
            .filter(|it| it.status == "False")
            .map(|it| text(it.message.as_ref()));
        let containers = status.container_statuses.unwrap_or_default();
        let evicted = (status.phase.as_deref() == Some("Failed")).then(|| {
            let said = [status.reason, status.message].into_iter().flatten();
            text(Some(&said.collect::<Vec<_>>().join(": ")))
        });
        let mut spec = object.spec.iter().flat_map(|spec| &spec.containers);
        let spec = spec.find(|it| it.name == CONTAINER);
        let port = spec.and_then(|it| it.ports.iter().flatten().next());
        let facts = Self {
            port: port.and_then(|port| u16::try_from(port.container_port).ok()),
            spared: spec.and_then(spared),
            replica_set: owner.map(|it| it.name.clone()).unwrap_or_default(),
            created: time(meta.creation_timestamp.as_ref()),
            leaving: meta.deletion_timestamp.is_some(),
            ready: condition("Ready").is_some_and(|it| it.status == "True"),
            unschedulable: unschedulable.unwrap_or_default(),
            evicted: evicted.unwrap_or_default(),
            container: containers.iter().find(|it| it.name == CONTAINER).map(container),
        };
        Some((service, facts))
    }
}

/// The least that the probes of a container leave its process. The values that are not there are Kubernetes'.
fn spared(container: &core::Container) -> Option<SignedDuration> {
    let probes = [&container.startup_probe, &container.liveness_probe];
    let seconds = probes.into_iter().flatten().map(|probe| {
        let failures = probe.failure_threshold.unwrap_or(3).saturating_sub(1);
        let failing = probe.period_seconds.unwrap_or(10).saturating_mul(failures);
        probe.initial_delay_seconds.unwrap_or_default().saturating_add(failing)
    });
    seconds.min().map(|seconds| SignedDuration::from_secs(seconds.into()))
}

fn container(status: &core::ContainerStatus) -> ContainerFacts {
    let state = status.state.clone().unwrap_or_default();
    let state = if let Some(running) = state.running {
        ContainerState::Running { since: time(running.started_at.as_ref()) }
    } else if let Some(end) = &state.terminated {
        ContainerState::Ended(ended(end))
    } else {
        let waiting = state.waiting.unwrap_or_default();
        ContainerState::Waiting {
            reason: text(waiting.reason.as_ref()),
            message: text(waiting.message.as_ref()),
        }
    };
    let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    ContainerFacts {
        state,
        ready: status.ready,
        restarts: count(Some(status.restart_count)),
        last_end: last.map(ended),
    }
}

fn ended(state: &core::ContainerStateTerminated) -> Ended {
    let (from, to) = (time(state.started_at.as_ref()), time(state.finished_at.as_ref()));
    Ended {
        reason: text(state.reason.as_ref()),
        exit_code: state.exit_code,
        last_lines: text(state.message.as_ref()),
        ran: from.zip(to).map(|(from, to)| to.duration_since(from)),
    }
}
