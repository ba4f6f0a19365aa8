//! What of a service changed, by the names of its fields.

use inkstone_secrets::EnvFile;
use inkstone_spec::EnvKey;
use inkstone_state::ServiceFiles;
use inkstone_state::undo::{Field, Leaf};
use std::collections::BTreeSet;

/// The fields in which a service differs; `service` alone where it was made or went.
pub(super) fn changed(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<String> {
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
    let differs = |field: &&Field| !field.is_same(before, after);
    fields.iter().filter(differs).map(ToString::to_string).collect()
}
