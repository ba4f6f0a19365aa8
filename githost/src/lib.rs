//! The git server: smart HTTP for the hosted source repositories and the state repo, as an axum
//! [`Router`](axum::Router).
//!
//! Owns the wire (gitprotocol-http(5), protocol v2 included), the hardened `git` processes that
//! speak it, every limit on them ([`Limits`]), and the hosted repositories on disk
//! ([`HostedRepos`]) with their upkeep. Who may read or write what is asked of an [`Authorizer`]; what follows from a
//! push is asked of a [`PushSink`], after the refs have moved and whatever became of the client.
//! Needs git 2.36 or newer in `PATH`.
//!
//! Must not know: the queue, the SQL store, what the state repo means, or how anything is built.

mod access;
mod body;
mod commands;
mod credential;
mod exchange;
mod git;
mod hosted;
mod leftovers;
mod limits;
mod maintenance;
mod objects;
mod pktline;
mod push;
mod receive;
mod refs;
mod refusal;
mod repo;
mod router;
mod service;
mod turnstile;

pub use access::{Access, Authorizer, Denied, Operation};
pub use credential::Credential;
pub use hosted::{HostedRepos, RepoError};
pub use limits::{Limits, MaintenanceLimits, ServiceLimits};
pub use maintenance::tidy;
pub use objects::Objects;
pub use push::{Push, PushSink, RefUpdate};
pub use repo::RepoPath;
pub use router::router;
