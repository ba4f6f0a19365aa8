//! Credentials and what they allow.

use crate::size::choice;
use crate::text::is_lower_hex;
use crate::{ImageRegistry, Invalid};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use zeroize::Zeroizing;

/// Random bytes in a credential. 256 bits cannot be guessed, so a fast hash at rest is enough.
const SECRET_BYTES: usize = 32;

/// The SHA-256 of a credential: all that is ever stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialHash(String);

impl CredentialHash {
    fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret)))
    }

    /// 64 lower-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for CredentialHash {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_lower_hex(text, SECRET_BYTES * 2) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::secret("hash of a credential", "64 lower-case hex digits", "0123abcd…"))
        }
    }
}

/// Defines a secret with a prefix; `Debug` shows only the prefix.
macro_rules! credential {
    ($(#[$doc:meta])* $name:ident, $what:literal, $prefix:literal, allowed: $allowed:literal,
     encode: $encode:expr, check: $check:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// What every such credential starts with.
            pub const PREFIX: &str = $prefix;

            /// The credential made of these bytes, which nobody can guess.
            pub fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
                let encode: fn([u8; SECRET_BYTES]) -> String = $encode;
                Self(Zeroizing::new(format!("{}{}", $prefix, encode(bytes))))
            }

            /// Takes the text if it has the right shape; says nothing of it otherwise.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                if text.strip_prefix($prefix).is_some_and(check) {
                    Ok(Self(Zeroizing::new(text.to_owned())))
                } else {
                    Err(Invalid::secret($what, $allowed, concat!($prefix, "…")))
                }
            }

            /// The credential in clear, to hand to its owner once.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored and looked up.
            pub fn hash(&self) -> CredentialHash {
                CredentialHash::of(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "[redacted]"))
            }
        }
    };
}

credential! {
    /// An API key: `dk_live_` and 64 hex digits.
    ApiKey, "API key", "dk_live_", allowed: "dk_live_ and 64 lower-case hex digits",
    encode: hex::encode, check: |v| is_lower_hex(v, SECRET_BYTES * 2)
}

credential! {
    /// A git token for one hosted repository: `mlg_` and 43 characters of base64url.
    GitToken, "git token", "mlg_", allowed: "mlg_ and 43 characters of base64url",
    encode: |bytes| URL_SAFE_NO_PAD.encode(bytes),
    check: |v| URL_SAFE_NO_PAD.decode(v).is_ok_and(|b| b.len() == SECRET_BYTES)
}

credential! {
    /// A pull token for the images of one project: `mlp_` and 64 hex digits.
    PullToken, "pull token", "mlp_", allowed: "mlp_ and 64 lower-case hex digits",
    encode: hex::encode, check: |v| is_lower_hex(v, SECRET_BYTES * 2)
}

/// What a Kubernetes pull secret holds (`.dockerconfigjson`): the user and password that nodes show to
/// one registry.
pub fn docker_config_json(registry: &ImageRegistry, user: &str, password: &str) -> String {
    let auth = Zeroizing::new(format!("{user}:{password}"));
    let auth = STANDARD.encode(auth.as_bytes());
    let entry = json!({"username": user, "password": password, "auth": auth});
    json!({"auths": {registry.as_str(): entry}}).to_string()
}

choice! {
    /// What a credential may do.
    Scope, "scope",
    allowed: "one of read, env:read, deploy, delete, state:push, dns, database, admin",
    example: "deploy",
    {
        /// Read everything of the workspace except values of environment variables.
        Read = "read",
        /// Read values of environment variables.
        EnvRead = "env:read",
        /// Create, change, deploy and cancel; push source.
        Deploy = "deploy",
        /// Delete services.
        Delete = "delete",
        /// Push to the state repo.
        StatePush = "state:push",
        /// Zones, records and custom domains.
        Dns = "dns",
        /// Databases.
        Database = "database",
        /// Workspaces and keys.
        Admin = "admin",
    }
}

/// A set of scopes, written as a comma-separated list.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope there is.
    pub fn all() -> Self {
        Self(Scope::ALL.iter().copied().collect())
    }

    /// Whether `scope` is one of them.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl std::str::FromStr for Scopes {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.split(',').map(str::parse).collect::<Result<BTreeSet<_>, _>>().map(Self)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}
