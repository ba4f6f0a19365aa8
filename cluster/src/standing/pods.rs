//! What is wrong with a pod.

use super::ended::Run;
use super::{PATIENCE, Problem, Reason, Wanted};
use crate::facts::{ContainerState, EventFacts, PodFacts};
use crate::observed::Observed;
use crate::ports::Listening;
use jiff::Timestamp;

/// How the event begins that says why an image could not be pulled.
const FAILED_PULL: &str = "Failed to pull image";

/// Something that is wrong with a pod.
pub(super) struct Found {
    /// Whether it will stay so as things are.
    pub(super) is_final: bool,
    pub(super) problem: Problem,
}

impl Found {
    pub(super) fn new(is_final: bool, reason: Reason, message: impl Into<String>) -> Self {
        Self { is_final, problem: Problem::new(reason, message) }
    }
}

/// What is wrong with a pod that is not ready, if it shows.
pub(super) fn problem(
    wanted: &Wanted<'_>,
    name: &str,
    pod: &PodFacts,
    observed: &Observed,
    now: Timestamp,
) -> Option<Found> {
    let has_waited = pod.created.is_some_and(|created| now.duration_since(created) >= PATIENCE);
    if !pod.evicted.is_empty() {
        let message = format!("A node removed a pod: {}", pod.evicted);
        return Some(Found::new(false, Reason::Evicted, message));
    }
    if !pod.unschedulable.is_empty() {
        let message = format!("No node takes it: {}", pod.unschedulable);
        return Some(Found::new(has_waited, Reason::Unschedulable, message));
    }
    let container = pod.container.as_ref()?;
    let events: Vec<&EventFacts> =
        observed.events.iter().filter(|event| event.name == name).collect();
    let is_running = matches!(container.state, ContainerState::Running { .. });
    let has_worked = observed.deployment.as_ref().is_some_and(|it| it.completed);
    let run = Run {
        port: wanted.port,
        ends: container.restarts.saturating_add(u32::from(!is_running)),
        spared: pod.spared,
        has_worked,
        events: &events,
    };
    match &container.state {
        ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff" => {
            Some(run.ended(container.last_end.as_ref()?, true))
        }
        ContainerState::Waiting { reason, .. }
            if reason == "CreateContainerConfigError"
                && let Some(why) = &observed.secret =>
        {
            let message = format!("Its environment cannot be opened: {why}");
            Some(Found::new(true, Reason::SecretMissing, message))
        }
        ContainerState::Waiting { reason, message } => {
            waiting(reason, message, &events, has_waited)
        }
        ContainerState::Ended(end) => Some(run.ended(end, container.restarts > 0 && !has_worked)),
        ContainerState::Running { .. } => {
            let listening = observed.listening.get(name);
            let seen = listening.filter(|it| it.restarts == container.restarts && !container.ready);
            // What has answered where it should listens there, if it listens at all.
            if let Some(found) =
                seen.filter(|_| !has_worked).and_then(|seen| other_port(wanted, seen))
            {
                return Some(found);
            }
            match &container.last_end {
                Some(end) => Some(run.ended(end, false)),
                None => seen.map(|_| nothing_answers(wanted)),
            }
        }
    }
}

/// That a process listens, but not where it should.
fn other_port(wanted: &Wanted<'_>, seen: &Listening) -> Option<Found> {
    let wanted = wanted.port;
    if !seen.confirmed {
        return None;
    }
    if seen.for_itself {
        let message = format!(
            "Its process listens on port {wanted} of 127.0.0.1 only, where nobody but itself can reach it."
        );
        return Some(Found::new(true, Reason::WrongPort, message));
    }
    let (one, more) = seen.elsewhere.split_first()?;
    let ports = more.iter().fold(one.to_string(), |ports, port| format!("{ports}, {port}"));
    let message = format!("Its process listens on port {ports}, and the service says {wanted}.");
    Some(Found::new(true, Reason::WrongPort, message))
}

/// That a process runs and listens nowhere.
fn nothing_answers(wanted: &Wanted<'_>) -> Found {
    let message = format!("Its process runs, and nothing answers on port {} yet.", wanted.port);
    Found::new(false, Reason::Probe, message)
}

/// What a container waits for that does not come by itself.
fn waiting(reason: &str, message: &str, events: &[&EventFacts], has_waited: bool) -> Option<Found> {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            // The back-off says nothing of why.
            let why = events.iter().find(|event| event.message.starts_with(FAILED_PULL));
            let why = why.map_or(message, |event| &event.message);
            let message = format!("Its image cannot be pulled: {why}");
            let is_final = reason == "ImagePullBackOff" && has_waited;
            Some(Found::new(is_final, Reason::ImagePull, message))
        }
        "CreateContainerConfigError" if message.contains("not found") => {
            let message = format!("It waits for its environment: {message}");
            Some(Found::new(has_waited, Reason::SecretMissing, message))
        }
        "CreateContainerConfigError" if message.contains("root") => {
            Some(Found::new(true, Reason::NeedsRoot, format!("It may not run: {message}")))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            // A node that is busy tries the first two again by itself.
            let is_final = has_waited || reason == "RunContainerError";
            let message = format!("It cannot be started: {message}");
            Some(Found::new(is_final, Reason::CannotStart, message))
        }
        _ => None,
    }
}

/// What a pod does, in a word or two.
pub(super) fn status(pod: &PodFacts) -> String {
    if pod.leaving {
        return "stopping".to_owned();
    }
    if pod.ready {
        return "ready".to_owned();
    }
    if !pod.evicted.is_empty() {
        return "evicted".to_owned();
    }
    match pod.container.as_ref().map(|container| &container.state) {
        None if pod.unschedulable.is_empty() => "pending".to_owned(),
        None => "unschedulable".to_owned(),
        Some(ContainerState::Waiting { reason, .. }) if reason.is_empty() => "pending".to_owned(),
        Some(ContainerState::Waiting { reason, .. }) => reason.clone(),
        Some(ContainerState::Running { .. }) => "running, not ready".to_owned(),
        Some(ContainerState::Ended(end)) => format!("ended with {}", end.exit_code),
    }
}
