//! The private half: age identities, and the file that holds them.

use crate::private_file::{self, ReadError};
use age::secrecy::ExposeSecret as _;
use inkstone_spec::Recipient;
use std::fmt;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest identity file that is read, in bytes.
const MAX_FILE_BYTES: usize = 64 * 1024;
/// The most identities in one file.
const MAX_IDENTITIES: usize = 64;

/// An age X25519 identity. `Debug` shows its recipient only; the key is wiped when dropped.
#[derive(Clone)]
pub struct Identity {
    key: age::x25519::Identity,
    recipient: Recipient,
}

impl Identity {
    /// Makes a new one from the operating system's randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::new(age::x25519::Identity::generate())
    }

    /// Takes the text form, `AGE-SECRET-KEY-1…`. Says nothing of the text otherwise.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        text.parse().map_err(|_| IdentityError::NotAnIdentity).and_then(Self::new)
    }

    fn new(key: age::x25519::Identity) -> Result<Self, IdentityError> {
        let recipient = Recipient::new(key.to_public().to_string())
            .map_err(|_| IdentityError::NotAnIdentity)?;
        Ok(Self { key, recipient })
    }

    /// The public half, to seal to.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    pub(crate) fn key(&self) -> &age::x25519::Identity {
        &self.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("recipient", &self.recipient.as_str())
            .finish_non_exhaustive()
    }
}

/// The identity in use, and older ones that still open what was sealed before.
#[derive(Clone, Debug)]
pub struct Identities {
    current: Identity,
    old: Vec<Identity>,
}

impl Identities {
    /// `current` is whom new values are sealed to; `old` ones only open.
    pub fn new(current: Identity, old: Vec<Identity>) -> Self {
        Self { current, old }
    }

    /// The identity in use.
    pub fn current(&self) -> &Identity {
        &self.current
    }

    /// All of them, the one in use first.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        iter::once(&self.current).chain(&self.old)
    }

    /// Reads an age identity file: one identity a line, the one in use first; empty lines and lines
    /// that start with `#` are skipped. The file must be its owner's alone (0600 or 0400).
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let text = private_file::read(path, MAX_FILE_BYTES)
            .map_err(|problem| IdentityError::of_file(path, problem))?;
        let mut identities = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = Identity::parse(line)
                .map_err(|_| IdentityError::Malformed { path: path.into(), line: at + 1 })?;
            identities.push(identity);
        }
        if identities.len() > MAX_IDENTITIES {
            return Err(IdentityError::TooLarge { path: path.into() });
        }
        let mut identities = identities.into_iter();
        let current =
            identities.next().ok_or_else(|| IdentityError::Empty { path: path.into() })?;
        Ok(Self::new(current, identities.collect()))
    }

    /// Writes a new file that [`Identities::load`], `age -i` and `SOPS_AGE_KEY_FILE` read, 0600, synced
    /// to disk. Never replaces a file: what an identity sealed is lost without it.
    pub fn save(&self, path: &Path) -> Result<(), IdentityError> {
        let text = self.text();
        private_file::write(path, &text, false).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => IdentityError::Exists { path: path.into() },
            _ => IdentityError::Unwritable { path: path.into(), error },
        })
    }

    /// Makes `identity` the one in use, in the file too: those that are there stay, as old ones, so that
    /// nothing that was sealed is lost.
    pub fn rotate(path: &Path, identity: Identity) -> Result<Self, IdentityError> {
        let Self { current, mut old } = Self::load(path)?;
        old.insert(0, current);
        if old.len() >= MAX_IDENTITIES {
            return Err(IdentityError::TooLarge { path: path.into() });
        }
        let rotated = Self::new(identity, old);
        private_file::write(path, &rotated.text(), true)
            .map_err(|error| IdentityError::Unwritable { path: path.into(), error })?;
        Ok(rotated)
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES));
        for identity in self.iter() {
            text.push_str("# public key: ");
            text.push_str(identity.recipient.as_str());
            text.push('\n');
            text.push_str(identity.key.to_string().expose_secret());
            text.push('\n');
        }
        text
    }
}

/// Why an identity or its file cannot be used. Never repeats a line of the file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The text is not an age X25519 identity.
    #[error("this is not an age identity")]
    NotAnIdentity,
    /// The file cannot be read.
    #[error("cannot read the identity file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// Others than its owner may read or write the file.
    #[error("the identity file {} is open to others (mode {mode:03o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is neither identity, comment nor empty.
    #[error("line {line} of the identity file {} is not an age identity", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// No line is an identity.
    #[error("the identity file {} holds no identity", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More bytes or identities than are read.
    #[error("the identity file {} is too large: at most 64 KiB and 64 identities are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// There is a file already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the identity file {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
}

impl IdentityError {
    fn of_file(path: &Path, problem: ReadError) -> Self {
        let path = path.into();
        match problem {
            ReadError::Unreadable(error) => Self::Unreadable { path, error },
            ReadError::Exposed(mode) => Self::Exposed { path, mode },
            ReadError::TooLarge => Self::TooLarge { path },
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnIdentity | Self::Malformed { .. } => "identity_malformed",
            Self::Unreadable { .. } => "identity_unreadable",
            Self::Exposed { .. } => "identity_exposed",
            Self::Empty { .. } => "identity_file_empty",
            Self::TooLarge { .. } => "identity_file_too_large",
            Self::Exists { .. } => "identity_exists",
            Self::Unwritable { .. } => "identity_unwritable",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> String {
        match self {
            Self::NotAnIdentity
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::TooLarge { .. } => {
                "Give a file as `age-keygen` makes it: one AGE-SECRET-KEY-1… a line.".into()
            }
            Self::Unreadable { .. } => {
                "Check the path, and that the file belongs to the user that runs this.".into()
            }
            Self::Exposed { path, .. } => format!("Run `chmod 600 {}`.", path.display()),
            Self::Exists { .. } => "Load it, or choose another path.".into(),
            Self::Unwritable { .. } => "Check that the directory exists and is writable.".into(),
        }
    }
}
