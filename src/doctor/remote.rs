//! The remote of the state repo: that it answers, and that it has what it had accepted.

use super::Check;
use crate::data_dir::DataDir;
use inkstone_state::remote::{Branch, Rewound};
use inkstone_state::{StateError, StateRepo};

/// Looks at the remote by its own eyes, as the server does.
pub(super) fn look(data: &DataDir, state: &StateRepo) -> Option<Check> {
    let name = "state remote";
    let Some(remote) = state.remote() else {
        return data.remote().err().map(|error| {
            Check::fail(name, format!("{error:#}"), "start the server with --state-remote")
        });
    };
    let url = &remote.config().url;
    Some(match state.look() {
        Ok(()) => match remote.last_refused() {
            Ok(None) => Check::ok(name, format!("{url} has what is here")),
            Ok(Some(said)) => Check::warn(
                name,
                format!(
                    "{url} has what is here, and refused the last change: {said}; deployments wait"
                ),
                "see to what it says; the server tries again every minute while a deployment waits, and any change that it takes ends this",
            ),
            Err(error) => Check::warn(
                name,
                format!("{url} has what is here; whether it takes changes cannot be read: {error}"),
                "look at the server's log",
            ),
        },
        Err(StateError::Rewound(rewound)) => Check::fail(name, lost(&rewound), advice(&rewound)),
        Err(error @ StateError::RemoteDown { .. }) => Check::fail(
            name,
            format!("{url}: {error}; nothing can be written, deployments wait"),
            "see that the host answers and takes the credentials; the server goes on by itself",
        ),
        Err(StateError::RemoteUnfit { why }) => Check::fail(
            name,
            format!("{url}: {why}; nothing can be written, deployments wait"),
            "`inkstone state restore` puts back what it had; or put a sound main there",
        ),
        Err(error) => Check::fail(name, error.to_string(), "look at the server's log"),
    })
}

fn lost(rewound: &Rewound) -> String {
    let more = rewound.lost_count.saturating_sub(rewound.lost.len());
    let more = (more > 0).then(|| format!("and {more} more"));
    let head = format!("{rewound}; nothing is written until that is resolved");
    let lines = [head].into_iter().chain(rewound.lost.iter().cloned()).chain(more);
    lines.collect::<Vec<_>>().join("\n")
}

fn advice(rewound: &Rewound) -> &'static str {
    match (rewound.branch, rewound.is_behind) {
        (Branch::Main, true) => {
            "`inkstone state restore` gives these commits back to it; `inkstone state accept` gives them up"
        }
        (Branch::Main, false) => {
            "`inkstone state accept` takes its history, `inkstone state restore` puts ours back; what is given up is kept"
        }
        (Branch::Live, _) => "`inkstone state restore` puts it back",
    }
}
