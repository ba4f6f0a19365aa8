//! Sealed variables, merged without opening them: a variable is the same where its ciphertext is.

use super::Policy;
use super::field::Field;
use super::merge::{Conflict, Pick, pick};
use crate::ServiceFiles;
use inkstone_spec::{EnvKey, EnvValue};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a service's env: which file has what, for whoever can open them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvMerge {
    /// The file stays as it is, or stays away.
    Ours,
    /// The file of then comes back whole, or goes where there was none. Who can open it may have changed
    /// since.
    Theirs,
    /// No variable is left, and no file.
    Absent,
    /// Some of either.
    Mixed {
        /// Variables whose values come from the file of then.
        restore: BTreeSet<EnvKey>,
        /// Variables that go. All others stay as they are.
        remove: BTreeSet<EnvKey>,
    },
}

impl EnvMerge {
    /// The values to seal, of those that the two files hold.
    pub fn values(
        &self,
        mut ours: BTreeMap<EnvKey, EnvValue>,
        mut theirs: BTreeMap<EnvKey, EnvValue>,
    ) -> BTreeMap<EnvKey, EnvValue> {
        match self {
            Self::Ours => ours,
            Self::Theirs => theirs,
            Self::Absent => BTreeMap::new(),
            Self::Mixed { restore, remove } => {
                ours.retain(|key, _| !remove.contains(key));
                theirs.retain(|key, _| restore.contains(key));
                ours.extend(theirs);
                ours
            }
        }
    }
}

/// The variables of a service with their ciphertexts.
pub(super) fn sealed(files: &ServiceFiles) -> BTreeMap<EnvKey, String> {
    let Some(env) = &files.env else { return BTreeMap::new() };
    // A sealed file prints each variable on a line of its own, before anything else.
    let text = env.to_string();
    let line = |line: &str| {
        let (key, value) = line.split_once(": ")?;
        Some((key.trim_matches('"').parse().ok()?, value.to_owned()))
    };
    text.lines().take(env.keys().count()).filter_map(line).collect()
}

/// Merges the variables of three files.
pub(super) fn merge(
    base: &ServiceFiles,
    theirs: &ServiceFiles,
    ours: &ServiceFiles,
    policy: Policy,
    conflicts: &mut Vec<Conflict>,
) -> EnvMerge {
    let (base, theirs, ours) = (sealed(base), sealed(theirs), sealed(ours));
    let keys: BTreeSet<&EnvKey> = base.keys().chain(theirs.keys()).chain(ours.keys()).collect();
    let (mut restore, mut remove) = (BTreeSet::new(), BTreeSet::new());
    let mut merged = ours.clone();
    for key in keys {
        let (b, t, o) = (base.get(key), theirs.get(key), ours.get(key));
        match (pick(b == t, t == o, o == b, policy), t) {
            (Pick::Ours, _) => {}
            (Pick::Conflict, _) => conflicts.push(Conflict::on(Field::Env(key.clone()))),
            (Pick::Theirs, Some(value)) => {
                restore.insert(key.clone());
                merged.insert(key.clone(), value.clone());
            }
            (Pick::Theirs, None) => {
                remove.insert(key.clone());
                merged.remove(key);
            }
        }
    }
    if restore.is_empty() && remove.is_empty() {
        EnvMerge::Ours
    } else if merged.is_empty() {
        EnvMerge::Absent
    } else if merged == theirs {
        EnvMerge::Theirs
    } else {
        EnvMerge::Mixed { restore, remove }
    }
}
