//! What a `Deployment` says of its rollout.

use super::{count, own_service};
use inkstone_spec::{DeploymentId, ServiceRef};
use k8s_openapi::api::apps::v1::Deployment;

/// The deployment that made the release which is applied.
const DEPLOYMENT: &str = "inkstone.dev/deployment";
/// Which of its replica sets is the newest.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";

/// What is kept of a `Deployment`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentFacts {
    /// The deployment that made the release which is applied.
    pub deployment: Option<DeploymentId>,
    /// The number of its newest replica set.
    pub revision: String,
    /// Whether its controller has seen what is applied.
    pub current: bool,
    /// How many pods it should have.
    pub wanted: u32,
    /// How many pods it has, old ones included.
    pub total: u32,
    /// How many of them are of the newest replica set.
    pub updated: u32,
    /// How many are ready.
    pub ready: u32,
    /// Whether it has made no progress for too long.
    pub stalled: bool,
    /// Whether all pods of its newest replica set were ready once.
    pub completed: bool,
}

impl DeploymentFacts {
    pub(crate) fn of(object: &Deployment) -> Option<(ServiceRef, Self)> {
        let service = own_service(&object.metadata)?;
        let meta = &object.metadata;
        let annotation = |name: &str| meta.annotations.as_ref()?.get(name);
        let status = object.status.clone().unwrap_or_default();
        let conditions = status.conditions.unwrap_or_default();
        let progress = conditions.iter().find(|it| it.type_ == "Progressing");
        let progress = progress.and_then(|it| it.reason.as_deref());
        let facts = Self {
            deployment: annotation(DEPLOYMENT).and_then(|id| id.parse().ok()),
            revision: annotation(REVISION).cloned().unwrap_or_default(),
            current: status.observed_generation.unwrap_or(-1) >= meta.generation.unwrap_or(0),
            // Kubernetes takes an absent number for one.
            wanted: object
                .spec
                .as_ref()
                .map_or(1, |spec| spec.replicas.map_or(1, |n| count(Some(n)))),
            total: count(status.replicas),
            updated: count(status.updated_replicas),
            ready: count(status.ready_replicas),
            stalled: progress == Some("ProgressDeadlineExceeded"),
            completed: progress == Some("NewReplicaSetAvailable"),
        };
        Some((service, facts))
    }
}
