//! What is wrong with a pod.

use super::{Problem, Reason, Wanted};
use crate::facts::{ContainerFacts, ContainerState, Ended, EventFacts, PodFacts};
use crate::observed::Observed;
use crate::ports::Listening;
use jiff::{SignedDuration, Timestamp};

/// How long something may be missing that others are about to bring: a Secret, room on a node.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);
/// How many of the last lines of a process are quoted.
const MAX_QUOTED_LINES: usize = 12;
/// How the event begins that says why an image could not be pulled.
const FAILED_PULL: &str = "Failed to pull image";
/// An exit code above this is a signal's.
const SIGNALLED: i32 = 128;
/// What programs say that want rights which they do not have.
const ROOT_WORDS: [&str; 10] = [
    "permission denied",
    "operation not permitted",
    "read-only file system",
    "must be run as root",
    "must be root",
    "has to run as root",
    "needs to run as root",
    "root privileges",
    "are you root",
    "eacces",
];

/// Something that is wrong with a pod.
pub(super) struct Found {
    /// Whether it will stay so as things are.
    pub(super) is_final: bool,
    pub(super) problem: Problem,
}

impl Found {
    fn new(is_final: bool, reason: Reason, message: impl Into<String>) -> Self {
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
    match &container.state {
        ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff" => {
            Some(ended(wanted, container, container.last_end.as_ref()?, &events, true))
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
        ContainerState::Ended(end) => {
            Some(ended(wanted, container, end, &events, container.restarts > 0))
        }
        ContainerState::Running { .. } => {
            let listening = observed.listening.get(name);
            let seen =
                listening.filter(|it| it.restarts == container.restarts && !container.started);
            if let Some(found) = seen.and_then(|seen| other_port(wanted, seen)) {
                return Some(found);
            }
            match &container.last_end {
                Some(end) => Some(ended(wanted, container, end, &events, false)),
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
            Some(Found::new(reason == "ImagePullBackOff", Reason::ImagePull, message))
        }
        "CreateContainerConfigError" if message.contains("not found") => {
            let message = format!("It waits for its environment: {message}");
            Some(Found::new(has_waited, Reason::SecretMissing, message))
        }
        "CreateContainerConfigError" if message.contains("root") => {
            Some(Found::new(true, Reason::NeedsRoot, format!("It may not run: {message}")))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(Found::new(true, Reason::CannotStart, format!("It cannot be started: {message}")))
        }
        _ => None,
    }
}

/// Why a process ended.
fn ended(
    wanted: &Wanted<'_>,
    container: &ContainerFacts,
    end: &Ended,
    events: &[&EventFacts],
    is_final: bool,
) -> Found {
    let times = match container.restarts {
        0 | 1 => "once so far".to_owned(),
        more => format!("{more} times so far"),
    };
    if end.reason == "OOMKilled" {
        let message = format!("Its process used more memory than it may and was killed, {times}.");
        return Found::new(true, Reason::OutOfMemory, message);
    }
    if matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun") {
        let message = format!("It cannot be started: {}", end.last_lines);
        return Found::new(true, Reason::CannotStart, message);
    }
    // The kubelet ends what does not answer, and that looks like a crash.
    let unanswered = events.iter().find(|event| event.reason == "Unhealthy");
    if let Some(event) = unanswered.filter(|_| end.exit_code > SIGNALLED) {
        let message = format!(
            "Nothing answers on port {}, so its process was ended, {times}: {}.{}",
            wanted.port,
            event.message,
            quoted(&end.last_lines)
        );
        return Found::new(is_final, Reason::Probe, message);
    }
    let how = match end.exit_code {
        0 => "Its process ends by itself, without an error (exit code 0)".to_owned(),
        code if code > SIGNALLED => {
            format!("Its process was ended by signal {} (exit code {code})", code - SIGNALLED)
        }
        code => format!("Its process ends with exit code {code}"),
    };
    let said = end.last_lines.to_lowercase();
    let reason = if ROOT_WORDS.iter().any(|words| said.contains(words)) {
        Reason::NeedsRoot
    } else {
        Reason::CrashLoop
    };
    Found::new(is_final, reason, format!("{how}, {times}.{}", quoted(&end.last_lines)))
}

/// The last lines of a process, to be read below a message.
fn quoted(lines: &str) -> String {
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    let start = lines.len().saturating_sub(MAX_QUOTED_LINES);
    match lines.get(start..) {
        Some(last) if !last.is_empty() => format!(" Its last lines:\n{}", last.join("\n")),
        _ => " It wrote nothing.".to_owned(),
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
