//! One layer of an image: a tar archive whose bytes follow from its content alone.
//!
//! Every time is the epoch, every owner root, no name of a user or machine is in it, and gzip
//! carries neither time nor file name. Another version of the compressor may compress to other
//! bytes, so a digest is the same for one build of Inkstone, and the archive's own digest for all.

use std::collections::BTreeSet;
use std::io::{self, Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use inkstone_spec::Digest;
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

/// What a manifest and a config say of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The digest of the compressed bytes.
    pub(crate) digest: Digest,
    /// The digest of the archive itself.
    pub(crate) diff_id: Digest,
    /// Compressed bytes.
    pub(crate) size: u64,
}

/// Writes entries in the order that they are given, each directory before what is in it.
pub(crate) struct LayerWriter<W: Write> {
    tar: tar::Builder<Hashing<GzEncoder<Hashing<W>>>>,
    directories: BTreeSet<String>,
}

impl<W: Write> LayerWriter<W> {
    pub(crate) fn new(to: W) -> Self {
        let gzip = GzBuilder::new().mtime(0).write(Hashing::new(to), Compression::default());
        Self { tar: tar::Builder::new(Hashing::new(gzip)), directories: BTreeSet::new() }
    }

    pub(crate) fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.parent(parent)?;
        }
        self.directories.insert(path.to_owned());
        self.append(EntryType::Directory, &format!("{path}/"), mode, &[])
    }

    /// Writes a file, and the directories above it that are not there yet.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.parent(parent)?;
        }
        self.append(EntryType::Regular, path, mode, content)
    }

    pub(crate) fn finish(self) -> io::Result<(Layer, W)> {
        let archive = self.tar.into_inner()?;
        let diff_id = archive.digest()?;
        let compressed = archive.inner.finish()?;
        let layer = Layer { digest: compressed.digest()?, diff_id, size: compressed.written };
        Ok((layer, compressed.inner))
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        if self.directories.contains(path) { Ok(()) } else { self.directory(path, 0o755) }
    }

    fn append(&mut self, kind: EntryType, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        self.tar.append_data(&mut header, path, content)
    }
}

/// Passes bytes on and remembers their digest and number.
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    written: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), written: 0 }
    }

    fn digest(&self) -> io::Result<Digest> {
        Digest::from_hex(&hex::encode(self.hasher.clone().finalize())).map_err(io::Error::other)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
