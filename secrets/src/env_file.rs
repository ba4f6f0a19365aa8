//! `env.sops.yaml` as a value: what it holds, how it prints, and its fingerprint.

use crate::ciphertext::Ciphertext;
use crate::error::ParseError;
use crate::parse;
use crate::wrapped_key::WrappedKey;
use inkstone_spec::{Digest, EnvKey, Recipient};
use jiff::Timestamp;
use std::fmt;

/// The largest file that is read, in bytes. The most that a service may have takes about 760 KiB
/// sealed.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// The most recipients of one file.
pub const MAX_RECIPIENTS: usize = 32;

/// The `sops` whose format is written into new files.
pub(crate) const SOPS_VERSION: &str = "3.13.3";
/// The suffix that `sops` takes for "leave this one in clear" when a file names no rule, and then writes
/// into it. No environment variable of ours can end with it: they have no lower-case letters.
pub(crate) const UNENCRYPTED_SUFFIX: &str = "_unencrypted";

/// Keys that some YAML reader takes for a boolean or null unless they are quoted.
const AMBIGUOUS_KEYS: [&str; 9] = ["FALSE", "N", "NO", "NULL", "OFF", "ON", "TRUE", "Y", "YES"];

/// A sealed environment: at least one variable, each sealed or empty, and the `sops` block.
///
/// Made by [`EnvFile::parse`] and [`seal`](crate::seal). `Display` prints the file exactly as `sops`
/// does. The variables keep the order that the file had, since the MAC covers them in that order;
/// [`seal`](crate::seal) sorts them when it changes any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// No entry is repeated; nothing stands for the empty value, which SOPS does not encrypt.
    pub(crate) values: Vec<(EnvKey, Option<Ciphertext>)>,
    pub(crate) wrapped_keys: Vec<WrappedKey>,
    pub(crate) last_modified: LastModified,
    pub(crate) mac: Ciphertext,
    pub(crate) version: SopsVersion,
}

impl EnvFile {
    /// Reads a file, and refuses one in which anything is not sealed, or that has more than an
    /// environment needs. Needs no identity and checks no MAC; [`open`](crate::open) does.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::env_file(text)
    }

    /// The names of the variables, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &EnvKey> {
        self.values.iter().map(|(key, _)| key)
    }

    /// Whom the file says it is sealed to, in the order of the file.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.wrapped_keys.iter().map(|key| &key.recipient)
    }

    /// The data key as it is sealed to each recipient: armored age files. Who cannot open one cannot seal
    /// its data key anew, so a copy of a file, or of values with their key, has one of the original's.
    pub fn sealed_data_keys(&self) -> impl Iterator<Item = &str> {
        self.wrapped_keys.iter().map(|key| key.armor.as_str())
    }

    /// The SHA-256 of the sorted (name, ciphertext) pairs, each part preceded by its length. It changes
    /// with any value and with nothing else: not with recipients, order, formatting or `lastmodified`.
    pub fn fingerprint(&self) -> Digest {
        let mut pairs: Vec<_> = self.values.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| key);
        let mut bytes = Vec::new();
        for (key, sealed) in pairs {
            let sealed = sealed.as_ref().map(Ciphertext::to_string).unwrap_or_default();
            for part in [key.as_str(), &sealed] {
                bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        Digest::of(&bytes)
    }
}

impl fmt::Display for EnvFile {
    /// Prints YAML without a serializer: every part is of a type whose alphabet is safe where it stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, sealed) in &self.values {
            let quote = if AMBIGUOUS_KEYS.contains(&key.as_str()) { "\"" } else { "" };
            match sealed {
                Some(sealed) => writeln!(f, "{quote}{key}{quote}: {sealed}")?,
                None => writeln!(f, "{quote}{key}{quote}: \"\"")?,
            }
        }
        writeln!(f, "sops:\n    age:")?;
        for key in &self.wrapped_keys {
            writeln!(f, "        - enc: |")?;
            for line in key.armor.as_str().lines() {
                writeln!(f, "            {line}")?;
            }
            writeln!(f, "          recipient: {}", key.recipient)?;
        }
        writeln!(f, "    lastmodified: \"{}\"", self.last_modified)?;
        writeln!(f, "    mac: {}", self.mac)?;
        writeln!(f, "    unencrypted_suffix: {UNENCRYPTED_SUFFIX}")?;
        writeln!(f, "    version: {}", self.version)
    }
}

/// When values last changed, to the second. Its text is authenticated together with the MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastModified(Timestamp);

impl LastModified {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now)
    }

    /// Takes RFC 3339 in UTC, as `sops` writes it: `2026-11-21T03:28:43Z`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self).filter(|parsed| parsed.to_string() == text)
    }
}

impl fmt::Display for LastModified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// The version of the `sops` that wrote the file. Kept as it is, so that an edit by Inkstone after one
/// by `sops` does not flip it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SopsVersion(String);

impl SopsVersion {
    /// The longest version.
    const MAX_BYTES: usize = 32;

    pub(crate) fn current() -> Self {
        Self(SOPS_VERSION.into())
    }

    /// Takes three numbers with dots: nothing that YAML reads as a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers = text.split('.');
        let good = text.len() <= Self::MAX_BYTES
            && numbers.clone().count() == 3
            && numbers.into_iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        good.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for SopsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
