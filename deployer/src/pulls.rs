//! Pulls of images: who may, and which file is meant.

use crate::{Action, Credential, Denial, Deployer, Object, Refusal, authorize};
use inkstone_builder::ImageFile;
use inkstone_spec::{Digest, ServiceRef};
use std::sync::Arc;

/// Who pulls.
#[derive(Clone, Debug)]
pub struct Puller(Credential);

/// Which part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePart {
    /// What it consists of.
    Manifest,
    /// A layer, or its configuration.
    Blob,
}

impl Deployer {
    /// Who comes with this user and password; `None` if they are not good.
    pub async fn puller(&self, user: &str, password: &str) -> Result<Option<Puller>, Refusal> {
        Ok(self.inner.authenticator.puller(user, password).await?.map(Puller))
    }

    /// Whether images are pulled from here, and not from a registry.
    pub fn keeps_images(&self) -> bool {
        self.inner.builder.layout().is_some()
    }

    /// A file of an image of `service`. What is not there and what is not the puller's to know of are
    /// both `None`.
    pub async fn image_file(
        &self,
        puller: &Puller,
        service: &ServiceRef,
        part: ImagePart,
        digest: &Digest,
    ) -> Result<Option<ImageFile>, Refusal> {
        match authorize(&puller.0, Action::Pull, Object::Images(&service.project_ref())) {
            Ok(()) => {}
            Err(Denial::MissingScope(scope)) => return Err(Refusal::missing_scope(scope)),
            Err(Denial::Foreign | Denial::NeedsKey) => return Ok(None),
        }
        let builder = Arc::clone(&self.inner.builder);
        let (service, digest) = (service.clone(), digest.clone());
        let look = move || {
            builder.layout().map_or(Ok(None), |layout| match part {
                ImagePart::Manifest => layout.manifest(&service, &digest),
                ImagePart::Blob => layout.blob(&service, &digest),
            })
        };
        tokio::task::spawn_blocking(look)
            .await
            .map_err(|error| Refusal::internal("a task ended early", &error))?
            .map_err(|error| Refusal::internal("an image cannot be read", &error))
    }
}
