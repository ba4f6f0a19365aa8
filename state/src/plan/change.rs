//! What somebody wants to be different about a service.

use inkstone_secrets::EnvFile;
use inkstone_spec::{Build, Hold, Hostname, Memory, Port, Replicas, ServiceSpec, Source, Vcpus};

/// What becomes of something that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
    /// It is there no more.
    Clear,
}

impl<T> Change<T> {
    /// Makes the change to `field`.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Set(value) => *field = Some(value),
            Self::Clear => *field = None,
        }
    }
}

/// The fields of a service that change; all others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceChange {
    /// Where its source is.
    pub source: Option<Source>,
    /// How its source becomes an image.
    pub build: Option<Build>,
    /// The port it listens on.
    pub port: Change<Port>,
    /// How many pods it runs.
    pub replicas: Option<Replicas>,
    /// Memory of each pod.
    pub memory: Option<Memory>,
    /// CPU of each pod.
    pub vcpus: Option<Vcpus>,
    /// Hosts beside the default one: all of them.
    pub hosts: Option<Vec<Hostname>>,
    /// Whether it is on hold.
    pub hold: Change<Hold>,
    /// Its sealed env: all of it.
    pub env: Change<EnvFile>,
}

impl ServiceChange {
    /// Makes the change to `spec` and to the env.
    pub(super) fn apply(self, spec: &mut ServiceSpec, env: &mut Option<EnvFile>) {
        fn set<T>(field: &mut T, wanted: Option<T>) {
            if let Some(wanted) = wanted {
                *field = wanted;
            }
        }
        set(&mut spec.source, self.source);
        set(&mut spec.build, self.build);
        self.port.apply(&mut spec.port);
        set(&mut spec.replicas, self.replicas);
        set(&mut spec.resources.memory, self.memory);
        set(&mut spec.resources.vcpus, self.vcpus);
        set(&mut spec.hosts, self.hosts);
        self.hold.apply(&mut spec.hold);
        self.env.apply(env);
    }
}
