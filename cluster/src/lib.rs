//! A Kubernetes cluster: how what it runs is doing, and the few objects that Inkstone puts there itself.
//!
//! Owns the connection, one watch for each kind of object ([`Observer`]), what is kept of it in memory,
//! and what follows from that for one service ([`standing`], pure). It is the only crate that knows the
//! Kubernetes API.
//!
//! Must not know: git, SQL, or who may see what. It decides nothing about what should run.

mod access;
mod argocd;
mod facts;
mod index;
mod logs;
mod namespaces;
mod objects;
mod observed;
mod ports;
mod standing;
mod watch;

pub use access::{Access, AccessError, Cluster};
pub use argocd::{Push, Webhook, WebhookError};
pub use facts::{
    ApplicationFacts, ContainerFacts, ContainerState, DeploymentFacts, Ended, EventFacts,
    Operation, PodFacts, ReplicaSetFacts,
};
pub use index::{Kind, Seen};
pub use logs::{Log, LogError};
pub use namespaces::NewNamespaces;
pub use objects::{Abandoned, ClusterError, NewSecret, SecretFacts};
pub use observed::Observed;
pub use ports::Listening;
pub use standing::{Phase, PodLine, Problem, Reason, Standing, Wanted, standing};
pub use watch::Observer;
