//! Environments: opened, and sealed to whoever the cluster names.

use crate::Refusal;
use inkstone_secrets::{EnvFile, Identities};
use inkstone_spec::{EnvKey, EnvValue, MAX_ENV_KEYS, Region};
use inkstone_state::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// The variables of a service.
pub(super) type Values = BTreeMap<EnvKey, EnvValue>;

/// Goes on only if a service may have so much.
pub(super) fn check(values: &Values) -> Result<(), Refusal> {
    let bytes: usize = values.values().map(|value| value.expose().len()).sum();
    if values.len() > MAX_ENV_KEYS || bytes > EnvValue::MAX_TOTAL_BYTES {
        return Err(Refusal::new(
            "env_too_large",
            format!("{} environment variables with {bytes} bytes in all.", values.len()),
            format!(
                "Use at most {MAX_ENV_KEYS} variables and {} bytes.",
                EnvValue::MAX_TOTAL_BYTES
            ),
        ));
    }
    Ok(())
}

/// The values of a file; none where there is none.
pub(super) fn open(file: Option<&EnvFile>, identities: &Identities) -> Result<Values, Refusal> {
    let Some(file) = file else { return Ok(Values::new()) };
    inkstone_secrets::open(file, identities).map_err(|error| {
        let message = format!("The environment cannot be opened: {error}.");
        Refusal::new(error.code(), message, error.suggestion())
    })
}

/// The values sealed, with as much as possible kept of `previous`, and of `theirs` where some come from
/// there; no file for none.
pub(super) fn seal(
    snapshot: &Snapshot,
    region: &Region,
    previous: Option<&EnvFile>,
    theirs: Option<&EnvFile>,
    values: &Values,
    identities: &Identities,
) -> Result<Option<EnvFile>, Refusal> {
    check(values)?;
    let cluster = snapshot.cluster(region)?.ok_or_else(|| {
        Refusal::internal("a region has no cluster", &format!("clusters/{region}/cluster.yaml"))
    })?;
    let recipients: BTreeSet<_> = cluster.spec.recipients.iter().cloned().collect();
    let now = jiff::Timestamp::now();
    inkstone_secrets::seal_merged(previous, theirs, values, identities, &recipients, now)
        .map_err(|error| Refusal::internal("the environment could not be sealed", &error))
}
