//! Why a build failed, for whoever pushed the source.

use crate::limits::{MAX_LINKS, MAX_LISTED, MAX_SHOWN};
use crate::mirror::MirrorError;
use crate::source::SourceError;
use crate::store::StoreError;

/// Why there is no image. The message says what is wrong with the source, [`suggestion`] what to
/// do. Paths come from the source tree and are shown with control characters escaped.
///
/// [`suggestion`]: BuildError::suggestion
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `root_directory` or `publish_directory` names nothing.
    #[error("there is no directory {path} in this commit; {}", directories(.existing))]
    DirectoryNotFound {
        /// The path from the root of the repository, up to what is missing.
        path: String,
        /// The directories that exist where it was looked for.
        existing: Vec<String>,
    },
    /// `root_directory` or `publish_directory` leads through a file, a link or a submodule.
    #[error("{path} is {found}, not a directory")]
    NotADirectory {
        /// The path from the root of the repository.
        path: String,
        /// What is there, with its article.
        found: &'static str,
    },
    /// The published directory has no `index.html`.
    #[error("{directory} has no index.html; {}", indexes(.elsewhere))]
    IndexNotFound {
        /// The published directory, in words where it is the whole repository.
        directory: String,
        /// Directories below it that have one.
        elsewhere: Vec<String>,
    },
    /// A symbolic link cannot be followed inside the published directory.
    #[error("the symbolic link {path} {problem}")]
    Symlink {
        /// The path of the link from the root of the repository.
        path: String,
        /// What is wrong with it.
        problem: LinkProblem,
    },
    /// A submodule is in the published directory.
    #[error("{path} is a submodule, whose files are not part of this commit")]
    Submodule {
        /// The path from the root of the repository.
        path: String,
    },
    /// A name that is no name of a file, or that no URL leads to.
    #[error("{path} is not a name that can be published: {problem}")]
    UnsafeName {
        /// The path from the root of the repository.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The site is larger than a site may be.
    #[error("{what} exceeds the limit of {limit}")]
    LimitExceeded {
        /// What there is too much of, and where.
        what: String,
        /// How much is allowed, with its unit.
        limit: String,
    },
    /// The caller no longer wants the image.
    #[error("the build was cancelled")]
    Cancelled,
    /// The commit cannot be read.
    #[error("cannot read {path}: {source}")]
    Source {
        /// The path from the root of the repository.
        path: String,
        /// What the source tree said.
        source: SourceError,
    },
    /// The pack takes an image and was given a source tree.
    #[error("the pack image builds nothing from a source tree")]
    NoSource,
    /// A ready image cannot be had, or cannot be run.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The image cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkProblem {
    /// It leads out of the published directory.
    Leaves,
    /// It leads to nothing.
    Broken,
    /// It leads to too many other links, or to itself.
    Loops,
    /// It leads to a file that is never published.
    Hidden,
}

impl std::fmt::Display for LinkProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaves => write!(f, "leads out of the published directory"),
            Self::Broken => write!(f, "leads to nothing"),
            Self::Loops => write!(f, "leads through more than {MAX_LINKS} other links"),
            Self::Hidden => write!(f, "leads to a hidden file, which is never published"),
        }
    }
}

impl BuildError {
    /// A stable name of the kind of failure, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DirectoryNotFound { .. } => "directory_not_found",
            Self::NotADirectory { .. } => "not_a_directory",
            Self::IndexNotFound { .. } => "index_not_found",
            Self::Symlink { .. } => "symlink_refused",
            Self::Submodule { .. } => "submodule_refused",
            Self::UnsafeName { .. } => "unsafe_name",
            Self::LimitExceeded { .. } => "site_too_large",
            Self::Cancelled => "cancelled",
            Self::Source { source: SourceError::Oversized { .. }, .. } => "source_too_large",
            Self::Source { .. } => "source_unreadable",
            Self::NoSource => "invalid_source",
            Self::Mirror(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> String {
        let text = match self {
            Self::DirectoryNotFound { .. } => {
                "Set root_directory and publish_directory to directories that are committed. A \
                 build's output must be committed too, for the static pack runs no build."
            }
            Self::NotADirectory { .. } => {
                "Set root_directory and publish_directory to real directories of the repository, \
                 not to links, files or submodules."
            }
            Self::IndexNotFound { elsewhere, .. } => match elsewhere.first() {
                Some(directory) => {
                    return format!(
                        "Set publish_directory so that {directory} is published, or \
                                    commit an index.html."
                    );
                }
                None => {
                    "Commit an index.html, or set publish_directory to the directory that has it."
                }
            },
            Self::Symlink { .. } => {
                "Replace the link with a copy of the file, or let it lead to a file inside the \
                 published directory."
            }
            Self::Submodule { .. } => {
                "Commit the files themselves, or publish a directory without the submodule."
            }
            Self::UnsafeName { .. } => "Rename it and push again.",
            Self::LimitExceeded { .. } => {
                "Publish a smaller directory with publish_directory, or keep large files elsewhere."
            }
            Self::Cancelled => "Redeploy when you want it built.",
            Self::Source { source: SourceError::Oversized { .. }, .. } => {
                "Push a commit with a short message and fewer files in one directory."
            }
            Self::Source { .. } => "Push the commit again, then redeploy.",
            Self::NoSource => "Call update_service with an image, or with another build pack.",
            Self::Mirror(error) => error.suggestion(),
            Self::Store(error) => return error.suggestion().to_owned(),
        };
        text.to_owned()
    }
}

/// A path for people: escaped, so that a name cannot draw on a terminal, and not endless.
pub(crate) fn shown(path: &str) -> String {
    let cut = path.chars().nth(MAX_SHOWN).map_or("", |_| "…");
    let shown: String = path.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    shown + cut
}

/// The first few of many names.
pub(crate) fn some_of(names: &[String]) -> String {
    let listed: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
    let rest = names.len().saturating_sub(MAX_LISTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", listed.join(", "))
}

fn directories(existing: &[String]) -> String {
    if existing.is_empty() {
        "there are no directories beside it".to_owned()
    } else {
        format!("there are {}", some_of(existing))
    }
}

fn indexes(elsewhere: &[String]) -> String {
    if elsewhere.is_empty() {
        "visitors would find nothing at /".to_owned()
    } else {
        format!("there is one in {}", some_of(elsewhere))
    }
}
