//! Content addresses.

use crate::text::{is_lower_hex, validated_string};
use sha2::{Digest as _, Sha256};

validated_string! {
    /// An OCI content digest (image-spec, descriptor.md): `sha256:` and 64 lower-case hex digits.
    Digest, "digest", pattern: "^sha256:[0-9a-f]{64}$", max: 71,
    allowed: "sha256: and 64 lower-case hex digits",
    example: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    check: |v| v.strip_prefix("sha256:").is_some_and(|h| is_lower_hex(h, 64))
}

validated_string! {
    /// A git commit (SHA-1): 40 lower-case hex digits, never abbreviated, never all zeros.
    CommitId, "commit", pattern: "^[0-9a-f]{40}$", max: 40,
    allowed: "a full commit id of 40 lower-case hex digits",
    example: "3f2c1ab9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8",
    check: |v| is_lower_hex(v, 40) && v.bytes().any(|b| b != b'0')
}

validated_string! {
    /// How a git commit begins: at least the 7 hex digits that people are shown, at most all 40.
    CommitPrefix, "commit", pattern: "^[0-9a-f]{7,40}$", max: 40,
    allowed: "a commit id, or at least the first 7 of its lower-case hex digits",
    example: "3f2c1ab",
    check: |v| v.len() >= 7 && is_lower_hex(v, v.len())
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    /// The 64 hex digits alone.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or_default()
    }

    /// The digest whose 64 hex digits these are.
    pub fn from_hex(hex: &str) -> Result<Self, crate::Invalid> {
        Self::new(format!("sha256:{hex}"))
    }
}

impl CommitId {
    /// The first seven digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl From<CommitId> for CommitPrefix {
    fn from(commit: CommitId) -> Self {
        Self(commit.0)
    }
}
