//! The question "may this credential do that?", which someone else answers.

use crate::{Credential, RepoPath};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

/// What a client is about to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Clone or fetch.
    Read,
    /// Push.
    Write,
}

/// Leave to go ahead, and what is needed for it.
#[derive(Debug)]
pub struct Access<Actor> {
    /// The bare repository, an absolute path.
    pub git_dir: PathBuf,
    /// The directory whose hooks judge a push, an absolute path; without one no hook runs.
    pub hooks_dir: Option<PathBuf>,
    /// Environment variables for those hooks, beside the ones that git sets.
    pub hook_env: Vec<(String, String)>,
    /// Who asks: handed on to the [`PushSink`](crate::PushSink) as it is.
    pub actor: Actor,
}

/// Why not.
#[derive(Debug)]
pub enum Denied {
    /// There is no credential, or it is not (or no longer) good: 401.
    Unauthenticated,
    /// The credential may see the repository, but not do this: 403. The message says what is
    /// missing and how to get it.
    Forbidden {
        /// For the person at the client, one line.
        message: String,
    },
    /// There is no such repository, or the credential may not know of it: 404, the same answer.
    NotFound,
    /// It cannot be told now: 503.
    Unavailable,
}

/// Decides who may do what. Asked for every request, so that a revoked credential ends at once.
pub trait Authorizer: Send + Sync + 'static {
    /// Who asks, as far as the [`PushSink`](crate::PushSink) cares.
    type Actor: Send + Sync + 'static;

    /// Whether the holder of `credential` may do `operation` on `repo`.
    fn authorize(
        &self,
        credential: Option<Credential>,
        repo: &RepoPath,
        operation: Operation,
    ) -> impl Future<Output = Result<Access<Self::Actor>, Denied>> + Send;
}

impl<T: Authorizer> Authorizer for Arc<T> {
    type Actor = T::Actor;

    fn authorize(
        &self,
        credential: Option<Credential>,
        repo: &RepoPath,
        operation: Operation,
    ) -> impl Future<Output = Result<Access<Self::Actor>, Denied>> + Send {
        T::authorize(self, credential, repo, operation)
    }
}
