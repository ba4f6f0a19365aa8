//! From a request to an image that is kept.

use inkstone_spec::{Build, CommitId, Digest, Pack, Port, ServiceRef, UserId};

use crate::error::BuildError;
use crate::image::Documents;
use crate::layout::Layout;
use crate::mirror::Upstream;
use crate::source::SourceTree;
use crate::static_server::StaticServer;
use crate::static_site::Site;
use crate::store::{Image, ImageStore, StoreError};

/// What to build, for whom.
#[derive(Clone, Copy)]
pub struct BuildRequest<'a> {
    /// Whose image it is.
    pub service: &'a ServiceRef,
    /// How it is built.
    pub build: &'a Build,
    /// The tree of `commit`.
    pub source: &'a dyn SourceTree,
    /// The commit, which the image names as its revision.
    pub commit: &'a CommitId,
    /// Where the commit is from, which the image names as its source: a URL or `host/path`. A part
    /// of the image, so the same commit must always come with the same text.
    pub origin: &'a str,
}

/// An image that is kept, and what a release says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// The digest of its manifest: what is deployed.
    pub digest: Digest,
    /// The port that it listens on.
    pub port: Port,
    /// The user that it runs as.
    pub user: UserId,
    /// Bytes that a node pulls.
    pub size: u64,
}

/// Builds images and keeps them.
#[derive(Clone, Debug)]
pub struct Builder {
    store: ImageStore,
    server: StaticServer,
    upstream: Upstream,
}

impl Builder {
    /// A builder that keeps images in `store` and ships `server` with every static site.
    pub fn new(store: ImageStore, server: StaticServer) -> Self {
        Self { store, server, upstream: Upstream::default() }
    }

    /// The same, which reaches the registries of ready images so.
    #[must_use]
    pub fn with_upstream(self, upstream: Upstream) -> Self {
        Self { upstream, ..self }
    }

    pub(crate) fn store(&self) -> &ImageStore {
        &self.store
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// What the machines are that images are made for: those that run the static server.
    pub(crate) fn architecture(&self) -> &'static str {
        self.server.architecture()
    }

    /// Builds the image of a commit and keeps it. Blocks; `cancel` is asked often, and `log` gets
    /// lines for whoever pushed. Doing it again gives the same digest and changes nothing.
    pub fn build(
        &self,
        request: &BuildRequest<'_>,
        log: &mut dyn FnMut(&str),
        cancel: &dyn Fn() -> bool,
    ) -> Result<BuiltImage, BuildError> {
        match request.build.pack {
            Pack::Static => self.build_static(request, log, cancel),
            Pack::Image => Err(BuildError::NoSource),
        }
    }

    /// Whether the image of a service can still be deployed.
    pub fn exists(&self, service: &ServiceRef, digest: &Digest) -> Result<bool, BuildError> {
        Ok(self.store.contains(service, digest)?)
    }

    /// The images on this machine's disk; `None` where a registry keeps them.
    pub fn layout(&self) -> Option<&Layout> {
        match &self.store {
            ImageStore::Layout(layout) => Some(layout),
            ImageStore::Registry(_) => None,
        }
    }

    fn build_static(
        &self,
        request: &BuildRequest<'_>,
        log: &mut dyn FnMut(&str),
        cancel: &dyn Fn() -> bool,
    ) -> Result<BuiltImage, BuildError> {
        let plan = Site::plan(request.source, request.build, cancel)?;
        plan.describe(log);
        let site_content = self.store.stage()?;
        let site = plan.write(request.source, site_content.as_file(), cancel)?;
        let documents = Documents::of_site(
            self.server.architecture(),
            self.server.layer(),
            &site,
            request.commit,
            request.origin,
        )
        .map_err(|error| StoreError::stage(error.into()))?;
        let built = BuiltImage {
            digest: documents.descriptor.digest.clone(),
            port: self.server.port(),
            user: self.server.user(),
            size: documents.size,
        };
        let image = Image {
            documents,
            base: self.server.layer(),
            base_content: self.server.content(),
            site,
            site_content,
        };
        self.store.keep(request.service, request.commit, image, cancel)?;
        log(&format!("image {} ({} bytes)", built.digest, built.size));
        Ok(built)
    }
}
