//! Reading `env.sops.yaml`. Every refusal names a place, never what stands there: it could be a secret.

use crate::ciphertext::{Ciphertext, NotSealed};
use crate::env_file::{
    EnvFile, LastModified, MAX_FILE_BYTES, MAX_RECIPIENTS, SopsVersion, UNENCRYPTED_SUFFIX,
};
use crate::error::ParseError;
use crate::wrapped_key::{Armor, WrappedKey};
use inkstone_spec::{EnvKey, MAX_ENV_KEYS, Recipient};
use serde_json::{Map, Value};

/// Where SOPS keeps its own data. No environment variable can be called so: they are upper-case.
const BLOCK: &str = "sops";
/// The deepest nesting that is read; the format itself needs four.
const MAX_DEPTH: usize = 8;
/// The most nodes that are read; the largest file that is allowed has about 600.
const MAX_NODES: usize = 4_000;

/// Fields of other kinds of keys. `sops` writes some of them as null or an empty list.
const FOREIGN_KEYS: [&str; 7] =
    ["azure_kv", "gcp_kms", "hc_vault", "hckms", "key_groups", "kms", "pgp"];
/// Fields that take values out of the encryption or the MAC, or split the data key.
const WEAKENING: [&str; 7] = [
    "encrypted_comment_regex",
    "encrypted_regex",
    "encrypted_suffix",
    "mac_only_encrypted",
    "shamir_threshold",
    "unencrypted_comment_regex",
    "unencrypted_regex",
];

pub(crate) fn env_file(text: &str) -> Result<EnvFile, ParseError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(ParseError::TooLarge { bytes: text.len() });
    }
    // Nothing in a sealed file contains this character, so it always starts a comment.
    if let Some(line) = text.lines().position(|line| line.contains('#')) {
        return Err(ParseError::Comment { line: line + 1 });
    }
    let mut document = yaml(text)?;
    let block = document.shift_remove(BLOCK);
    let values = document.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
    match values.len() {
        0 => return Err(ParseError::Empty),
        1..=MAX_ENV_KEYS => {}
        found => return Err(ParseError::TooManyKeys { found }),
    }
    let Some(Value::Object(block)) = block else { return Err(unusable(BLOCK)) };
    check_fields(&block)?;
    Ok(EnvFile {
        values,
        wrapped_keys: wrapped_keys(&block)?,
        last_modified: field(&block, "lastmodified", LastModified::parse)?,
        mac: field(&block, "mac", |text| Ciphertext::parse(text).ok())?,
        version: field(&block, "version", SopsVersion::parse)?,
    })
}

fn yaml(text: &str) -> Result<Map<String, Value>, ParseError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
        },
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        match error {
            serde_saphyr::Error::DuplicateMappingKey { .. } => ParseError::DuplicateKey { line },
            _ => ParseError::Malformed { line },
        }
    })
}

fn value((key, value): (String, Value)) -> Result<(EnvKey, Option<Ciphertext>), ParseError> {
    let key = EnvKey::new(key)?;
    let Value::String(text) = value else { return Err(ParseError::Unsealed { key }) };
    if text.is_empty() {
        return Ok((key, None));
    }
    match Ciphertext::parse(&text) {
        Ok(sealed) => Ok((key, Some(sealed))),
        Err(NotSealed::Clear) => Err(ParseError::Unsealed { key }),
        Err(NotSealed::NotText) => Err(ParseError::NotText { key }),
    }
}

/// Refuses what would change the meaning of the file, and what is not known.
fn check_fields(block: &Map<String, Value>) -> Result<(), ParseError> {
    for (field, value) in block {
        let name = field.as_str();
        let unset = match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Number(number) => number.as_u64() == Some(0),
            Value::Bool(true) | Value::Object(_) => false,
        };
        match name {
            "age" | "lastmodified" | "mac" | "version" => {}
            "unencrypted_suffix" if unset || value == UNENCRYPTED_SUFFIX => {}
            name if FOREIGN_KEYS.contains(&name) => {
                if !unset {
                    return Err(ParseError::ForeignKeys { field: name.into() });
                }
            }
            name if name == "unencrypted_suffix" || WEAKENING.contains(&name) => {
                if !unset {
                    return Err(ParseError::PartlySealed { field: name.into() });
                }
            }
            _ => return Err(unusable(&name.escape_debug().take(40).collect::<String>())),
        }
    }
    Ok(())
}

fn wrapped_keys(block: &Map<String, Value>) -> Result<Vec<WrappedKey>, ParseError> {
    let entries = block.get("age").and_then(Value::as_array);
    let entries = entries.filter(|list| (1..=MAX_RECIPIENTS).contains(&list.len()));
    let keys: Option<Vec<_>> = entries.and_then(|list| list.iter().map(wrapped_key).collect());
    keys.ok_or_else(|| unusable("age"))
}

fn wrapped_key(entry: &Value) -> Option<WrappedKey> {
    let entry = entry.as_object().filter(|entry| entry.len() == 2)?;
    Some(WrappedKey {
        recipient: Recipient::new(entry.get("recipient")?.as_str()?).ok()?,
        armor: Armor::parse(entry.get("enc")?.as_str()?)?,
    })
}

fn field<T>(
    block: &Map<String, Value>,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ParseError> {
    block.get(name).and_then(Value::as_str).and_then(parse).ok_or_else(|| unusable(name))
}

fn unusable(field: &str) -> ParseError {
    ParseError::Metadata { field: field.into() }
}
