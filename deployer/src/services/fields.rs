//! What of a service changes, by its fields.

use crate::Refusal;
use inkstone_secrets::EnvFile;
use inkstone_spec::{StatePath, yaml};
use inkstone_state::undo::differing;
use inkstone_state::{Edit, ServiceFiles};
use std::fmt::Display;
use std::sync::Arc;

/// The names of the fields in which a service differs.
pub(super) fn changed(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<String> {
    differing(before, after).iter().map(ToString::to_string).collect()
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
