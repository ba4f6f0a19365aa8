//! The table of everything a site serves, made once from its directory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use headers::ETag;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::accept::Encoding;
use crate::cache;

/// The most files one site has. It bounds start time and memory.
const MAX_FILES: usize = 200_000;

/// How much of a file is hashed at a time, in bytes.
const HASH_CHUNK: usize = 64 * 1024;

/// How much of the SHA-256 an entity tag shows, in bytes: enough that two contents never share one.
const ETAG_BYTES: usize = 16;

/// The one directory whose name begins with a dot and that is served (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    #[error("cannot read {path}: {source}; check that it exists and is readable")]
    Unreadable { path: String, source: io::Error },
    #[error("{path} has more than {MAX_FILES} files; serve a smaller directory")]
    TooManyFiles { path: String },
}

/// Every file of a site by its URL path, decoded and without the leading slash.
#[derive(Debug)]
pub(crate) struct Site {
    assets: HashMap<Vec<u8>, Asset>,
}

/// One URL's content, in each encoding that lies in the directory.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: HeaderValue,
    pub(crate) cache_control: HeaderValue,
    plain: Representation,
    compressed: Vec<(Encoding, Representation)>,
}

/// The bytes of one encoding of an asset (RFC 9110, section 8).
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) path: PathBuf,
    identity: OnceCell<Identity>,
}

/// What tells one content from another.
#[derive(Debug)]
pub(crate) struct Identity {
    /// A strong entity tag: a hash of the bytes. Modification times say nothing here, for they are
    /// the same in every image.
    pub(crate) etag: ETag,
    /// In bytes.
    pub(crate) length: u64,
}

impl Site {
    /// Reads which files there are, not what they hold. Symbolic links are not followed, and names
    /// that begin with a dot are left out, except `/.well-known/`.
    pub(crate) fn scan(root: &Path) -> Result<Self, SiteError> {
        let mut paths = HashMap::new();
        let mut pending = vec![(root.to_owned(), Vec::new())];
        while let Some((directory, url)) = pending.pop() {
            let unreadable =
                |source| SiteError::Unreadable { path: directory.display().to_string(), source };
            for entry in fs::read_dir(&directory).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let name = entry.file_name();
                let hidden = name.as_bytes().starts_with(b".");
                if hidden && !(url.is_empty() && name == WELL_KNOWN) {
                    continue;
                }
                let kind = entry.file_type().map_err(unreadable)?;
                let mut entry_url = url.clone();
                entry_url.extend_from_slice(name.as_bytes());
                if kind.is_dir() {
                    entry_url.push(b'/');
                    pending.push((entry.path(), entry_url));
                } else if kind.is_file() {
                    paths.insert(entry_url, entry.path());
                    if paths.len() > MAX_FILES {
                        return Err(SiteError::TooManyFiles { path: root.display().to_string() });
                    }
                }
            }
        }
        let assets = paths.iter().map(|(url, path)| (url.clone(), Asset::new(url, path, &paths)));
        Ok(Self { assets: assets.collect() })
    }

    /// How many URLs have content of their own.
    pub(crate) fn len(&self) -> usize {
        self.assets.len()
    }

    /// The content of exactly this path.
    pub(crate) fn get(&self, url: &[u8]) -> Option<&Asset> {
        self.assets.get(url)
    }
}

impl Asset {
    fn new(url: &[u8], path: &Path, paths: &HashMap<Vec<u8>, PathBuf>) -> Self {
        let content_type = content_type(path);
        let compressed = Encoding::ALL.into_iter().filter_map(|encoding| {
            let mut beside = url.to_vec();
            beside.extend_from_slice(encoding.extension().as_bytes());
            Some((encoding, Representation::new(paths.get(&beside)?.clone())))
        });
        Self {
            cache_control: cache::policy(url),
            content_type,
            plain: Representation::new(path.to_owned()),
            compressed: compressed.collect(),
        }
    }

    /// The encodings that lie beside the plain file.
    pub(crate) fn encodings(&self) -> impl Iterator<Item = Encoding> {
        self.compressed.iter().map(|(encoding, _)| *encoding)
    }

    /// The bytes in this encoding; `None` is the file as it is.
    pub(crate) fn representation(&self, encoding: Option<Encoding>) -> &Representation {
        self.compressed
            .iter()
            .find(|(candidate, _)| Some(*candidate) == encoding)
            .map_or(&self.plain, |(_, representation)| representation)
    }
}

impl Representation {
    fn new(path: PathBuf) -> Self {
        Self { path, identity: OnceCell::new() }
    }

    /// Reads the file when it is first asked for, and never again.
    pub(crate) async fn identity(&self) -> io::Result<&Identity> {
        self.identity
            .get_or_try_init(|| async {
                let path = self.path.clone();
                tokio::task::spawn_blocking(move || identify(&path)).await?
            })
            .await
    }
}

fn identify(path: &Path) -> io::Result<Identity> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; HASH_CHUNK];
    let mut length = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        length += read as u64;
        hasher.update(chunk.get(..read).unwrap_or_default());
    }
    let mut digest = hasher.finalize().to_vec();
    digest.truncate(ETAG_BYTES);
    let etag = format!("\"{}\"", hex::encode(digest)).parse().map_err(io::Error::other)?;
    Ok(Identity { etag, length })
}

fn content_type(path: &Path) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    if guess.starts_with("text/") {
        HeaderValue::try_from(format!("{guess}; charset=utf-8"))
            .unwrap_or_else(|_| HeaderValue::from_static(guess))
    } else {
        HeaderValue::from_static(guess)
    }
}
