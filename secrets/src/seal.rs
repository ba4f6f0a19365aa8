//! Values to file and back.

use crate::ciphertext::Ciphertext;
use crate::data_key::DataKey;
use crate::env_file::{EnvFile, LastModified, MAX_RECIPIENTS, SopsVersion};
use crate::error::SealError;
use crate::identity::Identities;
use crate::wrapped_key::WrappedKey;
use inkstone_spec::{EnvKey, EnvValue, MAX_ENV_KEYS, Recipient};
use jiff::Timestamp;
use sha2::{Digest as _, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// Seals `values` to `recipients`, changing as little as possible of `previous`.
///
/// A value that did not change keeps its ciphertext byte for byte. If no value changed, MAC and
/// `lastmodified` stay too; if the recipients are the same as well, the result is `previous`. A new
/// recipient gets the data key added; one that is gone is left out.
///
/// A recipient that is gone has seen the data key. So once a value changes after that, everything is
/// encrypted anew under a new data key: what it could open it still can, what comes it cannot.
///
/// No values give no file: the caller removes the one there is. `now` is when the change is made; the
/// file keeps its seconds.
pub fn seal(
    previous: Option<&EnvFile>,
    values: &BTreeMap<EnvKey, EnvValue>,
    identities: &Identities,
    recipients: &BTreeSet<Recipient>,
    now: Timestamp,
) -> Result<Option<EnvFile>, SealError> {
    seal_merged(previous, None, values, identities, recipients, now)
}

/// The same for values of which some come from `theirs`, another file of the same environment: these
/// keep the ciphertext that they have there, where both files have the same data key. So what is equal
/// stays equal to the byte, and can be told to be so without opening it.
pub fn seal_merged(
    previous: Option<&EnvFile>,
    theirs: Option<&EnvFile>,
    values: &BTreeMap<EnvKey, EnvValue>,
    identities: &Identities,
    recipients: &BTreeSet<Recipient>,
    now: Timestamp,
) -> Result<Option<EnvFile>, SealError> {
    if values.is_empty() {
        return Ok(None);
    }
    check_size(values)?;
    check_recipients(recipients, identities)?;
    let Some(previous) = previous else {
        return seal_values(&DataKey::generate()?, &[], values, recipients, now).map(Some);
    };
    let (data_key, old_values) = unlock(previous, identities)?;
    if *values == old_values {
        let wrapped_keys = wrap(&data_key, &previous.wrapped_keys, recipients)?;
        return Ok(Some(EnvFile { wrapped_keys, ..previous.clone() }));
    }
    if previous.recipients().any(|old| !recipients.contains(old)) {
        return seal_values(&DataKey::generate()?, &[], values, recipients, now).map(Some);
    }
    let theirs = theirs.map(|file| Ok((file, unlock(file, identities)?))).transpose()?;
    let mut sources = vec![(previous, &old_values)];
    if let Some((file, (key, their_values))) = &theirs
        && *key == data_key
    {
        sources.push((file, their_values));
    }
    seal_values(&data_key, &sources, values, recipients, now).map(Some)
}

/// Opens every value, after checking each one and all of them together.
pub fn open(
    file: &EnvFile,
    identities: &Identities,
) -> Result<BTreeMap<EnvKey, EnvValue>, SealError> {
    unlock(file, identities).map(|(_, values)| values)
}

fn unlock(
    file: &EnvFile,
    identities: &Identities,
) -> Result<(DataKey, BTreeMap<EnvKey, EnvValue>), SealError> {
    let data_key = DataKey::unwrap(&file.wrapped_keys, identities)?;
    let mut mac = Mac::default();
    let mut values = BTreeMap::new();
    for (key, sealed) in &file.values {
        let bytes = match sealed {
            Some(sealed) => data_key
                .decrypt(sealed, &context(key))
                .ok_or_else(|| SealError::TamperedValue { key: key.clone() })?,
            None => Zeroizing::default(),
        };
        mac.add(&bytes);
        let value = std::str::from_utf8(&bytes).ok().and_then(|text| EnvValue::new(text).ok());
        let value = value.ok_or_else(|| SealError::BadValue { key: key.clone() })?;
        values.insert(key.clone(), value);
    }
    let expected = data_key.decrypt(&file.mac, &file.last_modified.to_string());
    if expected.is_none_or(|expected| *expected != mac.finish().into_bytes()) {
        return Err(SealError::TamperedFile);
    }
    Ok((data_key, values))
}

/// `sources`: files under the same data key with their values, the one that is changed first.
fn seal_values(
    data_key: &DataKey,
    sources: &[(&EnvFile, &BTreeMap<EnvKey, EnvValue>)],
    values: &BTreeMap<EnvKey, EnvValue>,
    recipients: &BTreeSet<Recipient>,
    now: Timestamp,
) -> Result<EnvFile, SealError> {
    let mut mac = Mac::default();
    let mut sealed = Vec::with_capacity(values.len());
    for (key, value) in values {
        mac.add(value.expose().as_bytes());
        let kept = sources
            .iter()
            .find(|(_, old_values)| old_values.get(key) == Some(value))
            .and_then(|(file, _)| file.values.iter().find(|(old, _)| old == key));
        sealed.push(match kept {
            Some(kept) => kept.clone(),
            None => (key.clone(), encrypt(data_key, key, value)?),
        });
    }
    let last_modified = LastModified::at(now);
    let mac = data_key.encrypt(mac.finish().as_bytes(), &last_modified.to_string())?;
    let previous = sources.first().map(|(file, _)| file);
    let old_keys = previous.map_or(&[][..], |file| &file.wrapped_keys);
    Ok(EnvFile {
        values: sealed,
        wrapped_keys: wrap(data_key, old_keys, recipients)?,
        last_modified,
        mac,
        version: previous.map_or_else(SopsVersion::current, |file| file.version.clone()),
    })
}

/// SOPS leaves an empty value empty.
fn encrypt(
    data_key: &DataKey,
    key: &EnvKey,
    value: &EnvValue,
) -> Result<Option<Ciphertext>, SealError> {
    let value = value.expose();
    let sealed = (!value.is_empty()).then(|| data_key.encrypt(value.as_bytes(), &context(key)));
    sealed.transpose()
}

/// What binds a ciphertext to its place: the path of the key, each part followed by a colon.
fn context(key: &EnvKey) -> String {
    format!("{key}:")
}

/// Recipients that stay keep their entry and its place; new ones come after them, sorted.
fn wrap(
    data_key: &DataKey,
    old_keys: &[WrappedKey],
    recipients: &BTreeSet<Recipient>,
) -> Result<Vec<WrappedKey>, SealError> {
    let mut missing = recipients.clone();
    let mut wrapped: Vec<_> =
        old_keys.iter().filter(|key| missing.remove(&key.recipient)).cloned().collect();
    for recipient in &missing {
        wrapped.push(data_key.wrap(recipient)?);
    }
    Ok(wrapped)
}

fn check_size(values: &BTreeMap<EnvKey, EnvValue>) -> Result<(), SealError> {
    let bytes: usize = values.values().map(|value| value.expose().len()).sum();
    if values.len() > MAX_ENV_KEYS || bytes > EnvValue::MAX_TOTAL_BYTES {
        return Err(SealError::TooMuch);
    }
    Ok(())
}

fn check_recipients(
    recipients: &BTreeSet<Recipient>,
    identities: &Identities,
) -> Result<(), SealError> {
    match recipients.len() {
        0 => Err(SealError::NoRecipients),
        found if found > MAX_RECIPIENTS => Err(SealError::TooManyRecipients { found }),
        _ if identities.iter().any(|identity| recipients.contains(identity.recipient())) => Ok(()),
        _ => Err(SealError::SealedOut),
    }
}

/// The message authentication code of SOPS: SHA-512 over the plaintexts in the order of the file.
#[derive(Default)]
struct Mac(Sha512);

impl Mac {
    fn add(&mut self, plaintext: &[u8]) {
        self.0.update(plaintext);
    }

    fn finish(self) -> String {
        hex::encode_upper(self.0.finalize())
    }
}
