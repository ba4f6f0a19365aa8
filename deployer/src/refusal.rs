//! What a caller is told when something is refused or fails.

use crate::services::short;
use inkstone_builder::{self as builder, BuildError};
use inkstone_githost::RepoError;
use inkstone_spec::{Hostname, Invalid, Scope, WorkspaceName};
use inkstone_state::plan::PlanError;
use inkstone_state::{CommitError, StateError};
use inkstone_store::StoreError;
use serde_json::Value;
use std::fmt;

/// How many services a refusal names.
const MAX_NAMED: usize = 5;

/// A refusal: a stable code, what happened, what to do next, and the state that matters. Never a secret.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// A stable code in `snake_case`.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub suggestion: String,
    /// What is there, when that is what the caller needs to go on.
    pub state: Option<Box<Value>>,
}

impl Refusal {
    /// A refusal without state.
    pub fn new(
        code: &'static str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self { code, message: message.into(), suggestion: suggestion.into(), state: None }
    }

    pub(crate) fn with_state(mut self, state: Option<Value>) -> Self {
        self.state = state.map(Box::new);
        self
    }

    /// A failure that is ours: the details go to the log, not to the caller.
    pub(crate) fn internal(what: &'static str, error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "{what}");
        Self::new(
            "internal",
            format!("The server failed: {what}."),
            "Try again; if it stays, the operator finds the reason in the server's log under this request's id.",
        )
    }

    pub(crate) fn not_found(
        what: &str,
        name: &dyn fmt::Display,
        suggestion: impl Into<String>,
    ) -> Self {
        Self::new("not_found", format!("There is no {what} {name}."), suggestion)
    }

    pub(crate) fn bad_cursor() -> Self {
        Self::new(
            "invalid_cursor",
            "The cursor is not one that a list gave out.",
            "Use next_cursor of the page before as it is, or leave it out for the first page.",
        )
    }

    pub(crate) fn no_workspace(name: &WorkspaceName) -> Self {
        Self::not_found("workspace", name, "Call list_workspaces for those that you can use.")
    }

    pub(crate) fn missing_scope(scope: Scope) -> Self {
        Self::new(
            "missing_scope",
            format!("This key lacks the scope `{scope}`."),
            format!("Use a key that has it: `inkstone key create --scopes {scope},…` makes one."),
        )
    }

    /// A host is another service's. Whose, is not the caller's to know.
    pub(crate) fn host_taken(host: &Hostname) -> Self {
        Self::new(
            "host_taken",
            format!("The host {host} belongs to another service."),
            "Choose another service name.",
        )
    }

    /// Something cannot go while services need it: names some of them.
    pub(crate) fn in_use(code: &'static str, what: &str, mut services: Vec<String>) -> Self {
        let count = services.len();
        services.truncate(MAX_NAMED);
        let more = count.saturating_sub(services.len());
        let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Self::new(
            code,
            format!("{what} is needed by {}{and_more}.", services.join(", ")),
            "Call delete_service for each of these services that is no longer needed, then try again; nothing was changed.",
        )
    }

    /// What somebody else put into the state repo does not pass the checks.
    fn unchecked() -> Self {
        Self::new(
            "state_repo_unchecked",
            "The state repo's main branch has commits that break a law, so nothing is written on top of them.",
            "An operator runs `inkstone doctor`, which names them and says what to do. What is live stays as it is.",
        )
    }

    /// The planner's own refusal, or what the state repo failed with.
    pub(crate) fn from_commit(error: CommitError<Self>) -> Self {
        Self::or_reason(error)
    }

    /// The planner's own reason, or what the state repo failed with.
    pub(crate) fn or_reason<E: From<Self>>(error: CommitError<E>) -> E {
        let refusal = match error {
            CommitError::Plan(reason) => return reason,
            CommitError::State(error) => error.into(),
            CommitError::Busy => Self::new(
                "state_repo_busy",
                "Too many others are writing to the state repo.",
                "Try again in a few seconds.",
            ),
            CommitError::Unlawful(findings) => {
                for finding in &findings {
                    tracing::error!(%finding, "a planned change breaks a law");
                }
                Self::internal("a planned change breaks a law of the state repo", &findings.len())
            }
            CommitError::Unchecked(findings) => {
                for finding in &findings {
                    tracing::error!(%finding, "main does not pass the checks");
                }
                Self::unchecked()
            }
        };
        refusal.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.message.ends_with(['.', '!', '?', ':']) { "" } else { "." };
        write!(f, "{}{stop} {} ({})", self.message, self.suggestion, self.code)
    }
}

impl std::error::Error for Refusal {}

impl From<Invalid> for Refusal {
    fn from(error: Invalid) -> Self {
        let suggestion = error.suggestion();
        Self::new("invalid_argument", format!("{error}."), suggestion)
    }
}

impl From<PlanError> for Refusal {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::HostTaken { host, .. } => Self::host_taken(&host),
            PlanError::NotEmpty { project, services } => Self::in_use(
                "project_not_empty",
                &format!("Project {}", project.project),
                services.iter().map(short).collect(),
            ),
            PlanError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match error {
            StateError::RemoteDown { .. } => Self::new(
                "state_remote_unavailable",
                "The git host that keeps the state repo cannot be reached.",
                "Look whether your change has arrived, by get_service or a list; if not, try again in a minute. Deployments wait and go on by themselves.",
            ),
            StateError::RemoteUnfit { .. } => Self::new(
                "state_repo_unchecked",
                "The main branch on the git host that keeps the state repo has what git's own checks refuse, so nothing is written on top of it.",
                "An operator runs `inkstone doctor`, then `inkstone state restore`. Deployments wait.",
            ),
            StateError::RemoteRefused { said } => Self::new(
                "state_remote_refused",
                format!("The git host that keeps the state repo refused the change: {said}."),
                "Change what it names, or ask an operator: a hook or a rule of a protected branch there decides.",
            ),
            StateError::Rewound(_) => Self::new(
                "state_repo_rewound",
                "The git host that keeps the state repo has lost commits, so nothing is written on top of what it has.",
                "An operator runs `inkstone doctor`, then `inkstone state accept` or `inkstone state restore`. Deployments wait.",
            ),
            // What does not parse has not passed the checks, wherever somebody came upon it.
            StateError::Malformed { .. } => {
                tracing::error!(%error, "the state repo has a file that does not parse");
                Self::unchecked()
            }
            error => Self::failure("the state repo could not be read or written", &error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::QueueFull { .. } | StoreError::Busy => {
                Self::new(error.code(), format!("{error}."), error.suggestion())
            }
            _ => Self::failure("the database could not be read or written", &error),
        }
    }
}

impl From<RepoError> for Refusal {
    fn from(error: RepoError) -> Self {
        match error {
            // A service that was brought back may be older than the end of its repository.
            RepoError::NoSuchRepo { repo } => Self::not_found(
                "repo",
                &repo.repo,
                "Call create_repo with this name and push to it, or update_service to another repo.",
            ),
            _ => Self::failure("a source repository could not be read or written", &error),
        }
    }
}

impl From<BuildError> for Refusal {
    fn from(error: BuildError) -> Self {
        match error {
            // Where the image was to be kept is for the log.
            BuildError::Store(builder::StoreError::Disk { .. }) => {
                Self::failure("an image could not be kept", &error)
            }
            _ => Self::new(error.code(), format!("{error}"), error.suggestion()),
        }
    }
}
