//! From a wish to the edits that fulfil it: pure functions of a snapshot, so the same wish on the same
//! commit is always the same change.
//!
//! Each planner touches one owner's files and re-renders exactly what follows from them.

mod change;
mod claims;
mod platform;
mod project;
mod render;
mod rotate;
mod service;

pub use change::{Change, ServiceChange};
pub use claims::hosts;
pub(crate) use claims::is_claim_of;
pub(crate) use platform::template_files;
pub use platform::{add_workspace, install_templates};
pub use project::{create_project, delete_project};
pub use render::{follow_up, render_all, upgrade};
pub use rotate::{rotate_env, set_recipients};
pub(crate) use service::put_service;
pub use service::{create_service, delete_service, deploy, update_service};

use crate::{Edit, StateError};
use inkstone_spec::{Hostname, ProjectRef, ServiceRef, StatePath, yaml};
use serde::Serialize;

/// Why a wish cannot be fulfilled as things are.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A host belongs to another service.
    #[error("host {host} belongs to {owner}; give it up there first, or leave it out")]
    HostTaken {
        /// The host.
        host: Hostname,
        /// Whose it is.
        owner: ServiceRef,
    },
    /// A project has services.
    #[error("project {project} has {} services; delete those first", services.len())]
    NotEmpty {
        /// The project.
        project: ProjectRef,
        /// What is in it.
        services: Vec<ServiceRef>,
    },
    /// The state repo could not be read, or lacks what the change builds on.
    #[error(transparent)]
    State(#[from] StateError),
}

pub(crate) fn write<T: Serialize>(path: StatePath, file: &T) -> Result<Edit, StateError> {
    match yaml::print(file) {
        Ok(text) => Ok(Edit::Write(path, text.into_bytes())),
        Err(error) => {
            Err(StateError::Malformed { path: path.to_string(), reason: error.to_string() })
        }
    }
}
