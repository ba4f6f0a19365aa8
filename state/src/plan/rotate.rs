//! Who can open sealed values. No value changes, so no manifest does and nothing restarts.

use super::write;
use crate::{Edit, Snapshot, StateError};
use inkstone_secrets::EnvFile;
use inkstone_spec::{Recipient, Region, ServiceRef, StatePath};

/// Makes these the ones who can open what is sealed from now on in a region.
pub fn set_recipients(
    snapshot: &Snapshot,
    region: &Region,
    recipients: Vec<Recipient>,
) -> Result<Vec<Edit>, StateError> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| StateError::Absent(format!("region {region} has no cluster")))?;
    if cluster.spec.recipients == recipients {
        return Ok(Vec::new());
    }
    let mut cluster = (*cluster).clone();
    cluster.spec.recipients = recipients;
    Ok(vec![write(StatePath::Cluster(region.clone()), &cluster)?])
}

/// Puts a service's env, sealed to others but with the same values, in place of the one it has.
pub fn rotate_env(
    snapshot: &Snapshot,
    name: &ServiceRef,
    env: &EnvFile,
) -> Result<Vec<Edit>, StateError> {
    let files = super::service::existing(snapshot, name)?;
    if files.env.as_deref() == Some(env) {
        return Ok(Vec::new());
    }
    let path = StatePath::ServiceEnv(files.region, name.clone());
    Ok(vec![Edit::Write(path, env.to_string().into_bytes())])
}
