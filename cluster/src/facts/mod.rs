//! What is kept of each object: what tells how a service is doing, and no more. A fleet of thousands is
//! watched, and whole objects would be a hundred times as large.

mod application;
mod deployment;
mod event;
mod pod;
mod replica_set;

pub(crate) use application::{Application, application_resource};
pub use application::{ApplicationFacts, Operation};
pub use deployment::DeploymentFacts;
pub use event::EventFacts;
pub(crate) use pod::CONTAINER;
pub use pod::{ContainerFacts, ContainerState, Ended, PodFacts};
pub use replica_set::ReplicaSetFacts;

use inkstone_spec::{ServiceRef, printable_lines};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

/// What marks the objects that Inkstone renders.
pub(crate) const MANAGED: &str = "app.kubernetes.io/managed-by=inkstone";
pub(crate) const WORKSPACE: &str = "inkstone.dev/workspace";
pub(crate) const PROJECT: &str = "inkstone.dev/project";
pub(crate) const SERVICE: &str = "inkstone.dev/service";
/// The longest text that is kept of what a cluster or a pod says, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 4 * 1024;

/// The service that an object's labels name; `None` where it is no service's.
pub(crate) fn service_of(meta: &ObjectMeta) -> Option<ServiceRef> {
    let labels = meta.labels.as_ref()?;
    Some(ServiceRef {
        workspace: labels.get(WORKSPACE)?.parse().ok()?,
        project: labels.get(PROJECT)?.parse().ok()?,
        service: labels.get(SERVICE)?.parse().ok()?,
    })
}

/// The same of an object in a namespace, if that is its project's: anybody may copy an object with its labels.
pub(crate) fn own_service(meta: &ObjectMeta) -> Option<ServiceRef> {
    let service = service_of(meta)?;
    let namespace = service.project_ref().namespace();
    (meta.namespace.as_deref() == Some(namespace.as_str())).then_some(service)
}

/// Text from outside, without anything that a terminal or an agent would obey, and not too long: the
/// end is what tells most.
pub(crate) fn text(text: Option<&String>) -> String {
    let Some(text) = text else { return String::new() };
    let start = text.len().saturating_sub(MAX_TEXT_BYTES);
    let start = (start..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let kept = text.get(start..).unwrap_or_default();
    printable_lines(kept)
}

pub(crate) fn time(time: Option<&Time>) -> Option<Timestamp> {
    time.map(|time| time.0)
}

pub(crate) fn count(count: Option<i32>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_object_with_the_labels_of_a_service_is_its_own_in_its_projects_namespace_alone() {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = [label(WORKSPACE, "main"), label(PROJECT, "shop"), label(SERVICE, "site")];
        let of = |namespace: &str| ObjectMeta {
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from(labels.clone())),
            ..ObjectMeta::default()
        };
        assert_eq!(own_service(&of("dp-main-shop")), "main/shop/site".parse().ok());
        assert_eq!(own_service(&of("debugging")), None);
    }
}
