//! Which replica set is the newest: that of the template that is applied.

use super::deployment::REVISION;
use super::service_of;
use inkstone_spec::ServiceRef;
use k8s_openapi::api::apps::v1::ReplicaSet;

/// What is kept of a `ReplicaSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSetFacts {
    /// Its number; the newest has that of its `Deployment`.
    pub revision: String,
}

impl ReplicaSetFacts {
    pub(crate) fn of(object: &ReplicaSet) -> Option<(ServiceRef, Self)> {
        let service = service_of(&object.metadata)?;
        let annotations = object.metadata.annotations.as_ref();
        let revision = annotations.and_then(|it| it.get(REVISION)).cloned().unwrap_or_default();
        Some((service, Self { revision }))
    }
}
