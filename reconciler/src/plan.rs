//! What is to be done in the namespace of a project: a pure function of what there should be and what
//! there is.

use crate::desired::Desired;
use inkstone_cluster::SecretFacts;
use inkstone_spec::Digest;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// The Secret with which nodes pull the images of a project. The rendered pods name it.
pub const PULL_SECRET: &str = "registry";

/// How old a Secret is at least that is removed: clocks differ.
const YOUNG: SignedDuration = SignedDuration::from_hours(1);

/// A Secret that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The one that nodes pull with.
    Pull,
    /// The one of an environment.
    Env(String),
}

impl Missing {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Pull => PULL_SECRET,
            Self::Env(name) => name,
        }
    }
}

/// One thing that would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put a Secret there.
    Put(Missing),
    /// Remove a Secret that nothing names any more.
    Delete(String),
    /// Remove the namespace of a project that is gone, in which nothing runs.
    RemoveNamespace,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(missing) => write!(f, "put secret {}", missing.name()),
            Self::Delete(name) => write!(f, "delete secret {name}"),
            Self::RemoveNamespace => write!(f, "remove the namespace"),
        }
    }
}

/// What is missing: what nodes pull with first, since pods need it first. An environment's Secret is never
/// changed: its name tells its content.
pub fn missing(desired: &Desired, pull: &Digest, found: &[SecretFacts]) -> Vec<Missing> {
    let there = |name: &str| found.iter().find(|secret| secret.name == name);
    let has_pull =
        there(PULL_SECRET).is_some_and(|secret| secret.content.as_deref() == Some(pull.as_str()));
    let pull = (!has_pull).then_some(Missing::Pull).into_iter();
    let envs = desired.envs.keys().filter(|name| there(name).is_none());
    pull.chain(envs.cloned().map(Missing::Env)).collect()
}

/// What is there and neither wanted now nor named by anything in the revert window, as that was at `start`. What is
/// younger may have been wanted since.
pub fn unneeded(
    desired: Option<&Desired>,
    named: &BTreeSet<String>,
    start: Timestamp,
    found: &[SecretFacts],
) -> Vec<String> {
    let is_old = |secret: &&SecretFacts| {
        secret.created.is_some_and(|created| start.duration_since(created) >= YOUNG)
    };
    let is_wanted = |name: &String| {
        name == PULL_SECRET
            || named.contains(name)
            || desired.is_some_and(|desired| desired.envs.contains_key(name))
    };
    found
        .iter()
        .filter(is_old)
        .map(|secret| &secret.name)
        .filter(|name| !is_wanted(name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::SealedEnv;
    use inkstone_secrets::{Identity, seal};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// Services, each with a Secret of this name.
    fn wanted(names: &[&str]) -> Desired {
        let identity = Identity::generate().unwrap();
        let recipients = BTreeSet::from([identity.recipient().clone()]);
        let identities = inkstone_secrets::Identities::new(identity, Vec::new());
        let value = inkstone_spec::EnvValue::new("value").unwrap();
        let values = BTreeMap::from([("KEY".parse().unwrap(), value)]);
        let now = jiff::Timestamp::UNIX_EPOCH;
        let file = seal(None, &values, &identities, &recipients, now).unwrap().unwrap();
        let file = Arc::new(file);
        let env = |name: &&str| {
            let sealed = SealedEnv { service: "site".parse().unwrap(), file: Arc::clone(&file) };
            ((*name).to_owned(), sealed)
        };
        Desired { envs: names.iter().map(env).collect(), ..Desired::default() }
    }

    fn found(names: &[&str], pull: Option<&Digest>) -> Vec<SecretFacts> {
        let mut found: Vec<_> = names
            .iter()
            .map(|name| SecretFacts {
                name: (*name).to_owned(),
                content: None,
                created: Some(Timestamp::UNIX_EPOCH),
            })
            .collect();
        if let Some(pull) = pull {
            found.push(SecretFacts {
                name: PULL_SECRET.to_owned(),
                content: Some(pull.to_string()),
                created: Some(Timestamp::UNIX_EPOCH),
            });
        }
        found
    }

    #[test]
    fn an_empty_namespace_is_given_what_nodes_pull_with_before_all_else() {
        let pull = Digest::of(b"pull");
        let actions = missing(&wanted(&["a-env-1", "b-env-2"]), &pull, &[]);
        let env = |name: &str| Missing::Env(name.to_owned());
        assert_eq!(actions, [Missing::Pull, env("a-env-1"), env("b-env-2")]);
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let pull = Digest::of(b"pull");
        let actions = missing(&wanted(&["a-env-1"]), &pull, &found(&["a-env-1"], Some(&pull)));
        assert_eq!(actions, []);
    }

    #[test]
    fn other_credentials_take_the_place_of_those_that_are_there() {
        let found = found(&[], Some(&Digest::of(b"old")));
        assert_eq!(missing(&wanted(&[]), &Digest::of(b"new"), &found), [Missing::Pull]);
    }

    #[test]
    fn only_what_neither_now_nor_the_window_names_goes() {
        let pull = Digest::of(b"pull");
        let named = BTreeSet::from(["a-env-old".to_owned()]);
        let found = found(&["a-env-1", "a-env-old", "a-env-ancient"], Some(&pull));
        let gone = "a-env-ancient";
        let start = Timestamp::UNIX_EPOCH + YOUNG;
        assert_eq!(unneeded(Some(&wanted(&["a-env-1"])), &named, start, &found), [gone]);
        // A project that is gone keeps what the window names, too.
        assert_eq!(unneeded(None, &named, start, &found), ["a-env-1", gone]);
        // Nor does what was put there while the window was looked through.
        let early = start - SignedDuration::from_secs(1);
        assert!(unneeded(None, &named, early, &found).is_empty());
    }
}
