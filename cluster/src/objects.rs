//! The few objects that Inkstone puts into a cluster itself: Secrets, whose values are in git only sealed;
//! and the end of a namespace, which `ArgoCD` must not bring about.

use crate::Cluster;
use crate::facts::{MANAGED, PROJECT, SERVICE, WORKSPACE, time};
use inkstone_spec::{Namespace, ProjectRef, ServiceName};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace as KubeNamespace, PersistentVolumeClaim, Pod, Secret};
use kube::api::{
    DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::PartialObjectMeta;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

/// Who owns the fields that are applied here.
const FIELD_MANAGER: &str = "inkstone";
/// The label, and its value, of everything that Inkstone makes.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "inkstone");
/// What a Secret's content is told apart by, without reading it.
const CONTENT: &str = "inkstone.dev/content";
/// How long a namespace is left alone after it was made: clocks differ.
const YOUNG: SignedDuration = SignedDuration::from_secs(20);
/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(15);
/// What the API server answers for something that is not there, was there first, may not be done.
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;
const FORBIDDEN: u16 = 403;

/// A Secret as it should be.
pub struct NewSecret {
    /// The project whose namespace it is in.
    pub project: ProjectRef,
    /// The service that it is for; `None`: all of the project.
    pub service: Option<ServiceName>,
    /// Its name.
    pub name: String,
    /// Its type, such as `Opaque`.
    pub kind: &'static str,
    /// Its values.
    pub data: BTreeMap<String, Vec<u8>>,
    /// What tells its content apart from another one's; `None`: its name does, and it never changes.
    pub content: Option<String>,
}

/// What is known of a Secret without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its name.
    pub name: String,
    /// What its content was told apart by when it was put there.
    pub content: Option<String>,
    /// When it was put there.
    pub created: Option<Timestamp>,
}

/// How it is with a namespace that no project needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It is on its way out, gone, or not that project's.
    Settled,
    /// Something is still in it.
    InUse,
    /// It is too young to tell whether nobody needs it.
    Young,
    /// Nothing runs in it. Its UID, by which it is told from one that is made anew.
    Empty(String),
}

/// Why something could not be done in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The namespace, or what was named, is not there, or not yet ours to change.
    #[error("{0} is not there yet")]
    Absent(String),
    /// Another one is there already, or it was changed meanwhile.
    #[error("the cluster has another one: {0}")]
    Conflict(String),
    /// The cluster does not let this identity do it.
    #[error("the cluster refuses it: {0}")]
    Forbidden(String),
    /// Anything else.
    #[error("the cluster could not be asked: {0}")]
    Failed(String),
}

impl Cluster {
    /// The Secrets of a namespace that are Inkstone's, without their values.
    pub async fn secrets(&self, namespace: &Namespace) -> Result<Vec<SecretFacts>, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace.as_str());
        let found = in_time(api.list_metadata(&ListParams::default().labels(MANAGED))).await?;
        let facts = |secret: &PartialObjectMeta<Secret>| SecretFacts {
            name: secret.name_any(),
            content: secret.annotations().get(CONTENT).cloned(),
            created: time(secret.metadata.creation_timestamp.as_ref()),
        };
        Ok(found.items.iter().map(facts).collect())
    }

    /// Puts a Secret where it should be. One whose name tells its content is left alone if it is there.
    pub async fn put_secret(&self, secret: &NewSecret) -> Result<(), ClusterError> {
        let namespace = secret.project.namespace();
        let api: Api<Secret> = Api::namespaced(self.client(), namespace.as_str());
        let object = secret.object();
        if secret.content.is_some() {
            let apply = PatchParams::apply(FIELD_MANAGER).force();
            in_time(api.patch(&secret.name, &apply, &Patch::Apply(&object))).await?;
            return Ok(());
        }
        let manager =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match in_time(api.create(&manager, &object)).await {
            Ok(_) | Err(ClusterError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes a Secret; one that is gone is no error.
    pub async fn delete_secret(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<(), ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace.as_str());
        gone(in_time(api.delete(name, &DeleteParams::default())).await.map(drop))
    }

    /// The namespaces of projects.
    pub async fn project_namespaces(&self) -> Result<Vec<ProjectRef>, ClusterError> {
        let api: Api<KubeNamespace> = Api::all(self.client());
        let found = in_time(api.list_metadata(&ListParams::default().labels(MANAGED))).await?;
        Ok(found.items.iter().filter_map(|it| project_of(&it.metadata)).collect())
    }

    /// How it is with the namespace of a project that is gone from the state repo as it was seen at `known`. One that
    /// was made since, or just now, may be of a project that is only not known yet.
    pub async fn abandoned(
        &self,
        project: &ProjectRef,
        known: Timestamp,
        now: Timestamp,
    ) -> Result<Abandoned, ClusterError> {
        let namespace = project.namespace();
        let name = namespace.as_str();
        let api: Api<KubeNamespace> = Api::all(self.client());
        let found = match in_time(api.get_metadata(name)).await {
            Ok(found) => found,
            Err(error) => return gone(Err(error)).map(|()| Abandoned::Settled),
        };
        let is_leaving = found.metadata.deletion_timestamp.is_some();
        if is_leaving || project_of(&found.metadata).as_ref() != Some(project) {
            return Ok(Abandoned::Settled);
        }
        let is_old = time(found.metadata.creation_timestamp.as_ref())
            .is_some_and(|made| made <= known && now.duration_since(made) >= YOUNG);
        if !is_old {
            return Ok(Abandoned::Young);
        }
        let is_used = self.has::<Deployment>(name).await?
            || self.has::<Pod>(name).await?
            || self.has::<PersistentVolumeClaim>(name).await?;
        if is_used {
            return Ok(Abandoned::InUse);
        }
        Ok(Abandoned::Empty(found.metadata.uid.unwrap_or_default()))
    }

    /// Removes a namespace, if it still is the one of that UID.
    pub async fn remove_namespace(
        &self,
        namespace: &Namespace,
        uid: String,
    ) -> Result<(), ClusterError> {
        let api: Api<KubeNamespace> = Api::all(self.client());
        let same = Preconditions { uid: Some(uid), resource_version: None };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        gone(in_time(api.delete(namespace.as_str(), &params)).await.map(drop))
    }

    async fn has<K>(&self, namespace: &str) -> Result<bool, ClusterError>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace);
        let one = in_time(api.list_metadata(&ListParams::default().limit(1))).await?;
        Ok(!one.items.is_empty())
    }
}

impl NewSecret {
    fn object(&self) -> Secret {
        let mut labels = BTreeMap::from([
            (MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned()),
            (WORKSPACE.to_owned(), self.project.workspace.to_string()),
            (PROJECT.to_owned(), self.project.project.to_string()),
        ]);
        if let Some(service) = &self.service {
            labels.insert(SERVICE.to_owned(), service.to_string());
        }
        let content = self.content.iter().map(|it| (CONTENT.to_owned(), it.clone()));
        let data = self.data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone())));
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.project.namespace().to_string()),
                labels: Some(labels),
                annotations: Some(content.collect()),
                ..ObjectMeta::default()
            },
            type_: Some(self.kind.to_owned()),
            immutable: self.content.is_none().then_some(true),
            data: Some(data.collect()),
            ..Secret::default()
        }
    }
}

/// The project that a namespace says it is of, if its name is that project's.
pub(crate) fn project_of(meta: &ObjectMeta) -> Option<ProjectRef> {
    let labels = meta.labels.as_ref()?;
    let project = ProjectRef {
        workspace: labels.get(WORKSPACE)?.parse().ok()?,
        project: labels.get(PROJECT)?.parse().ok()?,
    };
    (meta.name.as_deref() == Some(project.namespace().as_str())).then_some(project)
}

/// Where it is gone already, or another was made in its place, there is nothing left to do.
fn gone(result: Result<(), ClusterError>) -> Result<(), ClusterError> {
    match result {
        Err(ClusterError::Absent(_) | ClusterError::Conflict(_)) => Ok(()),
        result => result,
    }
}

/// What a request brings, unless it takes too long.
async fn in_time<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ClusterError> {
    let late = |_| {
        let seconds = REQUEST_TIME.as_secs();
        ClusterError::Failed(format!("it did not answer within {seconds} seconds"))
    };
    tokio::time::timeout(REQUEST_TIME, request).await.map_err(late)?.map_err(failed)
}

fn failed(error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => match status.code {
            NOT_FOUND => ClusterError::Absent(status.message),
            CONFLICT => ClusterError::Conflict(status.message),
            FORBIDDEN => ClusterError::Forbidden(status.message),
            _ => ClusterError::Failed(status.to_string()),
        },
        error => ClusterError::Failed(error.to_string()),
    }
}
