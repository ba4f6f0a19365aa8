//! The binary that every static site ships with, and the layer that all of them share.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use inkstone_spec::{Invalid, Port, UserId};

use crate::elf::{self, Architecture, Unfit};
use crate::layer::{Layer, LayerWriter};
use crate::limits::MAX_SERVER_BYTES;

/// Where the server is in the image, without the leading slash.
pub(crate) const SERVER_PATH: &str = "static-server";

/// Where the site is in the image, without the leading slash.
pub(crate) const SITE_DIRECTORY: &str = "site";

/// The user and group that it runs as: none that any distribution gives to something else.
pub(crate) const USER: u32 = 65532;

/// The port that it listens on unless `PORT` says otherwise.
pub(crate) const PORT: u16 = 8080;

const PASSWD: &str = "nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "nonroot:x:65532:\n";

/// Why a binary cannot be shipped.
#[derive(Debug, thiserror::Error)]
pub enum StaticServerError {
    /// It cannot be read.
    #[error("cannot read the static-server binary {path}: {source}; run `cargo xtask build`", path = .path.display())]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It would not run in an image that holds nothing else.
    #[error("{path} {problem}; run `cargo xtask build`, which links it statically", path = .path.display())]
    Unfit {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The port or the user that images name is none.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A statically linked static-server binary as the base layer of every site: the same bytes in
/// each of their images.
#[derive(Clone, Debug)]
pub struct StaticServer {
    architecture: Architecture,
    port: Port,
    user: UserId,
    layer: Layer,
    content: Bytes,
}

impl StaticServer {
    /// Reads the binary and makes the layer.
    pub fn load(path: &Path) -> Result<Self, StaticServerError> {
        let unreadable = |source| StaticServerError::Unreadable { path: path.to_owned(), source };
        let unfit = |problem| StaticServerError::Unfit { path: path.to_owned(), problem };
        let size = fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_SERVER_BYTES {
            return Err(unfit("is too large to be it"));
        }
        let mut binary = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_SERVER_BYTES).read_to_end(&mut binary))
            .map_err(unreadable)?;
        let architecture = elf::architecture(&binary).map_err(|reason| {
            unfit(match reason {
                Unfit::NotAnExecutable => "is not a 64-bit ELF executable",
                Unfit::UnknownArchitecture => "is for neither x86-64 nor aarch64",
                Unfit::DynamicallyLinked => "is dynamically linked and would not start",
            })
        })?;
        let (layer, content) = base_layer(&binary).map_err(unreadable)?;
        Ok(Self {
            architecture,
            port: Port::new(PORT.into())?,
            user: UserId::new(USER.into())?,
            layer,
            content: content.into(),
        })
    }

    pub(crate) fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> Port {
        self.port
    }

    /// The user that it runs as.
    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    pub(crate) fn layer(&self) -> &Layer {
        &self.layer
    }

    /// The bytes of the layer.
    pub(crate) fn content(&self) -> &Bytes {
        &self.content
    }
}

fn base_layer(binary: &[u8]) -> io::Result<(Layer, Vec<u8>)> {
    let mut layer = LayerWriter::new(Vec::new());
    layer.file("etc/group", 0o644, GROUP.as_bytes())?;
    layer.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    layer.file(SERVER_PATH, 0o755, binary)?;
    layer.directory("tmp", 0o1777)?;
    layer.finish()
}
