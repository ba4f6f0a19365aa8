//! One watch for each kind of object. Nothing is polled, and nobody who asks waits for the cluster.

use crate::Cluster;
use crate::facts::{
    Application, ApplicationFacts, DeploymentFacts, EventFacts, MANAGED, PodFacts, ReplicaSetFacts,
    application_resource,
};
use crate::index::{Index, Kept, Kind, Seen, Table};
use crate::observed::Observed;
use crate::ports;
use futures_util::{Stream, StreamExt as _};
use inkstone_spec::{ProjectRef, ServiceName, ServiceRef};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event as KubeEvent, Pod};
use kube::runtime::watcher;
use kube::runtime::watcher::Event;
use kube::{Api, ResourceExt as _};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// What an application needs to be one of ours.
const APPLICATIONS: &str = "inkstone.dev/service";
/// Only what went wrong is read of the events.
const WARNINGS: &str = "type=Warning";
/// How long one request of a watch lasts before the next goes on where it was, in seconds. A connection that died
/// silently is noticed soon after that.
pub(crate) const WATCH_SECONDS: u32 = 25;
/// How long after a watch has failed the next one begins.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The same after many have.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Watches a cluster and knows how its services are doing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Observer {
    index: Arc<Index>,
}

impl Observer {
    /// Watches for as long as it is polled. What breaks off is begun again: everything is listed anew,
    /// so nothing that happened meanwhile is missed.
    pub async fn watch(&self, cluster: &Cluster, argocd_namespace: &str) {
        let client = || cluster.client();
        let some = || watcher::Config::default().timeout(WATCH_SECONDS);
        let managed = || some().labels(MANAGED);
        let index = &self.index;
        let applications = || {
            let resource = application_resource();
            let api: Api<Application> = Api::namespaced_with(client(), argocd_namespace, &resource);
            watcher(api, some().labels(APPLICATIONS))
        };
        let deployments = || watcher(Api::<Deployment>::all(client()), managed());
        let replica_sets = || watcher(Api::<ReplicaSet>::all(client()), managed());
        let pods = || watcher(Api::<Pod>::all(client()), managed());
        let warnings = || watcher(Api::<KubeEvent>::all(client()), some().fields(WARNINGS));
        tokio::join!(
            follow(Kind::Applications, applications, &index.applications, ApplicationFacts::of),
            follow(Kind::Deployments, deployments, &index.deployments, DeploymentFacts::of),
            follow(Kind::ReplicaSets, replica_sets, &index.replica_sets, ReplicaSetFacts::of),
            follow(Kind::Pods, pods, &index.pods, PodFacts::of),
            follow(Kind::Events, warnings, &index.events, EventFacts::of),
            ports::watch(index, cluster),
        );
    }

    /// What is known of a service.
    pub fn observed(&self, service: &ServiceRef) -> Observed {
        self.index.observed(service)
    }

    /// Takes what the reconciler says of the environments of a project: what is wrong with some, and so
    /// that the others are well.
    pub fn reported(&self, project: &ProjectRef, problems: BTreeMap<ServiceName, String>) {
        self.index.reported(project, problems);
    }

    /// How well each kind is seen.
    pub fn seen(&self) -> [(Kind, Seen); 5] {
        self.index.seen()
    }
}

/// Keeps `table` like what the streams that `start` begins tell of. One that fails is dropped and another
/// begun, which lists everything: a watch that goes on where it was would not say that it does.
async fn follow<O, K, F, S>(
    kind: Kind,
    start: impl Fn() -> S,
    table: &Table<K, F>,
    facts: impl Fn(&O) -> Option<(K, F)>,
) where
    O: kube::Resource,
    K: Hash + Eq,
    F: Kept,
    S: Stream<Item = Result<Event<O>, watcher::Error>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let mut stream = std::pin::pin!(start());
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => table.begin(),
                Ok(Event::InitApply(object)) => {
                    if let Some((key, facts)) = facts(&object) {
                        table.list(key, object.name_any(), facts);
                    }
                }
                Ok(Event::InitDone) => {
                    table.listed();
                    pause = FIRST_PAUSE;
                    tracing::info!(kind = kind.as_str(), "the cluster is watched");
                }
                Ok(Event::Apply(object)) => {
                    if let Some((key, facts)) = facts(&object) {
                        table.put(key, object.name_any(), facts);
                    }
                }
                Ok(Event::Delete(object)) => {
                    if let Some((key, _)) = facts(&object) {
                        table.remove(&key, &object.name_any());
                    }
                }
                Err(error) => {
                    if table.lost(Timestamp::now(), error.to_string()) {
                        tracing::warn!(kind = kind.as_str(), %error, "the cluster cannot be watched");
                    }
                    break;
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
