//! The key of one file: encrypts its values, and is itself encrypted to each recipient.

use crate::ciphertext::{Ciphertext, IV_BYTES, TAG_BYTES};
use crate::error::SealError;
use crate::identity::Identities;
use crate::wrapped_key::{Armor, WrappedKey};
use aes_gcm::aead::consts::U32;
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadInOut as _, AesGcm, Key, KeyInit as _, Nonce, Tag};
use age::armor::ArmoredReader;
use inkstone_spec::Recipient;
use std::io::Read as _;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;

type Cipher = AesGcm<Aes256, U32>;

/// 32 random bytes. They stay with a file for life, so that values which did not change keep their
/// ciphertext.
#[derive(PartialEq, Eq)]
pub(crate) struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    pub(crate) fn generate() -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| SealError::NoRandomness)?;
        Ok(Self(key))
    }

    fn cipher(&self) -> Cipher {
        Cipher::new(&Key::<Cipher>::from(*self.0))
    }

    /// Encrypts under a fresh initialisation vector. `context` is authenticated beside the value.
    pub(crate) fn encrypt(&self, plaintext: &[u8], context: &str) -> Result<Ciphertext, SealError> {
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv).map_err(|_| SealError::NoRandomness)?;
        let mut data = plaintext.to_vec();
        let tag = self
            .cipher()
            .encrypt_inout_detached(
                &Nonce::from(iv),
                context.as_bytes(),
                data.as_mut_slice().into(),
            )
            .map_err(|_| SealError::TooMuch)?;
        Ok(Ciphertext { data, iv, tag: tag.into() })
    }

    /// The plaintext, or nothing if value, context or key are not the ones that were encrypted.
    pub(crate) fn decrypt(&self, sealed: &Ciphertext, context: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut data = Zeroizing::new(sealed.data.clone());
        let tag: [u8; TAG_BYTES] = sealed.tag;
        self.cipher()
            .decrypt_inout_detached(
                &Nonce::from(sealed.iv),
                context.as_bytes(),
                data.as_mut_slice().into(),
                &Tag::from(tag),
            )
            .ok()?;
        Some(data)
    }

    /// Encrypts the key itself to `recipient`.
    pub(crate) fn wrap(&self, recipient: &Recipient) -> Result<WrappedKey, SealError> {
        let refused = || SealError::BadRecipient { recipient: recipient.clone() };
        let key: age::x25519::Recipient = recipient.as_str().parse().map_err(|_| refused())?;
        let armor = age::encrypt_and_armor(&key, self.0.as_slice()).map_err(|_| refused())?;
        let armor = Armor::parse(&armor).ok_or_else(refused)?;
        Ok(WrappedKey { recipient: recipient.clone(), armor })
    }

    /// The first of `wrapped` that one of `identities` opens to a key.
    pub(crate) fn unwrap(
        wrapped: &[WrappedKey],
        identities: &Identities,
    ) -> Result<Self, SealError> {
        wrapped.iter().find_map(|key| Self::unwrap_one(key, identities)).ok_or_else(|| {
            SealError::NoIdentity {
                sealed_to: wrapped.iter().map(|key| key.recipient.clone()).collect(),
            }
        })
    }

    fn unwrap_one(wrapped: &WrappedKey, identities: &Identities) -> Option<Self> {
        let armored = ArmoredReader::new(wrapped.armor.as_str().as_bytes());
        let plaintext = age::Decryptor::new_buffered(armored)
            .ok()?
            .decrypt(identities.iter().map(|identity| identity.key() as &dyn age::Identity))
            .ok()?;
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        // Read to the end, so that age checks that nothing was cut off; one byte more than a key is
        // enough to see that it is not one.
        plaintext.take(KEY_BYTES as u64 + 1).read_to_end(&mut key).ok()?;
        <[u8; KEY_BYTES]>::try_from(key.as_slice()).ok().map(|key| Self(Zeroizing::new(key)))
    }
}
