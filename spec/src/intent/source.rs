//! Where what a service runs comes from: a branch that is built, or an image that is ready.

use crate::size::choice;
use crate::{BranchName, CommitId, ImageReference, RepoName};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Where what a service runs comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Source {
    /// A branch: each commit of it is built.
    Branch(SourceBranch),
    /// A ready image, which stays the same until somebody names another one.
    Image {
        /// Where it is.
        image: ImageReference,
    },
}

/// A branch of a source repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceBranch {
    /// Who hosts the repository.
    pub host: SourceHost,
    /// The repository.
    pub repo: RepoName,
    /// The branch that is deployed when it moves.
    pub branch: BranchName,
}

choice! {
    /// Who hosts a source repository.
    SourceHost, "source host", allowed: "inkstone", example: "inkstone",
    {
        /// Inkstone's own git server.
        Inkstone = "inkstone",
    }
}

/// What exactly is deployed: a commit of a branch, or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// A commit that is built.
    Commit {
        /// The branch that it was on.
        branch: SourceBranch,
        /// The commit.
        commit: CommitId,
    },
    /// A ready image.
    Image(ImageReference),
}

impl Source {
    /// The branch, where it is one.
    pub fn branch(&self) -> Option<&SourceBranch> {
        match self {
            Self::Branch(branch) => Some(branch),
            Self::Image { .. } => None,
        }
    }

    /// The repository, where there is one.
    pub fn repo(&self) -> Option<&RepoName> {
        self.branch().map(|branch| &branch.repo)
    }

    /// The image, where it is one.
    pub fn image(&self) -> Option<&ImageReference> {
        match self {
            Self::Branch(_) => None,
            Self::Image { image } => Some(image),
        }
    }
}

impl Revision {
    /// The branch that a commit was on.
    pub fn branch(&self) -> Option<&SourceBranch> {
        match self {
            Self::Commit { branch, .. } => Some(branch),
            Self::Image(_) => None,
        }
    }

    /// The commit, where it is one.
    pub fn commit(&self) -> Option<&CommitId> {
        match self {
            Self::Commit { commit, .. } => Some(commit),
            Self::Image(_) => None,
        }
    }

    /// The image, where it is one.
    pub fn image(&self) -> Option<&ImageReference> {
        match self {
            Self::Commit { .. } => None,
            Self::Image(image) => Some(image),
        }
    }
}

impl Revision {
    /// Whether it is the same content as another one, on whatever branch.
    pub fn is_same(&self, other: &Self) -> bool {
        self.commit() == other.commit() && self.image() == other.image()
    }

    /// A few characters of it, for people.
    pub fn short(&self) -> &str {
        match self {
            Self::Commit { commit, .. } => commit.short(),
            Self::Image(image) => image.as_str(),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { commit, .. } => commit.fmt(f),
            Self::Image(image) => image.fmt(f),
        }
    }
}

/// The fields of either kind: told apart by hand, so that an error names the field that is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fields {
    host: Option<SourceHost>,
    repo: Option<RepoName>,
    branch: Option<BranchName>,
    image: Option<ImageReference>,
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { host, repo, branch, image } = Fields::deserialize(deserializer)?;
        match (host, repo, branch, image) {
            (None, None, None, Some(image)) => Ok(Self::Image { image }),
            (Some(host), Some(repo), Some(branch), None) => {
                Ok(Self::Branch(SourceBranch { host, repo, branch }))
            }
            (_, _, _, Some(_)) => Err(D::Error::custom(
                "a source is an image or a branch: remove image, or the others",
            )),
            (None, _, _, None) => Err(D::Error::missing_field("host")),
            (_, None, _, None) => Err(D::Error::missing_field("repo")),
            (_, _, None, None) => Err(D::Error::missing_field("branch")),
        }
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let branch = generator.subschema_for::<SourceBranch>();
        let image = generator.subschema_for::<ImageReference>();
        json_schema!({
            "description": "Where what a service runs comes from: a branch, or a ready image.",
            "anyOf": [
                branch,
                {
                    "description": "A ready image, which stays the same until somebody names another one.",
                    "type": "object",
                    "properties": {"image": image},
                    "required": ["image"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}
