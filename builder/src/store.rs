//! Where images are kept, and what keeping one takes.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use inkstone_spec::{CommitId, Digest, ServiceRef};
use tempfile::NamedTempFile;

use crate::error::BuildError;
use crate::image::Documents;
use crate::layer::Layer;
use crate::layout::Layout;
use crate::registry::Registry;

/// A complete image whose site is still in a temporary file.
pub(crate) struct Image<'a> {
    pub(crate) documents: Documents,
    pub(crate) base: &'a Layer,
    pub(crate) base_content: &'a Bytes,
    pub(crate) site: Layer,
    pub(crate) site_content: NamedTempFile,
}

/// Where a deployment keeps its images. The digest of an image is the same in either.
#[derive(Clone, Debug)]
pub enum ImageStore {
    /// OCI layouts on this machine's disk.
    Layout(Layout),
    /// An OCI registry.
    Registry(Registry),
}

impl ImageStore {
    /// A file for the layer that is being made, on the disk where it may stay.
    pub(crate) fn stage(&self) -> Result<NamedTempFile, StoreError> {
        match self {
            Self::Layout(layout) => layout.stage(),
            Self::Registry(_) => NamedTempFile::new().map_err(StoreError::stage),
        }
    }

    pub(crate) fn keep(
        &self,
        service: &ServiceRef,
        commit: &CommitId,
        image: Image<'_>,
        cancel: &dyn Fn() -> bool,
    ) -> Result<(), BuildError> {
        match self {
            Self::Layout(layout) => Ok(layout.keep(service, commit, image)?),
            Self::Registry(registry) => registry.keep(service, commit, &image, cancel),
        }
    }

    pub(crate) fn contains(
        &self,
        service: &ServiceRef,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Layout(layout) => layout.contains(service, digest),
            Self::Registry(registry) => registry.contains(service, digest),
        }
    }
}

/// Why an image cannot be kept or looked up: the operator's concern, not the source's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("cannot keep the image: {path}: {source}", path = .path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the layout is not what it must be.
    #[error("{path} is damaged: {problem}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The registry refuses the credentials, or has none to go by.
    #[error("the registry {registry} refuses to let Inkstone {action}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// What was tried.
        action: &'static str,
    },
    /// The registry cannot be reached or answers with an error.
    #[error("the registry {registry} did not let Inkstone {action}: {problem}")]
    Registry {
        /// The registry.
        registry: String,
        /// What was tried.
        action: &'static str,
        /// What happened; no URL, which may hold a signature.
        problem: String,
    },
}

impl StoreError {
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk { path: path.to_owned(), source }
    }

    /// The temporary file of a layer cannot be written.
    pub(crate) fn stage(source: io::Error) -> Self {
        Self::Disk { path: "a temporary file".into(), source }
    }

    /// A stable name of the kind of failure, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Disk { .. } => "image_store_failed",
            Self::Damaged { .. } => "image_store_damaged",
            Self::Unauthorized { .. } => "registry_unauthorized",
            Self::Registry { .. } => "registry_failed",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Disk { .. } => {
                "Check that the data directory is writable and its disk has space, then redeploy."
            }
            Self::Damaged { .. } => "Restore the file from a backup, or remove it and redeploy.",
            Self::Unauthorized { .. } => {
                "Check the registry's user and password in Inkstone's configuration, then redeploy."
            }
            Self::Registry { .. } => {
                "Check that the registry is up and reachable from Inkstone, then redeploy."
            }
        }
    }
}
