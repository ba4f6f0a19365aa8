//! What a pod and its one container are doing.

use super::{count, service_of, text, time};
use inkstone_spec::ServiceRef;
use jiff::Timestamp;
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
    /// Whether its startup probe has passed.
    pub started: bool,
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
    /// When it ended.
    pub at: Option<Timestamp>,
}

impl Default for ContainerState {
    fn default() -> Self {
        Self::Waiting { reason: String::new(), message: String::new() }
    }
}

impl PodFacts {
    pub(crate) fn of(object: &core::Pod) -> Option<(ServiceRef, Self)> {
        let service = service_of(&object.metadata)?;
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
        let spec = object.spec.iter().flat_map(|spec| &spec.containers);
        let port = spec.filter(|it| it.name == CONTAINER).flat_map(|it| it.ports.iter().flatten());
        let port = port.map(|port| port.container_port).next();
        let facts = Self {
            port: port.and_then(|port| u16::try_from(port).ok()),
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
        started: status.started.unwrap_or_default(),
        restarts: count(Some(status.restart_count)),
        last_end: last.map(ended),
    }
}

fn ended(state: &core::ContainerStateTerminated) -> Ended {
    Ended {
        reason: text(state.reason.as_ref()),
        exit_code: state.exit_code,
        last_lines: text(state.message.as_ref()),
        at: time(state.finished_at.as_ref()),
    }
}
