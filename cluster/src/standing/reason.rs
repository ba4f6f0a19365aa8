//! What can keep a release from being active, and what to do about it.

/// Why a release is not active: a code that stays, in a word or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `ArgoCD` could not apply it.
    Sync,
    /// Its image cannot be pulled.
    ImagePull,
    /// Its process ends again and again.
    CrashLoop,
    /// Its process uses more memory than it may.
    OutOfMemory,
    /// Its process listens on another port, or only for itself.
    WrongPort,
    /// Nothing answers on its port.
    Probe,
    /// The project's quota is used up.
    Quota,
    /// Its process seems to need root.
    NeedsRoot,
    /// No node has room for it.
    Unschedulable,
    /// The Secret with its variables is not there.
    SecretMissing,
    /// Its process cannot be started.
    CannotStart,
    /// A node removed its pod.
    Evicted,
    /// It does not get ready, and nothing says why.
    Stalled,
}

impl Reason {
    /// The code, as callers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync_failed",
            Self::ImagePull => "image_pull",
            Self::CrashLoop => "crash_loop",
            Self::OutOfMemory => "out_of_memory",
            Self::WrongPort => "wrong_port",
            Self::Probe => "probe_failed",
            Self::Quota => "quota_exceeded",
            Self::NeedsRoot => "needs_root",
            Self::Unschedulable => "unschedulable",
            Self::SecretMissing => "secret_missing",
            Self::CannotStart => "cannot_start",
            Self::Evicted => "evicted",
            Self::Stalled => "stalled",
        }
    }

    /// What to do about it.
    pub fn suggestion(self) -> &'static str {
        match self {
            Self::Sync => "An operator should look at the Application in ArgoCD.",
            Self::ImagePull => {
                "Call redeploy_service to make the image again. If that does not help, an operator should run inkstone doctor: it tries a pull."
            }
            Self::CrashLoop => {
                "Read the last lines here and more with runtime_log_lines, fix what they say, and deploy that."
            }
            Self::OutOfMemory => {
                "Give it more memory with update_service, or make it use less; the memory of a service is a hard limit."
            }
            Self::WrongPort => {
                "Have the process listen on 0.0.0.0 and on the port in the environment variable PORT; where it is another port that is named here, set port with update_service instead."
            }
            Self::Probe => {
                "Have the process listen on 0.0.0.0 and on the port in the environment variable PORT within two minutes of its start; runtime_log_lines shows what it does."
            }
            Self::Quota => {
                "Lower memory, vcpus or replicas with update_service, delete what is not needed, or ask an operator for a larger quota of the project."
            }
            Self::NeedsRoot => {
                "Pods run as a user without rights, on a read-only root file system with a writable /tmp: have the image do without root, or use a project with isolation sandboxed."
            }
            Self::Unschedulable => {
                "Lower memory or vcpus with update_service, or ask an operator for larger or more nodes."
            }
            Self::SecretMissing => {
                "The reconciler has not put the Secret there: an operator should look at the log of inkstone reconcile."
            }
            Self::CannotStart => {
                "Look at the command of the image: the program must exist, be executable, and be built for the node's processor."
            }
            Self::Evicted => {
                "The cluster replaces it. If the node says that it used too much disk, write less to /tmp and to the log: a pod has 512 MiB in /tmp and 1 GiB in all."
            }
            Self::Stalled => "runtime_log_lines shows what the process does.",
        }
    }
}

/// What keeps a release from being active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub reason: Reason,
    /// What was seen. It may quote the pod: untrusted text.
    pub message: String,
}

impl Problem {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Why a replica set may not make pods.
pub(super) fn of_refused_pods(message: &str) -> Problem {
    if message.contains("exceeded quota") {
        return Problem::new(
            Reason::Quota,
            format!("The project's quota has no room for its pods: {message}"),
        );
    }
    Problem::new(Reason::CannotStart, format!("The cluster refuses its pods: {message}"))
}

/// Nothing is known but that it takes too long.
pub(super) fn of_stalled() -> Problem {
    Problem::new(Reason::Stalled, "It has made no progress for five minutes.")
}
