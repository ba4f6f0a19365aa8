//! Images in an OCI registry (distribution-spec 1.1), over the `oci-client` crate.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use inkstone_spec::{CommitId, Digest, ImageRegistry, ServiceRef};
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use serde::Deserialize;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use crate::error::BuildError;
use crate::image::{Descriptor, MANIFEST};
use crate::store::{Image, StoreError};

/// How long the registry may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the registry may be silent.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a whole push may take.
const PUSH_TIMEOUT: Duration = Duration::from_mins(15);

/// How often a push asks whether it is still wanted.
const CANCEL_INTERVAL: Duration = Duration::from_millis(250);

const PUSH: &str = "push an image";
const LOOK: &str = "look an image up";

/// How a registry is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS: every registry that is not on a trusted network.
    Https,
    /// Plain HTTP: a registry that an operator calls insecure on purpose.
    Http,
}

/// A user of a registry. It prints without the password.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Credentials {
    /// Takes a user's name and password or token.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: password.into() }
    }

    /// Reads the users of registries, by `host[:port]`, in what `docker login` writes; `None` if it is
    /// something else. What it leaves to a helper program is not there.
    pub fn of_docker_config(text: &str) -> Option<BTreeMap<String, Self>> {
        let config: DockerConfig = serde_json::from_str(text).ok()?;
        let mut all = BTreeMap::new();
        for (registry, login) in config.auths {
            let Some(auth) = login.auth else { continue };
            let decoded = STANDARD.decode(auth).ok()?;
            let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
            // Docker Hub is written as a URL there.
            let name = registry.trim_start_matches("https://").trim_start_matches("index.");
            let name = name.split('/').next().unwrap_or_default();
            all.insert(name.to_owned(), Self::new(username, password));
        }
        Some(all)
    }
}

/// The part of docker's `config.json` that matters.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerLogin>,
}

#[derive(Deserialize)]
struct DockerLogin {
    auth: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A registry that images are pushed to, under `<registry>/<workspace>/<project>/<service>`.
#[derive(Clone, Debug)]
pub struct Registry {
    location: ImageRegistry,
    transport: Transport,
    credentials: Option<Credentials>,
}

impl Registry {
    /// Names a registry; nothing is contacted yet.
    pub fn new(
        location: ImageRegistry,
        transport: Transport,
        credentials: Option<Credentials>,
    ) -> Self {
        Self { location, transport, credentials }
    }

    /// Pushes an image. It is tagged with its commit, so that the registry does not collect it; it
    /// is deployed by digest.
    pub(crate) fn keep(
        &self,
        service: &ServiceRef,
        commit: &CommitId,
        image: &Image<'_>,
        cancel: &dyn Fn() -> bool,
    ) -> Result<(), BuildError> {
        let (host, repository) = self.repository(service);
        let reference = Reference::with_tag(host, repository, commit.to_string());
        let cancelled = async {
            while !cancel() {
                tokio::time::sleep(CANCEL_INTERVAL).await;
            }
        };
        self.run(PUSH, async {
            tokio::select! {
                () = cancelled => Ok(Err(BuildError::Cancelled)),
                () = tokio::time::sleep(PUSH_TIMEOUT) => {
                    let problem = format!("it took longer than {} s", PUSH_TIMEOUT.as_secs());
                    Ok(Err(self.failed(PUSH, problem).into()))
                }
                pushed = self.push(&reference, image) => pushed.map(Ok),
            }
        })?
    }

    pub(crate) fn contains(
        &self,
        service: &ServiceRef,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let (host, repository) = self.repository(service);
        let reference = Reference::with_digest(host, repository, digest.to_string());
        self.run(LOOK, async {
            match self.client().fetch_manifest_digest(&reference, &self.auth()).await {
                Ok(found) => Ok(found == digest.as_str()),
                Err(error) if is_absent(&error) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) fn has_blob(
        &self,
        service: &ServiceRef,
        blob: &Descriptor,
    ) -> Result<bool, StoreError> {
        let reference = self.mirrored(service, blob);
        self.run(LOOK, async {
            let client = self.client();
            client.auth(&reference, &self.auth(), RegistryOperation::Push).await?;
            client.blob_exists(&reference, blob.digest.as_str()).await
        })
    }

    /// Pushes a blob of an image that was made elsewhere.
    pub(crate) fn keep_blob(
        &self,
        service: &ServiceRef,
        blob: &Descriptor,
        content: &Path,
    ) -> Result<(), StoreError> {
        let reference = self.mirrored(service, blob);
        self.run(PUSH, async {
            let client = self.client();
            client.auth(&reference, &self.auth(), RegistryOperation::Push).await?;
            let file = ReaderStream::new(File::open(content).await?).map(|chunk| Ok(chunk?));
            let digest = blob.digest.as_str();
            client.push_blob_stream(&reference, file, digest, Some(blob.size)).await?;
            Ok(())
        })
    }

    /// Pushes the manifest of an image whose blobs are all there.
    pub(crate) fn keep_manifest(
        &self,
        service: &ServiceRef,
        image: &Descriptor,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let reference = self.mirrored(service, image);
        self.run(PUSH, async {
            let client = self.client();
            client.auth(&reference, &self.auth(), RegistryOperation::Push).await?;
            let media_type = image.media_type.parse().map_err(|_| {
                OciDistributionError::UnsupportedMediaTypeError(image.media_type.clone())
            })?;
            client.push_manifest_raw(&reference, content.to_vec(), media_type).await?;
            Ok(())
        })
    }

    /// Names something that was made elsewhere: a tag, so that the registry does not collect it.
    fn mirrored(&self, service: &ServiceRef, what: &Descriptor) -> Reference {
        let (host, repository) = self.repository(service);
        Reference::with_tag(host, repository, format!("image-{}", what.digest.hex()))
    }

    async fn push(
        &self,
        reference: &Reference,
        image: &Image<'_>,
    ) -> Result<(), OciDistributionError> {
        let client = self.client();
        client.auth(reference, &self.auth(), RegistryOperation::Push).await?;
        let config = Bytes::from(image.documents.config.clone());
        for (digest, content) in
            [(image.base.digest.clone(), image.base_content.clone()), (Digest::of(&config), config)]
        {
            if !client.blob_exists(reference, digest.as_str()).await? {
                let size = Some(content.len() as u64);
                let content = stream::once(async { Ok(content) });
                client.push_blob_stream(reference, content, digest.as_str(), size).await?;
            }
        }
        let site = &image.site;
        if !client.blob_exists(reference, site.digest.as_str()).await? {
            let file = File::open(image.site_content.path()).await?;
            let content = ReaderStream::new(file).map(|chunk| Ok(chunk?));
            client
                .push_blob_stream(reference, content, site.digest.as_str(), Some(site.size))
                .await?;
        }
        let manifest = image.documents.manifest.clone();
        client
            .push_manifest_raw(
                reference,
                manifest,
                MANIFEST.parse().map_err(|_| {
                    OciDistributionError::UnsupportedMediaTypeError(MANIFEST.to_owned())
                })?,
            )
            .await?;
        Ok(())
    }

    /// Runs a conversation with the registry to its end. It has a runtime of its own, since a build
    /// runs on a thread that has none.
    fn run<T>(
        &self,
        action: &'static str,
        conversation: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, StoreError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.failed(action, error.to_string()))?
            .block_on(conversation)
            .map_err(|error| self.explain(action, error))
    }

    fn client(&self) -> Client {
        Client::new(ClientConfig {
            protocol: match self.transport {
                Transport::Https => ClientProtocol::Https,
                Transport::Http => ClientProtocol::Http,
            },
            // Chunked uploads are what registries disagree on.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            ..ClientConfig::default()
        })
    }

    fn auth(&self) -> RegistryAuth {
        self.credentials.as_ref().map_or(RegistryAuth::Anonymous, |credentials| {
            RegistryAuth::Basic(credentials.username.clone(), credentials.password.clone())
        })
    }

    /// The registry's host, and the repository of a service below the registry's path.
    fn repository(&self, service: &ServiceRef) -> (String, String) {
        match self.location.as_str().split_once('/') {
            Some((host, path)) => (host.to_owned(), format!("{path}/{service}")),
            None => (self.location.to_string(), service.to_string()),
        }
    }

    /// Says what went wrong without the URL, in which registries sign uploads.
    fn explain(&self, action: &'static str, error: OciDistributionError) -> StoreError {
        if is_refused(&error) {
            return StoreError::Unauthorized { registry: self.location.to_string(), action };
        }
        let problem = match error {
            OciDistributionError::RequestError(error) => causes(&error.without_url()),
            OciDistributionError::ServerError { code, .. } => {
                format!("it answered with status {code}")
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                envelope.to_string().escape_debug().to_string()
            }
            OciDistributionError::IoError(error) => error.to_string(),
            _ => "it does not speak the OCI distribution protocol".to_owned(),
        };
        self.failed(action, problem)
    }

    fn failed(&self, action: &'static str, problem: String) -> StoreError {
        StoreError::Registry { registry: self.location.to_string(), action, problem }
    }
}

fn is_absent(error: &OciDistributionError) -> bool {
    const ABSENT: [OciErrorCode; 3] =
        [OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound];
    matches!(error, OciDistributionError::ImageManifestNotFoundError(_))
        || says(error, &[StatusCode::NOT_FOUND], &ABSENT)
}

fn is_refused(error: &OciDistributionError) -> bool {
    const REFUSED: [OciErrorCode; 2] = [OciErrorCode::Unauthorized, OciErrorCode::Denied];
    matches!(
        error,
        OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
    ) || says(error, &[StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN], &REFUSED)
}

/// Whether the registry answered with one of these, in whichever way the client passes it on.
fn says(error: &OciDistributionError, statuses: &[StatusCode], codes: &[OciErrorCode]) -> bool {
    match error {
        OciDistributionError::ServerError { code, .. } => {
            statuses.iter().any(|status| status.as_u16() == *code)
        }
        OciDistributionError::RequestError(error) => {
            error.status().is_some_and(|status| statuses.contains(&status))
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| codes.contains(&error.code))
        }
        _ => false,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
