//! Which repository a request names.

use crate::refusal::Refusal;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use inkstone_spec::RepoRef;
use std::fmt;

/// A repository that this server may hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RepoPath {
    /// A hosted source repository, `/git/<workspace>/<repo>.git`.
    Hosted(RepoRef),
    /// The state repo, `/state.git`.
    State,
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosted(repo) => repo.fmt(f),
            Self::State => f.write_str("state"),
        }
    }
}

/// The repository that a route's `{workspace}` and `{repo}` name; a route without them is the state
/// repo's. A name that no repository can have is answered like one that none has.
pub(crate) struct Requested(pub(crate) RepoPath);

impl<S: Send + Sync> FromRequestParts<S> for Requested {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::NoSuchRepo)?;
        let param = |name| params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        match (param("workspace"), param("repo")) {
            (None, None) => Ok(Self(RepoPath::State)),
            (Some(workspace), Some(repo)) => {
                hosted(workspace, repo).map(Self).ok_or(Refusal::NoSuchRepo)
            }
            _ => Err(Refusal::NoSuchRepo),
        }
    }
}

fn hosted(workspace: &str, repo: &str) -> Option<RepoPath> {
    let workspace = workspace.parse().ok()?;
    let repo = repo.strip_suffix(".git")?.parse().ok()?;
    Some(RepoPath::Hosted(RepoRef { workspace, repo }))
}
