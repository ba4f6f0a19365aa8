//! What nodes pull: the files of a service's images.

use std::path::PathBuf;

use inkstone_spec::{Digest, ServiceRef};

use crate::layout::Layout;
use crate::store::StoreError;

/// A file of an image, complete and of the digest that it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Where it is on disk.
    pub path: PathBuf,
    /// What it is.
    pub media_type: String,
}

/// What a blob is: only the manifest that names it says more.
const BLOB: &str = "application/octet-stream";

impl Layout {
    /// The manifest of one of the service's images; `None` where none of them has this digest.
    pub fn manifest(
        &self,
        service: &ServiceRef,
        digest: &Digest,
    ) -> Result<Option<ImageFile>, StoreError> {
        let listed = self.index(service)?.manifests.into_iter().find(|it| it.digest == *digest);
        Ok(listed.map(|it| ImageFile {
            path: self.blob_path(service, digest),
            media_type: it.media_type,
        }))
    }

    /// A layer or the configuration of one of the service's images; `None` where it has no such blob.
    pub fn blob(
        &self,
        service: &ServiceRef,
        digest: &Digest,
    ) -> Result<Option<ImageFile>, StoreError> {
        let path = self.blob_path(service, digest);
        match path.symlink_metadata() {
            Ok(found) if found.is_file() => {
                Ok(Some(ImageFile { path, media_type: BLOB.to_owned() }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::disk(&path, source)),
        }
    }
}
