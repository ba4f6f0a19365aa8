//! Sealed environment values: SOPS files with age (`env.sops.yaml`); and the key of pull tokens.
//!
//! Owns the file format (parsing, printing, fingerprinting), sealing and opening, the age identities
//! that open, and the key that the tokens of nodes are made from. What it writes, the `sops` binary reads and edits, and the other way round;
//! a file that `sops` edited prints back byte for byte as `sops` wrote it, unless Inkstone has a value
//! to change.
//!
//! The format is that of <https://getsops.io/docs/> narrowed to what an environment needs: one flat
//! mapping of text values, every value sealed or empty, age X25519 recipients only. Comments are
//! refused, because a file that is rewritten by a machine cannot keep them and because a value that is
//! commented out is a value in clear.
//!
//! What sealing does not give: anyone who knows a recipient can write a file that opens, so who wrote
//! it is a matter of the signature on the commit. Empty values are not covered by the MAC.
//!
//! Must not know: git, the layout of the state repo, Kubernetes, who may read which value.

mod ciphertext;
mod data_key;
mod env_file;
mod error;
mod identity;
mod keyring;
mod parse;
mod private_file;
mod pull_key;
mod seal;
mod wrapped_key;

pub use env_file::{EnvFile, MAX_FILE_BYTES, MAX_RECIPIENTS};
pub use error::{ParseError, SealError};
pub use identity::{Identities, Identity, IdentityError};
pub use inkstone_spec::Recipient;
pub use keyring::Keyring;
pub use pull_key::{PullKey, PullKeyError};
pub use seal::{open, seal, seal_merged};
