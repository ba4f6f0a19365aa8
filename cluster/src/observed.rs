//! What is known of one service.

use crate::facts::{ApplicationFacts, DeploymentFacts, EventFacts, PodFacts, ReplicaSetFacts};
use crate::index::{Kind, Seen};
use crate::ports::Listening;
use std::collections::BTreeMap;

/// What is known of one service at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What `ArgoCD` says of its manifests.
    pub application: Option<ApplicationFacts>,
    /// Its rollout.
    pub deployment: Option<DeploymentFacts>,
    /// Its replica sets by name.
    pub replica_sets: BTreeMap<String, ReplicaSetFacts>,
    /// Its pods by name.
    pub pods: BTreeMap<String, PodFacts>,
    /// Where the processes of pods listen that do not answer where they should, by pod.
    pub listening: BTreeMap<String, Listening>,
    /// Warnings about any of these, newest first.
    pub events: Vec<EventFacts>,
    /// Why the Secret with its environment is not there, if the reconciler knows.
    pub secret: Option<String>,
    /// A kind of object that is not seen now, if there is one: then the rest may be old.
    pub lost: Option<(Kind, Seen)>,
}

impl Observed {
    /// The pods of what is applied now; those of older replica sets are on their way out.
    pub fn newest_pods(&self) -> impl Iterator<Item = (&str, &PodFacts)> {
        let pods = self.pods.iter().filter(|(_, pod)| self.is_newest(pod));
        pods.map(|(name, pod)| (name.as_str(), pod))
    }

    /// Whether a pod is one of these.
    pub fn is_newest(&self, pod: &PodFacts) -> bool {
        let set = self.replica_sets.get(&pod.replica_set);
        set.is_some_and(|set| self.has_revision(set)) && !pod.leaving
    }

    /// The replica set of what is applied now.
    pub(crate) fn newest_set(&self) -> Option<&ReplicaSetFacts> {
        self.replica_sets.values().find(|set| self.has_revision(set))
    }

    fn has_revision(&self, set: &ReplicaSetFacts) -> bool {
        self.deployment.as_ref().is_some_and(|it| it.revision == set.revision)
    }
}
