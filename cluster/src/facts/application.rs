//! What `ArgoCD` says of the manifests of one folder.

use super::{service_of, text};
use inkstone_spec::{CommitId, ServiceRef};
use kube::core::{ApiResource, GroupVersionKind, NotUsed, Object};
use serde::Deserialize;

/// An `Application`, as far as it is read.
pub(crate) type Application = Object<NotUsed, ApplicationStatus>;

/// Where applications are in the API.
pub(crate) fn application_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ApplicationStatus {
    sync: Sync,
    operation_state: Option<OperationState>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sync {
    status: String,
    revision: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OperationState {
    phase: String,
    message: String,
    sync_result: SyncResult,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SyncResult {
    revision: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    message: String,
}

/// What is kept of an `Application`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// Whether the cluster has what `revision` says.
    pub synced: bool,
    /// The state commit that it was last compared with.
    pub revision: Option<CommitId>,
    /// The last sync, done or under way.
    pub operation: Option<Operation>,
    /// What is wrong with it, in its own words; empty if nothing.
    pub error: String,
}

/// A sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// `Running`, `Succeeded`, `Failed`, `Error` or `Terminating`.
    pub phase: String,
    /// What it says.
    pub message: String,
    /// The state commit that it applies.
    pub revision: Option<CommitId>,
}

impl ApplicationFacts {
    pub(crate) fn of(application: &Application) -> Option<(ServiceRef, Self)> {
        let service = service_of(&application.metadata)?;
        let Some(status) = &application.status else { return Some((service, Self::default())) };
        let errors = status.conditions.iter().filter(|it| it.r#type.ends_with("Error"));
        let errors = errors.map(|it| text(Some(&it.message))).collect::<Vec<_>>();
        let operation = status.operation_state.as_ref().map(|state| Operation {
            phase: text(Some(&state.phase)),
            message: text(Some(&state.message)),
            revision: state.sync_result.revision.parse().ok(),
        });
        let facts = Self {
            synced: status.sync.status == "Synced",
            revision: status.sync.revision.parse().ok(),
            operation,
            error: errors.join("\n"),
        };
        Some((service, facts))
    }
}
