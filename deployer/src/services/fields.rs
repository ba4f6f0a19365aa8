//! What of a service changes, by its fields.

use crate::Refusal;
use inkstone_secrets::EnvFile;
use inkstone_spec::{EnvKey, StatePath, yaml};
use inkstone_state::undo::{Field, Leaf};
use inkstone_state::{Edit, ServiceFiles};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

/// The names of the fields in which a service differs.
pub(super) fn changed(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<String> {
    differing(before, after).iter().map(ToString::to_string).collect()
}

/// The fields in which a service differs; itself alone where it was made or went.
pub(super) fn differing(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<Field> {
    let fields: Vec<Field> = match (before, after) {
        (Some(before), Some(after)) => {
            let keys = |files: &ServiceFiles| -> BTreeSet<EnvKey> {
                files.env.as_deref().into_iter().flat_map(EnvFile::keys).cloned().collect()
            };
            let leaves = Leaf::ALL.iter().map(|leaf| Field::Spec(*leaf));
            let env = keys(before).union(&keys(after)).cloned().map(Field::Env).collect::<Vec<_>>();
            leaves.chain([Field::Release]).chain(env).collect()
        }
        _ => vec![Field::Service],
    };
    fields.into_iter().filter(|field| !field.is_same(before, after)).collect()
}

/// What a service is once these edits are made.
pub(super) fn edited(before: &ServiceFiles, edits: &[Edit]) -> Result<ServiceFiles, Refusal> {
    let mut after = before.clone();
    let broken = |error: &dyn Display| Refusal::internal("a planned file is not readable", error);
    for edit in edits {
        match edit {
            Edit::Write(StatePath::Service(..), bytes) => {
                after.service = Arc::new(yaml::parse(bytes).map_err(|error| broken(&error))?);
            }
            Edit::Write(StatePath::ServiceEnv(..), bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|error| broken(&error))?;
                after.env = Some(Arc::new(EnvFile::parse(text).map_err(|error| broken(&error))?));
            }
            Edit::Remove(StatePath::ServiceEnv(..)) => after.env = None,
            _ => {}
        }
    }
    Ok(after)
}
