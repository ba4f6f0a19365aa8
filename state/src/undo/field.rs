//! The fields that are undone one by one, named as people write them.

use super::env::sealed;
use crate::ServiceFiles;
use inkstone_spec::{EnvKey, Service, ServiceSpec, Source};
use std::collections::BTreeSet;
use std::fmt;

/// Defines the leaf fields of a service's `spec`: those of the source by what they have in common and how
/// they are copied, for a source is one of two kinds; the others by their path.
macro_rules! leaves {
    (
        source { $($(#[$of_doc:meta])* $of:ident = $of_name:literal, $same:expr, $copy:expr;)+ }
        $($(#[$doc:meta])* $leaf:ident = $name:literal, $($part:ident).+;)+
    ) => {
        /// A leaf field of a service's `spec`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Leaf {
            $($(#[$of_doc])* $of,)+
            $($(#[$doc])* $leaf),+
        }

        impl Leaf {
            /// Every leaf, in the order of the file.
            pub const ALL: &[Self] = &[$(Self::$of,)+ $(Self::$leaf),+];

            /// Its path in the file.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$of => $of_name,)+ $(Self::$leaf => $name),+ }
            }

            /// Whether two services agree on it.
            pub(super) fn is_same(self, a: &ServiceSpec, b: &ServiceSpec) -> bool {
                match self {
                    $(Self::$of => {
                        let same: fn(&ServiceSpec, &ServiceSpec) -> bool = $same;
                        same(a, b)
                    })+
                    $(Self::$leaf => a.$($part).+ == b.$($part).+),+
                }
            }

            /// Copies it.
            pub(super) fn copy(self, from: &ServiceSpec, to: &mut ServiceSpec) {
                match self {
                    $(Self::$of => {
                        let copy: fn(&ServiceSpec, &mut ServiceSpec) = $copy;
                        copy(from, to);
                    })+
                    $(Self::$leaf => to.$($part).+.clone_from(&from.$($part).+)),+
                }
            }
        }
    };
}

/// Copies a field of a branch to another branch.
macro_rules! copy_of_branch {
    ($part:ident) => {
        |from, to| {
            if let (Source::Branch(from), Source::Branch(to)) = (&from.source, &mut to.source) {
                to.$part.clone_from(&from.$part);
            }
        }
    };
}

leaves! {
    source {
        /// The source and how it is built, as one, where it is of another kind.
        Source = "spec.source",
            |a, b| a.source == b.source && a.build == b.build,
            |from, to| {
                to.source.clone_from(&from.source);
                to.build.clone_from(&from.build);
            };
        /// Who hosts the source.
        SourceHost = "spec.source.host",
            |a, b| a.source.branch().map(|it| it.host) == b.source.branch().map(|it| it.host),
            copy_of_branch!(host);
        /// The source repository.
        SourceRepo = "spec.source.repo",
            |a, b| a.source.branch().map(|it| &it.repo) == b.source.branch().map(|it| &it.repo),
            copy_of_branch!(repo);
        /// The branch that is deployed.
        SourceBranch = "spec.source.branch",
            |a, b| a.source.branch().map(|it| &it.branch) == b.source.branch().map(|it| &it.branch),
            copy_of_branch!(branch);
        /// The ready image that is deployed.
        SourceImage = "spec.source.image",
            |a, b| a.source.image() == b.source.image(),
            |from, to| if from.source.image().is_some() { to.source.clone_from(&from.source) };
    }
    /// The build pack.
    Pack = "spec.build.pack", build.pack;
    /// The directory that is the source.
    RootDirectory = "spec.build.rootDirectory", build.root_directory;
    /// The directory that is published.
    PublishDirectory = "spec.build.publishDirectory", build.publish_directory;
    /// The port.
    Port = "spec.port", port;
    /// How many pods.
    Replicas = "spec.replicas", replicas;
    /// Memory of each pod.
    Memory = "spec.resources.memory", resources.memory;
    /// CPU of each pod.
    Vcpus = "spec.resources.vcpus", resources.vcpus;
    /// The hosts beside the default one, as one.
    Hosts = "spec.hosts", hosts;
    /// The hold, as one.
    Hold = "spec.hold", hold;
}

impl Leaf {
    /// The leaves that services with these intents are compared by. Where the source of one is a branch and
    /// of another an image, source and build go together: neither makes sense with a part of the other.
    pub(super) fn of(specs: &[&ServiceSpec]) -> impl Iterator<Item = Self> + use<> {
        let images = specs.iter().filter(|spec| spec.source.image().is_some()).count();
        let is_mixed = images > 0 && images < specs.len();
        Self::ALL.iter().copied().filter(move |leaf| match leaf {
            Self::Source => is_mixed,
            Self::SourceHost
            | Self::SourceRepo
            | Self::SourceBranch
            | Self::SourceImage
            | Self::Pack
            | Self::RootDirectory
            | Self::PublishDirectory => !is_mixed,
            _ => true,
        })
    }
}

/// Something about a service that a commit can change by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Whether it exists, and all that it is.
    Service,
    /// Its life: a service that was made anew under an old name is another one.
    Uid,
    /// A field of its `spec`.
    Spec(Leaf),
    /// Its release, as one.
    Release,
    /// A variable of its env.
    Env(EnvKey),
}

impl Field {
    /// Whether a service is the same in this field at two places in history.
    pub fn is_same(&self, a: Option<&ServiceFiles>, b: Option<&ServiceFiles>) -> bool {
        let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
        match self {
            Self::Service => a.service == b.service && sealed(a) == sealed(b),
            Self::Uid => a.service.metadata.uid == b.service.metadata.uid,
            Self::Spec(leaf) => leaf.is_same(&a.service.spec, &b.service.spec),
            Self::Release => is_same_release(&a.service, &b.service),
            Self::Env(key) => sealed(a).get(key) == sealed(b).get(key),
        }
    }
}

/// The fields in which a service differs between two places; itself alone where it was made or went.
pub fn differing(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<Field> {
    let fields: Vec<Field> = match (before, after) {
        (Some(was), Some(is)) => {
            let keys: BTreeSet<&EnvKey> = was.env_keys().chain(is.env_keys()).collect();
            let env = keys.into_iter().cloned().map(Field::Env);
            let specs = [&was.service.spec, &is.service.spec];
            let leaves = Leaf::of(&specs).map(Field::Spec);
            leaves.chain([Field::Release]).chain(env).collect()
        }
        _ => vec![Field::Service],
    };
    fields.into_iter().filter(|field| !field.is_same(before, after)).collect()
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("service"),
            Self::Uid => f.write_str("metadata.uid"),
            Self::Spec(leaf) => f.write_str(leaf.as_str()),
            Self::Release => f.write_str("release"),
            Self::Env(key) => write!(f, "env.{key}"),
        }
    }
}

/// Whether both run the same thing. By which templates it is rendered is another matter: an upgrade
/// since then does not stand in the way of going back.
pub(super) fn is_same_release(a: &Service, b: &Service) -> bool {
    match (&a.release, &b.release) {
        (Some(a), Some(b)) => {
            (&a.deployment, &a.source_commit, &a.source_image, &a.image, a.port, a.user)
                == (&b.deployment, &b.source_commit, &b.source_image, &b.image, b.port, b.user)
        }
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_spec::{Build, Release, Resources, SourceBranch};

    /// A field that is added to these types must become a leaf, or part of the release: then this
    /// compiles again.
    #[expect(dead_code, reason = "it only has to compile")]
    fn every_field_is_merged(spec: ServiceSpec, release: Release) {
        let ServiceSpec { source, build, port, replicas, resources, hosts, hold } = spec;
        let (Source::Branch(_) | Source::Image { image: _ }) = &source;
        let Source::Branch(SourceBranch { host, repo, branch }) = source else { return };
        let Build { pack, root_directory, publish_directory } = build;
        let Resources { memory, vcpus } = resources;
        let Release {
            deployment,
            source_commit,
            source_image,
            image,
            port: found,
            user,
            templates,
        } = release;
        drop((port, replicas, hosts, hold, host, repo, branch, pack, root_directory));
        drop((publish_directory, memory, vcpus, deployment, source_commit, image, found));
        drop((source_image, user, templates));
    }

    #[test]
    fn leaves_are_named_as_in_the_file_and_each_once() {
        let names: std::collections::BTreeSet<_> = Leaf::ALL.iter().map(|l| l.as_str()).collect();
        assert_eq!(names.len(), Leaf::ALL.len());
        assert_eq!(Field::Spec(Leaf::Memory).to_string(), "spec.resources.memory");
        assert_eq!(Field::Env("API_TOKEN".parse().unwrap()).to_string(), "env.API_TOKEN");
    }
}
