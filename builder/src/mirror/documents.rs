//! The documents of an image that somebody else made: what they must be, and what is read in them.

use std::collections::BTreeMap;

use inkstone_spec::{Digest, ImageReference, Port, UserId};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::MirrorError;
use crate::error::shown;
use crate::image::{Descriptor, INDEX, MANIFEST};

/// Bytes of an image: all that a node pulls for it. 8 GiB.
const MAX_IMAGE_BYTES: u64 = 8 << 30;
/// Layers of an image: what overlayfs stacks at most.
const MAX_LAYERS: usize = 127;
/// Bytes of a manifest or a configuration, as registries have it. 4 MiB.
pub(super) const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

/// The same documents, by the names that docker had for them.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Every kind of document that is asked for.
pub(super) const ACCEPTED: [&str; 4] = [MANIFEST, DOCKER_MANIFEST, INDEX, DOCKER_INDEX];

const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// Layers that every node unpacks. What is kept elsewhere ("foreign", "nondistributable") is none.
const LAYERS: [&str; 5] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

/// The user of an image that names none.
const DEFAULT_USER: u64 = 10_001;
/// The port of an image that says nothing, or too much, of ports.
const DEFAULT_PORT: u64 = 3_000;

/// What the registry has under a digest.
pub(super) enum Document {
    /// An image.
    Manifest(Parts),
    /// One image for each platform: the one for ours.
    Index(Descriptor),
}

/// What an image consists of.
pub(super) struct Parts {
    pub(super) media_type: &'static str,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// Every kind of manifest, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Layer>>,
    manifests: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(flatten)]
    descriptor: Descriptor,
    #[serde(default)]
    urls: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(flatten)]
    descriptor: Descriptor,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// How an image is run (config.md).
#[derive(Deserialize)]
struct Config {
    os: String,
    architecture: String,
    #[serde(default, rename = "config")]
    execution: Option<Execution>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    exposed_ports: Option<BTreeMap<String, Exposed>>,
}

/// Nothing: it is the key that says which port.
#[derive(Deserialize)]
struct Exposed {
    #[serde(default, rename = "_")]
    _nothing: bool,
}

/// What a release has to know of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) user: UserId,
    pub(super) port: Port,
}

/// Reads what the registry sent as `content_type` for an image, or for one of its platforms.
pub(super) fn document(
    image: &ImageReference,
    content: &[u8],
    content_type: &str,
    architecture: &str,
) -> Result<Document, MirrorError> {
    let unusable = |problem: String| MirrorError::Unusable { image: image.clone(), problem };
    let found: Found = read(image, "manifest", content)?;
    // What the document says of itself counts: the digest covers it. Only OCI's may leave it out.
    let said = found.media_type.as_deref().unwrap_or(content_type);
    let said = said.split(';').next().unwrap_or_default().trim();
    let Some(media_type) = ACCEPTED.into_iter().find(|accepted| *accepted == said) else {
        return Err(unusable(format!("it is of the type {}", shown(said))));
    };
    if found.schema_version != 2 {
        return Err(unusable("its schemaVersion is not 2".to_owned()));
    }
    match (media_type, found) {
        (
            INDEX | DOCKER_INDEX,
            Found { manifests: Some(listed), config: None, layers: None, .. },
        ) => {
            let ours = |listed: &Listed| {
                listed.platform.as_ref().is_some_and(|platform| {
                    platform.os == "linux"
                        && platform.architecture == architecture
                        && matches!(platform.variant.as_deref(), None | Some("" | "v1" | "v8"))
                })
            };
            let found = listed.into_iter().find(ours);
            let found =
                found.ok_or_else(|| unusable(format!("it has none for linux/{architecture}")))?;
            Ok(Document::Index(found.descriptor))
        }
        (
            MANIFEST | DOCKER_MANIFEST,
            Found { config: Some(config), layers: Some(layers), manifests: None, .. },
        ) => {
            if !CONFIGS.contains(&config.media_type.as_str()) {
                let found = shown(&config.media_type);
                return Err(unusable(format!("its configuration is of the type {found}")));
            }
            if let Some(layer) = layers.iter().find(|layer| {
                !layer.urls.is_empty() || !LAYERS.contains(&layer.descriptor.media_type.as_str())
            }) {
                let found = shown(&layer.descriptor.media_type);
                return Err(unusable(format!(
                    "it has a layer of the type {found}, or one that is kept elsewhere"
                )));
            }
            let layers: Vec<_> = layers.into_iter().map(|layer| layer.descriptor).collect();
            check_sizes(content, &config, &layers)?;
            Ok(Document::Manifest(Parts { media_type, config, layers }))
        }
        _ => Err(unusable(format!("it is no {media_type}"))),
    }
}

fn check_sizes(
    manifest: &[u8],
    config: &Descriptor,
    layers: &[Descriptor],
) -> Result<(), MirrorError> {
    if layers.len() > MAX_LAYERS {
        let limit = format!("{MAX_LAYERS} layers");
        return Err(MirrorError::TooLarge { what: "the image", limit });
    }
    if config.size > MAX_DOCUMENT_BYTES {
        return Err(too_large("the image's configuration"));
    }
    let sizes = layers.iter().map(|layer| layer.size).chain([config.size, manifest.len() as u64]);
    let all = sizes.fold(0_u64, u64::saturating_add);
    if all > MAX_IMAGE_BYTES {
        let limit = format!("{} GiB", MAX_IMAGE_BYTES >> 30);
        return Err(MirrorError::TooLarge { what: "the image", limit });
    }
    Ok(())
}

/// A document that is larger than registries take.
pub(super) fn too_large(what: &'static str) -> MirrorError {
    MirrorError::TooLarge { what, limit: format!("{} MiB", MAX_DOCUMENT_BYTES >> 20) }
}

/// Reads how an image is to be run. Root may be meant where pods are kept apart by more than their user.
pub(super) fn runs(
    image: &ImageReference,
    config: &[u8],
    architecture: &str,
    allows_root: bool,
) -> Result<Runs, MirrorError> {
    let unusable = |problem: String| MirrorError::Unusable { image: image.clone(), problem };
    let config: Config = read(image, "configuration", config)?;
    if config.os != "linux" || config.architecture != architecture {
        let (os, found) = (shown(&config.os), shown(&config.architecture));
        return Err(unusable(format!("it is for {os}/{found}, nodes are linux/{architecture}")));
    }
    let execution = config.execution.unwrap_or_default();
    let invalid = |error: inkstone_spec::Invalid| unusable(error.to_string());
    let user = user(execution.user.as_deref().unwrap_or_default(), allows_root)?;
    let ports = execution.exposed_ports.unwrap_or_default();
    let mut tcp = ports.keys().filter_map(|port| match port.split_once('/') {
        None => port.parse().ok(),
        Some((port, "tcp")) => port.parse().ok(),
        Some(_) => None,
    });
    let port = match (tcp.next(), tcp.next()) {
        (Some(only), None) => only,
        _ => DEFAULT_PORT,
    };
    Ok(Runs { user: UserId::new(user).map_err(invalid)?, port: Port::new(port).map_err(invalid)? })
}

/// The number of a user as images write it: `user[:group]`. One that names none means root, and often
/// does without.
fn user(text: &str, allows_root: bool) -> Result<u64, MirrorError> {
    let root = || if allows_root { Ok(0) } else { Err(MirrorError::NeedsRoot) };
    match text.split(':').next().unwrap_or_default() {
        "" if allows_root => Ok(0),
        "" => Ok(DEFAULT_USER),
        "root" => root(),
        name => match name.parse::<u64>() {
            Ok(0) => root(),
            Ok(number) => Ok(number),
            Err(_) => Err(MirrorError::NamedUser { user: shown(name) }),
        },
    }
}

fn read<T: DeserializeOwned>(
    image: &ImageReference,
    what: &str,
    content: &[u8],
) -> Result<T, MirrorError> {
    serde_json::from_slice(content).map_err(|error| MirrorError::Unusable {
        image: image.clone(),
        problem: format!("its {what} is not one: {}", shown(&error.to_string())),
    })
}

/// Checks that content is what a digest names.
pub(super) fn check(registry: &str, content: &[u8], digest: &Digest) -> Result<(), MirrorError> {
    if Digest::of(content) == *digest {
        return Ok(());
    }
    Err(MirrorError::Mismatch { registry: registry.to_owned(), what: digest.to_string() })
}
