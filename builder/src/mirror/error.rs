//! Why a ready image cannot be had, or cannot be run.

use inkstone_spec::ImageReference;

/// Why there is no image. What comes from the registry is shown escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The registry has no such image.
    #[error("{registry} has no {what}")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was looked for.
        what: String,
    },
    /// The registry wants a credential, or another one.
    #[error("{registry} does not let Inkstone pull {repository}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The registry cannot be reached.
    #[error("{registry} cannot be reached: {problem}")]
    Unreachable {
        /// The registry.
        registry: String,
        /// What happened; no URL, which may hold a signature.
        problem: String,
    },
    /// The registry answers with something that is none of the protocol.
    #[error("{registry} did not let Inkstone pull the image: {problem}")]
    Registry {
        /// The registry.
        registry: String,
        /// What happened.
        problem: String,
    },
    /// The registry sends us where it may not.
    #[error("{registry} sends to {to}, which is not a public address")]
    Redirect {
        /// The registry.
        registry: String,
        /// The host that it names.
        to: String,
    },
    /// What came is not what the digest says.
    #[error("{registry} sent something else than {what} names")]
    Mismatch {
        /// The registry.
        registry: String,
        /// The digest, or the size, that was expected.
        what: String,
    },
    /// It is no image, or one of a kind that nodes do not run.
    #[error("{image} cannot be used: {problem}")]
    Unusable {
        /// The image.
        image: ImageReference,
        /// What is wrong with it.
        problem: String,
    },
    /// It is larger than an image may be.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed, with its unit.
        limit: String,
    },
    /// It would write to the node's own disk.
    #[error("the image has a volume at {path}, which no limit would hold on the node's disk")]
    Volume {
        /// Where.
        path: String,
    },
    /// It runs as root.
    #[error("the image runs as root")]
    NeedsRoot,
    /// It names its user instead of numbering it, so that nobody can tell that it is not root.
    #[error("the image runs as the user {user:?}, which is a name and no number")]
    NamedUser {
        /// The user.
        user: String,
    },
}

impl MirrorError {
    /// A stable name of the kind of failure, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "image_not_found",
            Self::Unauthorized { .. } => "image_registry_unauthorized",
            Self::Unreachable { .. } => "image_registry_unreachable",
            Self::Registry { .. } => "image_registry_failed",
            Self::Redirect { .. } => "image_redirect_refused",
            Self::Mismatch { .. } => "image_digest_mismatch",
            Self::Unusable { .. } => "image_unusable",
            Self::TooLarge { .. } => "image_too_large",
            Self::Volume { .. } => "image_has_volume",
            Self::NeedsRoot => "needs_root",
            Self::NamedUser { .. } => "user_not_numeric",
        }
    }

    /// What to do next.
    pub(crate) fn suggestion(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "Check registry, repository and digest; `skopeo inspect docker://…` shows what is there."
            }
            Self::Unauthorized { .. } => {
                "Make the repository public, or ask the operator for a credential in --image-registries-credentials."
            }
            Self::Unreachable { .. } => {
                "Check that the registry is up, then call redeploy_service; where it speaks plain HTTP the operator names it in --image-registries-insecure."
            }
            Self::Registry { .. } => "Look at the registry, then call redeploy_service.",
            Self::Redirect { .. } => {
                "Let the registry serve blobs itself, or from a public address by https."
            }
            Self::Mismatch { .. } => {
                "The registry, or something before it, is damaged: pull the image with another tool to see, then call redeploy_service."
            }
            Self::Unusable { .. } => {
                "Push an image for linux that docker or buildah made, then call update_service with its digest."
            }
            Self::TooLarge { .. } => "Make the image smaller, for example with a slimmer base.",
            Self::Volume { .. } => {
                "Build the image without VOLUME: it may write to /tmp, and what is to stay belongs into a database."
            }
            Self::NeedsRoot => {
                "Set a numeric user in the image (USER 10001), or deploy it into a project that was created with isolation sandboxed."
            }
            Self::NamedUser { .. } => "Set a number in the image instead, for example USER 10001.",
        }
    }
}
