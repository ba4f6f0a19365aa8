//! Images on disk: one OCI image layout for each service (image-spec, image-layout.md).
//!
//! A layout is at `<root>/<workspace>/<project>/<service>/`. The base layer, which every site
//! shares, is there as a hard link, so ten thousand services hold it once. A blob gets its name
//! when it is complete and on disk; `index.json` is replaced as a whole. So a crash leaves an image
//! listed with all its blobs, or not listed.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use inkstone_spec::{CommitId, Digest, ServiceRef};
use tempfile::NamedTempFile;

use crate::image::{Descriptor, Index, Manifest};
use crate::store::{Image, StoreError};

/// Layers that several layouts share. No workspace's name begins with a dot.
const SHARED: &str = ".shared";

/// Files that are not complete.
const STAGING: &str = ".staging";

/// How old a staged file is when no build can still be writing it.
const STAGED_AT_MOST: Duration = Duration::from_hours(24);

/// The file that marks a layout, and its content.
const MARKER: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);

const INDEX: &str = "index.json";

/// The layouts of all services below one directory.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens the directory, makes it if it is absent, and clears what an earlier crash left.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let layout = Self { root: root.into() };
        create_directories(&layout.root.join(SHARED))?;
        let staging = layout.root.join(STAGING);
        create_directories(&staging)?;
        let failed = |source| StoreError::disk(&staging, source);
        for entry in fs::read_dir(&staging).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            if age.is_some_and(|age| age > STAGED_AT_MOST) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(layout)
    }

    /// The directory, if there is one; nothing is made or cleared.
    pub fn existing(root: impl Into<PathBuf>) -> Option<Self> {
        let root = root.into();
        root.is_dir().then_some(Self { root })
    }

    /// Where a service's layout is, whether or not it has one yet.
    pub fn directory(&self, service: &ServiceRef) -> PathBuf {
        self.root
            .join(service.workspace.as_str())
            .join(service.project.as_str())
            .join(service.service.as_str())
    }

    /// Where a blob of a service is, whether or not it is there.
    pub(crate) fn blob_path(&self, service: &ServiceRef, digest: &Digest) -> PathBuf {
        blobs(&self.directory(service)).join(digest.hex())
    }

    /// The images of a service.
    pub(crate) fn index(&self, service: &ServiceRef) -> Result<Index, StoreError> {
        read_index(&self.directory(service))
    }

    pub(crate) fn stage(&self) -> Result<NamedTempFile, StoreError> {
        let staging = self.root.join(STAGING);
        NamedTempFile::new_in(&staging).map_err(|source| StoreError::disk(&staging, source))
    }

    /// Keeps an image. Doing so twice changes nothing.
    pub(crate) fn keep(
        &self,
        service: &ServiceRef,
        commit: &CommitId,
        image: Image<'_>,
    ) -> Result<(), StoreError> {
        let directory = self.directory(service);
        let blobs = blobs(&directory);
        let _lock = lock(&directory, &blobs)?;
        self.share(&blobs, &image)?;
        let documents = &image.documents;
        self.write_once(&blobs.join(Digest::of(&documents.config).hex()), &documents.config)?;
        self.write_once(&blobs.join(documents.descriptor.digest.hex()), &documents.manifest)?;
        persist(image.site_content, &blobs.join(image.site.digest.hex()))?;
        sync(&blobs)?;

        self.change_index(&directory, |index| index.list(image.documents.descriptor, commit))
    }

    /// Keeps a blob of an image that was made elsewhere; until that is listed, it is no image's.
    pub(crate) fn keep_blob(
        &self,
        service: &ServiceRef,
        blob: &Descriptor,
        content: NamedTempFile,
    ) -> Result<(), StoreError> {
        let directory = self.directory(service);
        let blobs = blobs(&directory);
        let _lock = lock(&directory, &blobs)?;
        persist(content, &blobs.join(blob.digest.hex()))
    }

    /// Lists an image that was made elsewhere and whose blobs are all there.
    pub(crate) fn keep_manifest(
        &self,
        service: &ServiceRef,
        image: Descriptor,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let directory = self.directory(service);
        let blobs = blobs(&directory);
        let _lock = lock(&directory, &blobs)?;
        self.write_once(&blobs.join(image.digest.hex()), content)?;
        sync(&blobs)?;
        self.change_index(&directory, |index| index.list_by_digest(image))
    }

    /// Whether a service has this blob, in its full size.
    pub(crate) fn has_blob(&self, service: &ServiceRef, blob: &Descriptor) -> bool {
        let path = self.blob_path(service, &blob.digest);
        fs::metadata(path).is_ok_and(|found| found.len() == blob.size)
    }

    /// Changes what a layout lists. Whoever does holds its lock.
    fn change_index(
        &self,
        directory: &Path,
        change: impl FnOnce(&mut Index),
    ) -> Result<(), StoreError> {
        self.write_once(&directory.join(MARKER.0), MARKER.1)?;
        let mut index = read_index(directory)?;
        change(&mut index);
        let path = directory.join(INDEX);
        let json = serde_json::to_vec_pretty(&index)
            .map_err(|error| StoreError::disk(&path, io::Error::other(error)))?;
        self.write(&path, &json)?;
        sync(directory)
    }

    /// Whether the image and everything that it refers to is there, each blob with its full size.
    pub fn contains(&self, service: &ServiceRef, digest: &Digest) -> Result<bool, StoreError> {
        let path = self.blob_path(service, digest);
        let Some(content) = read_if_present(&path)? else { return Ok(false) };
        if Digest::of(&content) != *digest {
            return Err(damaged(&path, &"its content is not what its name says"));
        }
        let manifest: Manifest =
            serde_json::from_slice(&content).map_err(|error| damaged(&path, &error))?;
        let complete = |blob: &Descriptor| self.has_blob(service, blob);
        Ok(complete(&manifest.config) && manifest.layers.iter().all(complete))
    }

    /// Puts the base layer into a layout: as a link where the file system allows another one.
    fn share(&self, blobs: &Path, image: &Image<'_>) -> Result<(), StoreError> {
        let name = image.base.digest.hex();
        let (shared, blob) = (self.root.join(SHARED).join(name), blobs.join(name));
        if !shared.exists() {
            self.write_once(&shared, image.base_content)?;
            sync(&self.root.join(SHARED))?;
        }
        match fs::hard_link(&shared, &blob) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                self.write_once(&blob, image.base_content)
            }
            _ => Ok(()),
        }
    }

    fn write_once(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        if path.exists() { Ok(()) } else { self.write(path, content) }
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        let mut file = self.stage()?;
        file.write_all(content).map_err(|source| StoreError::disk(path, source))?;
        persist(file, path)
    }
}

/// Takes a layout for a change to it: two builds of one service must not lose each other's listing.
fn lock(directory: &Path, blobs: &Path) -> Result<File, StoreError> {
    create_directories(blobs)?;
    let lock = File::open(directory).map_err(|source| StoreError::disk(directory, source))?;
    lock.lock().map_err(|source| StoreError::disk(directory, source))?;
    Ok(lock)
}

/// The folder of a layout's blobs (image-layout.md).
fn blobs(layout: &Path) -> PathBuf {
    layout.join("blobs").join("sha256")
}

/// Gives a staged file its name once its bytes are on disk.
fn persist(file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    file.as_file()
        .sync_all()
        .and_then(|()| file.persist(path).map_err(|error| error.error))
        .map(drop)
        .map_err(|source| StoreError::disk(path, source))
}

/// Makes names in a directory survive a crash.
fn sync(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| StoreError::disk(directory, source))
}

/// Makes a directory and those above it; each new one survives a crash.
fn create_directories(directory: &Path) -> Result<(), StoreError> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    create_directories(parent)?;
    match fs::create_dir(directory) {
        // Another build made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => result.map_err(|source| StoreError::disk(directory, source))?,
    }
    sync(parent)
}

fn read_index(directory: &Path) -> Result<Index, StoreError> {
    let path = directory.join(INDEX);
    match read_if_present(&path)? {
        Some(content) => serde_json::from_slice(&content).map_err(|error| damaged(&path, &error)),
        None => Ok(Index::empty()),
    }
}

fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::disk(path, source)),
    }
}

fn damaged(path: &Path, problem: &dyn Display) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), problem: problem.to_string() }
}
