//! SSH signatures of commits (OpenSSH PROTOCOL.sshsig, namespace `git`), without a daemon.

use crate::StateError;
use inkstone_spec::SigningKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// The namespace in which git asks for signatures (gitformat-signature(5)).
const NAMESPACE: &str = "git";

/// The key that Inkstone signs its commits with.
pub struct Signer {
    key: PrivateKey,
    public: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes the key of these random bytes and writes it to `path`, which must not exist, with mode
    /// 0600.
    pub fn create(path: &Path, seed: &[u8; 32]) -> Result<Self, StateError> {
        let unusable = |reason: String| StateError::SigningKey { path: path.to_owned(), reason };
        let pair = KeypairData::from(Ed25519Keypair::from_seed(seed));
        let key = PrivateKey::new(pair, "").map_err(|e| unusable(e.to_string()))?;
        let pem = key.to_openssh(LineEnding::LF).map_err(|e| unusable(e.to_string()))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(StateError::io("creating the signing key", path))?;
        file.write_all(pem.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(StateError::io("writing the signing key", path))?;
        Self::new(key).map_err(unusable)
    }

    /// Reads the key from `path`; refuses a file that others can read.
    pub fn load(path: &Path) -> Result<Self, StateError> {
        let unusable = |reason: String| StateError::SigningKey { path: path.to_owned(), reason };
        let mode = std::fs::metadata(path)
            .map_err(StateError::io("reading the signing key", path))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(unusable(format!("its mode is {:o}; run `chmod 600` on it", mode & 0o777)));
        }
        let pem = Zeroizing::new(
            std::fs::read(path).map_err(StateError::io("reading the signing key", path))?,
        );
        let key = PrivateKey::from_openssh(pem.as_slice()).map_err(|e| unusable(e.to_string()))?;
        Self::new(key).map_err(unusable)
    }

    fn new(key: PrivateKey) -> Result<Self, String> {
        let mut public = key.public_key().clone();
        public.set_comment("");
        let line = public.to_openssh().map_err(|e| e.to_string())?;
        let public = SigningKey::new(line.trim_end()).map_err(|e| e.to_string())?;
        Ok(Self { key, public })
    }

    /// The public half, as `inkstone.yaml` lists it.
    pub fn public(&self) -> &SigningKey {
        &self.public
    }

    /// The armored signature of `payload`, as a commit's `gpgsig` header carries it.
    pub(crate) fn sign(&self, payload: &[u8]) -> Result<String, StateError> {
        self.key
            .sign(NAMESPACE, HashAlg::Sha512, payload)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|error| StateError::Git {
                what: "signing a commit",
                reason: error.to_string(),
            })
    }
}

/// Whether `armored` is a signature of `payload` by one of `keys`.
pub(crate) fn is_signed_by(keys: &[SigningKey], payload: &[u8], armored: &[u8]) -> bool {
    let Ok(signature) = SshSig::from_pem(armored) else { return false };
    keys.iter().any(|key| {
        PublicKey::from_openssh(key.as_str())
            .is_ok_and(|key| key.verify(NAMESPACE, payload, &signature).is_ok())
    })
}
