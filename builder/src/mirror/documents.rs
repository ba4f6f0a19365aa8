//! The documents of an image that somebody else made: what they must be, and what is read in them.

use std::collections::BTreeMap;

use inkstone_spec::{Digest, ImageReference, Port, UserId};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::MirrorError;
use super::names;
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

/// What is said of an image that has a part at an address of its own.
const KEPT_ELSEWHERE: &str = "a part of it is kept elsewhere (urls)";

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
    config: Option<Blob>,
    layers: Option<Vec<Blob>>,
    manifests: Option<Vec<Listed>>,
}

/// What an image has, and where else it would be: a node asks there first, from its own network.
#[derive(Deserialize)]
struct Blob {
    #[serde(flatten)]
    descriptor: Descriptor,
    urls: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(flatten)]
    blob: Blob,
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
    exposed_ports: Option<BTreeMap<String, Nothing>>,
    #[serde(default)]
    volumes: Option<BTreeMap<String, Nothing>>,
}

/// Nothing: it is the key that says which port, or which folder.
#[derive(Deserialize)]
struct Nothing {
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
    let found: Found = read(image, "manifest", content, names::MANIFEST)?;
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
            if found.blob.urls.is_some() {
                return Err(unusable(KEPT_ELSEWHERE.to_owned()));
            }
            Ok(Document::Index(found.blob.descriptor))
        }
        (
            MANIFEST | DOCKER_MANIFEST,
            Found { config: Some(config), layers: Some(layers), manifests: None, .. },
        ) => {
            if layers.iter().chain([&config]).any(|blob| blob.urls.is_some()) {
                return Err(unusable(KEPT_ELSEWHERE.to_owned()));
            }
            let config = config.descriptor;
            if !CONFIGS.contains(&config.media_type.as_str()) {
                let found = shown(&config.media_type);
                return Err(unusable(format!("its configuration is of the type {found}")));
            }
            let layers: Vec<_> = layers.into_iter().map(|layer| layer.descriptor).collect();
            if let Some(other) =
                layers.iter().find(|layer| !LAYERS.contains(&layer.media_type.as_str()))
            {
                let found = shown(&other.media_type);
                return Err(unusable(format!("it has a layer of the type {found}")));
            }
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
    let config: Config = read(image, "configuration", config, names::CONFIGURATION)?;
    if config.os != "linux" || config.architecture != architecture {
        let (os, found) = (shown(&config.os), shown(&config.architecture));
        return Err(unusable(format!("it is for {os}/{found}, nodes are linux/{architecture}")));
    }
    let execution = config.execution.unwrap_or_default();
    let invalid = |error: inkstone_spec::Invalid| unusable(error.to_string());
    let user = user(execution.user.as_deref().unwrap_or_default(), allows_root)?;
    if let Some(path) = execution.volumes.iter().flatten().map(|(path, _)| path).next() {
        return Err(MirrorError::Volume { path: shown(path) });
    }
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
    known: &[&str],
) -> Result<T, MirrorError> {
    let document = names::check(content, known).and_then(|()| serde_json::from_slice(content));
    document.map_err(|error| MirrorError::Unusable {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn image() -> ImageReference {
        format!("registry.example.com/a@sha256:{}", "0".repeat(64)).parse().unwrap()
    }

    fn blob(media_type: &str, urls: &Value) -> Value {
        let digest = format!("sha256:{}", "1".repeat(64));
        let mut blob = json!({"mediaType": media_type, "digest": digest, "size": 1});
        if !urls.is_null() {
            blob["urls"] = urls.clone();
        }
        blob
    }

    fn judge(config_urls: &Value, layer_urls: &Value) -> Option<String> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob(CONFIGS[0], config_urls),
            "layers": [blob(LAYERS[0], layer_urls)],
        });
        let found = document(&image(), manifest.to_string().as_bytes(), MANIFEST, "amd64");
        found.err().map(|error| error.to_string())
    }

    #[test]
    fn nothing_of_an_image_is_kept_at_an_address_of_its_own() {
        let (here, there) = (Value::Null, json!(["http://127.0.0.1:2379/health"]));
        assert_eq!(judge(&here, &here), None);
        for (config, layer) in [(&there, &here), (&here, &there)] {
            let refused = judge(config, layer).unwrap();
            assert!(refused.contains("urls") && !refused.contains("2379"), "{refused}");
        }
    }

    #[test]
    fn an_image_that_writes_to_the_nodes_own_disk_is_refused() {
        let config = |volumes: Value| {
            let config = json!({"os": "linux", "architecture": "amd64",
                                "config": {"User": "1", "Volumes": volumes}});
            runs(&image(), config.to_string().as_bytes(), "amd64", true)
        };
        assert!(config(Value::Null).is_ok() && config(json!({})).is_ok());
        let refused = config(json!({"/data": {}})).unwrap_err();
        assert_eq!(refused.code(), "image_has_volume");
        assert!(refused.to_string().contains("/data"), "{refused}");
    }
}
