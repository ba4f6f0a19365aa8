//! Environment variables of a service.

use crate::Invalid;
use crate::text::validated_string;
use std::fmt;
use zeroize::Zeroizing;

/// How many variables one service may have.
pub const MAX_ENV_KEYS: usize = 200;
/// The longest value, in bytes; [`EnvValue::MAX_TOTAL_BYTES`] bounds all values of a service together,
/// so that they fit into one Kubernetes Secret (1 MiB).
pub const MAX_ENV_VALUE_BYTES: usize = 32 * 1024;

validated_string! {
    /// The name of an environment variable. `PORT` is Inkstone's; `LD_*` would change what the loader
    /// runs and `KUBERNETES_*` would shadow what the kubelet sets.
    EnvKey, "environment variable name", pattern: "^(?!PORT$|LD_|KUBERNETES_)[A-Z_][A-Z0-9_]*$", max: 128,
    allowed: "upper-case letters, digits and _, no digit first; PORT, LD_* and KUBERNETES_* are reserved",
    example: "API_TOKEN", check: is_env_key
}

fn is_env_key(value: &str) -> bool {
    value.bytes().next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_')
        && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && value != "PORT"
        && !value.starts_with("LD_")
        && !value.starts_with("KUBERNETES_")
}

/// The value of an environment variable: a secret. It prints as `[redacted]` and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvValue(Zeroizing<String>);

impl EnvValue {
    /// The most that all values of one service may hold together, in bytes.
    pub const MAX_TOTAL_BYTES: usize = 512 * 1024;

    /// Takes any text of at most [`MAX_ENV_VALUE_BYTES`] without a NUL, which no process environment
    /// can hold (execve(2)).
    pub fn new(value: impl Into<String>) -> Result<Self, Invalid> {
        let value = Zeroizing::new(value.into());
        if value.len() <= MAX_ENV_VALUE_BYTES && !value.contains('\0') {
            Ok(Self(value))
        } else {
            Err(Invalid::secret(
                "environment variable value",
                "at most 32 KiB of text without a NUL",
                "postgres://db/app",
            ))
        }
    }

    /// The value in clear. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
