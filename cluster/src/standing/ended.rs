//! Why a process ended.

use super::Reason;
use super::pods::Found;
use crate::facts::{Ended, EventFacts};
use jiff::SignedDuration;

/// How many of the last lines of a process are quoted.
const MAX_QUOTED_LINES: usize = 12;
/// An exit code above this is a signal's.
const SIGNALLED: i32 = 128;
/// The exit code of a process that the kernel ended (SIGKILL).
const KILLED: i32 = SIGNALLED + 9;
/// That of one that was asked to end (SIGTERM).
const ASKED: i32 = SIGNALLED + 15;
/// How a process ends that the kubelet ends: it asks, some know how to stop, and the others are killed.
const BY_THE_KUBELET: [i32; 3] = [0, KILLED, ASKED];
/// How the events begin of the probe for which it does that, and what those of every probe have.
const LIVENESS: &str = "Liveness probe failed";
const PROBE: &str = "probe failed";
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

/// What is known of the process of a pod beside how it ended.
pub(super) struct Run<'a> {
    /// The port that it should listen on.
    pub(super) port: u16,
    /// How often it has ended.
    pub(super) ends: u32,
    /// How long it runs at least before a probe has it ended.
    pub(super) spared: Option<SignedDuration>,
    /// Whether its release was ready once.
    pub(super) has_worked: bool,
    /// What the cluster warned of.
    pub(super) events: &'a [&'a EventFacts],
}

impl Run<'_> {
    /// Why the process ended; `is_final` says whether it has ended so again and again.
    pub(super) fn ended(&self, end: &Ended, is_final: bool) -> Found {
        let times = match self.ends {
            0 | 1 => "once so far".to_owned(),
            more => format!("{more} times so far"),
        };
        if end.reason == "OOMKilled" {
            let message =
                format!("Its process used more memory than it may and was killed, {times}.");
            return Found::new(is_final || !self.has_worked, Reason::OutOfMemory, message);
        }
        if matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun") {
            let message = format!("It cannot be started: {}", end.last_lines);
            return Found::new(true, Reason::CannotStart, message);
        }
        let said = quoted(&end.last_lines);
        if self.had_a_probe_it_ended(end) {
            let port = self.port;
            let why = self.events.iter().find(|event| event.message.contains(PROBE));
            let why = why.map(|event| format!(": {}", event.message)).unwrap_or_default();
            let message = format!(
                "Nothing answers on port {port}, so its process was ended, {times}{why}.{said}"
            );
            // It had all the time that it gets. One that has answered before may do so again.
            return Found::new(is_final || !self.has_worked, Reason::Probe, message);
        }
        // Container runtimes do not always notice why the kernel ended a process.
        if end.exit_code == KILLED && self.outlived(end) == Some(false) {
            let message = format!(
                "Its process was killed (exit code {KILLED}), {times}, before any probe could have it done: so the kernel ends what takes more memory than it may.{said}"
            );
            return Found::new(is_final, Reason::OutOfMemory, message);
        }
        let how = match end.exit_code {
            0 => "Its process ends by itself, without an error (exit code 0)".to_owned(),
            code if code > SIGNALLED => {
                format!("Its process was ended by signal {} (exit code {code})", code - SIGNALLED)
            }
            code => format!("Its process ends with exit code {code}"),
        };
        let words = end.last_lines.to_lowercase();
        let reason = if ROOT_WORDS.iter().any(|root| words.contains(root)) {
            Reason::NeedsRoot
        } else {
            Reason::CrashLoop
        };
        Found::new(is_final, reason, format!("{how}, {times}.{said}"))
    }

    /// Whether it ran for as long as it has to before a probe can have it ended, where that is known.
    fn outlived(&self, end: &Ended) -> Option<bool> {
        end.ran.zip(self.spared).map(|(ran, spared)| ran >= spared)
    }

    /// Whether the kubelet ended it because of a probe: that looks like a crash, or, of one that knows how to stop, like
    /// an end without an error. What was never ready in all that time would not have been left alone. Of what has worked
    /// it has to have been said, and the kubelet leaves events out where there are many.
    fn had_a_probe_it_ended(&self, end: &Ended) -> bool {
        let is_told = self.events.iter().any(|event| {
            event.message.contains(PROBE)
                && (!self.has_worked || event.message.starts_with(LIVENESS))
        });
        BY_THE_KUBELET.contains(&end.exit_code)
            && match self.outlived(end) {
                Some(outlived) => outlived && (is_told || !self.has_worked),
                None => is_told && end.exit_code != 0,
            }
    }
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
