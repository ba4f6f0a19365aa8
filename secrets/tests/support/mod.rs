//! Words that the tests share.

use inkstone_secrets::{EnvFile, Identities, Identity, Recipient, seal};
use inkstone_spec::{EnvKey, EnvValue};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Env = BTreeMap<EnvKey, EnvValue>;

pub(crate) fn identities() -> Identities {
    Identities::new(Identity::generate().unwrap(), Vec::new())
}

pub(crate) fn recipients<'a>(of: impl IntoIterator<Item = &'a Identities>) -> BTreeSet<Recipient> {
    of.into_iter().map(|identities| identities.current().recipient().clone()).collect()
}

pub(crate) fn env<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Env {
    let pair = |(key, value)| (EnvKey::new(key).unwrap(), EnvValue::new(value).unwrap());
    pairs.into_iter().map(pair).collect()
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// Seals to the identity in use: a new file at noon, a change of one an hour later.
pub(crate) fn sealed(previous: Option<&EnvFile>, values: &Env, identities: &Identities) -> EnvFile {
    let now =
        at(if previous.is_some() { "2026-11-21T13:00:00Z" } else { "2026-11-21T12:00:00.25Z" });
    seal(previous, values, identities, &recipients([identities]), now).unwrap().unwrap()
}

/// The line of a file that starts with `start`.
pub(crate) fn line<'a>(file: &'a str, start: &str) -> &'a str {
    file.lines().find(|line| line.trim_start().starts_with(start)).unwrap()
}
