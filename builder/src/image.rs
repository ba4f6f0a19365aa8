//! The JSON documents of an image (OCI image specification 1.1), pure and always in the same order.

use std::collections::BTreeMap;

use inkstone_spec::{CommitId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::elf::Architecture;
use crate::layer::Layer;
use crate::static_server::{PORT, SERVER_PATH, SITE_DIRECTORY, USER};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The annotation of an index that names an image (image-spec, annotations.md).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
const REVISION: &str = "org.opencontainers.image.revision";
const SOURCE: &str = "org.opencontainers.image.source";

/// When every image says it was made. The commit says when it really was.
const EPOCH: &str = "1970-01-01T00:00:00Z";

const OS: &str = "linux";

/// A reference to content by its digest (descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, content: &[u8]) -> Self {
        Self::of(media_type, Digest::of(content), content.len() as u64)
    }

    pub(crate) fn of(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, annotations: BTreeMap::new() }
    }
}

/// What an image consists of (manifest.md).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    media_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// How an image is run (config.md).
#[derive(Debug, Serialize)]
struct Config<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    #[serde(rename = "config")]
    execution: Execution<'a>,
    rootfs: RootFs<'a>,
    history: Vec<History<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    user: String,
    exposed_ports: serde_json::Value,
    env: Vec<String>,
    entrypoint: Vec<String>,
    working_dir: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Serialize)]
struct RootFs<'a> {
    r#type: &'a str,
    diff_ids: Vec<&'a Digest>,
}

#[derive(Debug, Serialize)]
struct History<'a> {
    created: &'a str,
    created_by: &'a str,
}

/// An image without its layers' content.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    /// The manifest's own descriptor.
    pub(crate) descriptor: Descriptor,
    /// Bytes of everything that a node pulls.
    pub(crate) size: u64,
}

impl Documents {
    /// Describes the image of a site: the server's layer, then the site's.
    pub(crate) fn of_site(
        architecture: Architecture,
        base: &Layer,
        site: &Layer,
        commit: &CommitId,
        origin: &str,
    ) -> serde_json::Result<Self> {
        let config = serde_json::to_vec(&Config {
            created: EPOCH,
            architecture,
            os: OS,
            execution: Execution {
                user: format!("{USER}:{USER}"),
                exposed_ports: json!({format!("{PORT}/tcp"): {}}),
                env: vec!["PATH=/".to_owned(), format!("PORT={PORT}")],
                entrypoint: vec![format!("/{SERVER_PATH}"), format!("/{SITE_DIRECTORY}")],
                working_dir: "/",
                labels: BTreeMap::from([(REVISION, commit.as_str()), (SOURCE, origin)]),
            },
            rootfs: RootFs { r#type: "layers", diff_ids: vec![&base.diff_id, &site.diff_id] },
            history: vec![
                History { created: EPOCH, created_by: "inkstone: static-server" },
                History { created: EPOCH, created_by: "inkstone: static site" },
            ],
        })?;
        let layer = |layer: &Layer| Descriptor::of(LAYER, layer.digest.clone(), layer.size);
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor::new(CONFIG, &config),
            layers: vec![layer(base), layer(site)],
        };
        let manifest = serde_json::to_vec(&manifest)?;
        let pulled = manifest.len() as u64 + config.len() as u64 + base.size + site.size;
        let descriptor = Descriptor::new(MANIFEST, &manifest);
        Ok(Self { manifest, config, descriptor, size: pulled })
    }
}

/// The images of a layout (image-index.md).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    schema_version: u32,
    media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
}

impl Index {
    pub(crate) fn empty() -> Self {
        Self { schema_version: 2, media_type: INDEX.to_owned(), manifests: Vec::new() }
    }

    /// Lists an image under a commit's name. An earlier image of that commit, built with other
    /// settings, stays listed by its digest.
    pub(crate) fn list(&mut self, mut image: Descriptor, commit: &CommitId) {
        for listed in &mut self.manifests {
            if listed.annotations.get(REF_NAME).is_some_and(|name| name == commit.as_str()) {
                listed.annotations.remove(REF_NAME);
            }
        }
        image.annotations.insert(REF_NAME.to_owned(), commit.to_string());
        self.list_by_digest(image);
    }

    /// Lists an image under its digest alone.
    pub(crate) fn list_by_digest(&mut self, image: Descriptor) {
        self.manifests.retain(|listed| listed.digest != image.digest);
        self.manifests.push(image);
    }
}
