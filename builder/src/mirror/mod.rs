//! Ready images: copied from where they are to where images are kept, so that what a release names is
//! still there when its registry is not, and nodes pull from one place.

mod address;
mod documents;
mod error;
mod names;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inkstone_spec::{ImageReference, ServiceRef};
use tokio::runtime::Runtime;

use self::documents::{Document, Parts};
use self::remote::Remote;
use crate::builder::{Builder, BuiltImage};
use crate::error::BuildError;
use crate::image::{Descriptor, Manifest};
use crate::registry::{Credentials, Transport};
use crate::store::{ImageStore, StoreError};

pub use error::MirrorError;

/// How often it is asked whether the image is still wanted.
const CANCEL_INTERVAL: Duration = Duration::from_millis(250);

/// How the registries of ready images are reached. It prints without passwords.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// Registries by `host[:port]` that speak plain HTTP.
    pub insecure: BTreeSet<String>,
    /// Users of registries, by `host[:port]`.
    pub credentials: BTreeMap<String, Credentials>,
}

/// Which image to copy, for whom.
#[derive(Clone, Copy, Debug)]
pub struct MirrorRequest<'a> {
    /// Whose image it becomes.
    pub service: &'a ServiceRef,
    /// Where it is.
    pub image: &'a ImageReference,
    /// Whether it may run as root: its pods are kept apart by more than their user.
    pub allows_root: bool,
}

impl Builder {
    /// Copies a ready image into the store, unless it is there, and reads how it runs. Blocks; `cancel`
    /// is asked often, and `log` gets lines for whoever deploys it. Doing it again changes nothing, and
    /// what was copied before an error is not copied again.
    pub fn mirror(
        &self,
        request: &MirrorRequest<'_>,
        log: &mut dyn FnMut(&str),
        cancel: &dyn Fn() -> bool,
    ) -> Result<BuiltImage, BuildError> {
        let MirrorRequest { service, image, allows_root } = *request;
        let runtime = runtime()?;
        let talk = Talk { runtime: &runtime, cancel };
        let Upstream { insecure, credentials } = self.upstream();
        let registry = image.authority();
        let transport =
            if insecure.contains(registry) { Transport::Http } else { Transport::Https };
        let mut remote = Remote::new(image, transport, credentials.get(registry).cloned())?;

        let mut digest = image.digest().map_err(|error| MirrorError::Unusable {
            image: image.clone(),
            problem: error.to_string(),
        })?;
        log(&format!("looking up {image}"));
        let (mut manifest, mut found) = talk.over(remote.manifest(&digest))?;
        let parts = match documents::document(image, &manifest, &found, self.architecture())? {
            Document::Manifest(parts) => parts,
            Document::Index(ours) => {
                digest = ours.digest;
                (manifest, found) = talk.over(remote.manifest(&digest))?;
                match documents::document(image, &manifest, &found, self.architecture())? {
                    Document::Manifest(parts) => parts,
                    Document::Index(_) => {
                        let problem = "it is a list of lists".to_owned();
                        return Err(MirrorError::Unusable { image: image.clone(), problem }.into());
                    }
                }
            }
        };
        let Parts { media_type, config, layers } = parts;
        let content = talk.over(remote.document(&config))?;
        let runs = documents::runs(image, &content, self.architecture(), allows_root)?;

        let size = layers.iter().chain([&config]).map(|blob| blob.size).sum::<u64>();
        for blob in layers.iter().chain([&config]) {
            self.copy(service, &mut remote, blob, &talk, log)?;
        }
        let descriptor = Descriptor::of(media_type, digest.clone(), manifest.len() as u64);
        self.store().keep_manifest(service, descriptor, &manifest)?;
        let size = size + manifest.len() as u64;
        log(&format!("image {digest} ({size} bytes)"));
        Ok(BuiltImage { digest, port: runs.port, user: runs.user, size })
    }

    /// Copies one blob, unless it is there.
    fn copy(
        &self,
        service: &ServiceRef,
        remote: &mut Remote,
        blob: &Descriptor,
        talk: &Talk<'_>,
        log: &mut dyn FnMut(&str),
    ) -> Result<(), BuildError> {
        let store = self.store();
        if store.has_blob(service, blob)? {
            return Ok(());
        }
        log(&format!("copying {} ({} bytes)", blob.digest, blob.size));
        let mut file = store.stage()?;
        talk.over(remote.blob(blob, file.as_file_mut()))?.map_err(StoreError::stage)?;
        Ok(store.keep_blob(service, blob, file)?)
    }
}

/// Pulls what a node asks for first, the manifest and the configuration of an image, and keeps nothing.
/// Blocks.
pub fn try_pull(
    image: &ImageReference,
    transport: Transport,
    credentials: Option<Credentials>,
) -> Result<(), BuildError> {
    let unusable = |problem: String| MirrorError::Unusable { image: image.clone(), problem };
    let digest = image.digest().map_err(|error| unusable(error.to_string()))?;
    let mut remote = Remote::new(image, transport, credentials)?;
    let pulled = runtime()?.block_on(async {
        let (content, _) = remote.manifest(&digest).await?;
        let manifest: Manifest =
            serde_json::from_slice(&content).map_err(|error| unusable(error.to_string()))?;
        remote.document(&manifest.config).await
    });
    Ok(pulled.map(drop)?)
}

/// A conversation on this thread, which ends early where the image is not wanted any more.
struct Talk<'a> {
    runtime: &'a Runtime,
    cancel: &'a dyn Fn() -> bool,
}

impl Talk<'_> {
    fn over<T>(
        &self,
        conversation: impl Future<Output = Result<T, MirrorError>>,
    ) -> Result<T, BuildError> {
        let cancelled = async {
            while !(self.cancel)() {
                tokio::time::sleep(CANCEL_INTERVAL).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                () = cancelled => Err(BuildError::Cancelled),
                answer = conversation => Ok(answer?),
            }
        })
    }
}

/// A build runs on a thread that has no runtime.
fn runtime() -> Result<Runtime, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(StoreError::stage)
}

impl ImageStore {
    /// Whether a service has this blob, in its full size.
    fn has_blob(&self, service: &ServiceRef, blob: &Descriptor) -> Result<bool, StoreError> {
        match self {
            Self::Layout(layout) => Ok(layout.has_blob(service, blob)),
            Self::Registry(registry) => registry.has_blob(service, blob),
        }
    }

    fn keep_blob(
        &self,
        service: &ServiceRef,
        blob: &Descriptor,
        content: tempfile::NamedTempFile,
    ) -> Result<(), StoreError> {
        match self {
            Self::Layout(layout) => layout.keep_blob(service, blob, content),
            Self::Registry(registry) => registry.keep_blob(service, blob, content.path()),
        }
    }

    /// Lists an image whose blobs are all there.
    fn keep_manifest(
        &self,
        service: &ServiceRef,
        image: Descriptor,
        content: &[u8],
    ) -> Result<(), StoreError> {
        match self {
            Self::Layout(layout) => layout.keep_manifest(service, image, content),
            Self::Registry(registry) => registry.keep_manifest(service, &image, content),
        }
    }
}
