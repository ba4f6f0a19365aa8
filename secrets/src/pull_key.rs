//! The key that pull tokens are made from.
//!
//! A token follows from the key and the project's name alone, so there is nothing to store for it: it
//! outlives the database, and every server and reconciler that has the file makes the same one.

use crate::private_file::{self, ReadError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use inkstone_spec::{ProjectRef, PullToken};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::{fmt, io};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Random bytes in a key.
const KEY_BYTES: usize = 32;
/// The size of SHA-256's block, which HMAC takes as its key.
const BLOCK_BYTES: usize = 64;
/// The largest file that is read, in bytes: the key in hex, and room for white space.
const MAX_FILE_BYTES: usize = 256;
/// What a token says that it is for, before the project's name.
const PURPOSE: &[u8] = b"inkstone pull v1\0";

/// What pull tokens are made from. `Debug` shows nothing of it; it is wiped when dropped.
#[derive(Clone)]
pub struct PullKey(Zeroizing<[u8; KEY_BYTES]>);

impl PullKey {
    /// Makes a new one from the operating system's randomness.
    pub fn generate() -> Result<Self, PullKeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| PullKeyError::NoRandomness)?;
        Ok(Self(key))
    }

    /// Reads the file that [`PullKey::save`] writes. It must be its owner's alone (0600 or 0400).
    pub fn load(path: &Path) -> Result<Self, PullKeyError> {
        let text = private_file::read(path, MAX_FILE_BYTES).map_err(|problem| {
            let path = path.into();
            match problem {
                ReadError::Unreadable(error) => PullKeyError::Unreadable { path, error },
                ReadError::Exposed(mode) => PullKeyError::Exposed { path, mode },
                ReadError::TooLarge => PullKeyError::Malformed { path },
            }
        })?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(text.trim(), key.as_mut_slice())
            .map_err(|_| PullKeyError::Malformed { path: path.into() })?;
        Ok(Self(key))
    }

    /// Writes a new file, 0600, synced to disk. Never replaces one: every pull secret in the clusters was
    /// made with it.
    pub fn save(&self, path: &Path) -> Result<(), PullKeyError> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
        text.push_str(&Zeroizing::new(hex::encode(self.0.as_slice())));
        text.push('\n');
        private_file::write(path, &text, false)
            .map_err(|error| PullKeyError::Unwritable { path: path.into(), error })
    }

    /// The token that pulls the images of a project, and no other's.
    pub fn token(&self, project: &ProjectRef) -> PullToken {
        // HMAC fills a shorter key up with zeros (RFC 2104, 2).
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        for (filled, byte) in block.iter_mut().zip(self.0.iter()) {
            *filled = *byte;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(PURPOSE);
        mac.update(project.to_string().as_bytes());
        PullToken::from_random(mac.finalize().into_bytes().into())
    }

    /// Whether `token` is the one of `project`. Takes as long for a wrong one as for the right one.
    pub fn admits(&self, project: &ProjectRef, token: &PullToken) -> bool {
        self.token(project).expose().as_bytes().ct_eq(token.expose().as_bytes()).into()
    }
}

impl fmt::Debug for PullKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PullKey([redacted])")
    }
}

/// Why the key or its file cannot be used. Never repeats what is in it.
#[derive(Debug, thiserror::Error)]
pub enum PullKeyError {
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for a pull key")]
    NoRandomness,
    /// The file cannot be read.
    #[error("cannot read the pull key {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// Others than its owner may read or write the file.
    #[error("the pull key {} is open to others (mode {mode:03o}): run `chmod 600 {}`", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a pull key.
    #[error("{} is not a pull key, 64 hex digits: restore it from a backup, or remove it and start the server, which makes another", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the pull key {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
}
