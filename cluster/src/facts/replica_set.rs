//! Which replica set is the newest: that of the template that is applied.

use super::deployment::REVISION;
use super::{own_service, text, time};
use inkstone_spec::ServiceRef;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;

/// What is kept of a `ReplicaSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSetFacts {
    /// Its number; the newest has that of its `Deployment`.
    pub revision: String,
    /// Why it cannot make pods; empty if it can.
    pub failure: String,
    /// Since when it cannot.
    pub failing_since: Option<Timestamp>,
}

impl ReplicaSetFacts {
    pub(crate) fn of(object: &ReplicaSet) -> Option<(ServiceRef, Self)> {
        let service = own_service(&object.metadata)?;
        let annotations = object.metadata.annotations.as_ref();
        let revision = annotations.and_then(|it| it.get(REVISION)).cloned().unwrap_or_default();
        let mut conditions = object.status.iter().flat_map(|it| it.conditions.iter().flatten());
        let failure = conditions.find(|it| it.type_ == "ReplicaFailure" && it.status == "True");
        let facts = Self {
            revision,
            failure: failure.map(|it| text(it.message.as_ref())).unwrap_or_default(),
            failing_since: failure.and_then(|it| time(it.last_transition_time.as_ref())),
        };
        Some((service, facts))
    }
}
