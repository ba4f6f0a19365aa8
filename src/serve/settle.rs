//! What a start commits: what was pushed meanwhile is published, the template set is installed, and there
//! is a workspace.

use crate::data_dir::actor;
use inkstone_deployer::{Tool, add_workspace, use_templates};
use inkstone_renderer::TemplateSet;
use inkstone_spec::{Region, WorkspaceName};
use inkstone_state::StateRepo;

/// The workspace of the first start.
const FIRST_WORKSPACE: &str = "main";
/// Through what these commits come.
const TOOL: Tool = Tool::new("inkstone serve");

/// What is to be there once the server runs.
pub(super) struct Settling {
    pub(super) set: TemplateSet,
    pub(super) region: Region,
}

impl Settling {
    /// Commits what is missing.
    pub(super) fn settle(&self, state: &StateRepo) -> anyhow::Result<()> {
        let unchecked = state.publish(jiff::Timestamp::now())?;
        for finding in &unchecked {
            tracing::error!(%finding, "main does not pass the checks; live stays where it is");
        }
        if unchecked.is_empty() {
            use_templates(state, &self.set, &actor()?, &TOOL)?;
            if state.main()?.workspaces()?.is_empty() {
                let name = WorkspaceName::new(FIRST_WORKSPACE)?;
                add_workspace(state, &self.region, &name, &actor()?, &TOOL)?;
            }
        }
        Ok(())
    }
}

/// Whether it is the remote that nothing can be committed, so that it is worth waiting.
pub(super) fn is_for_remote(state: &StateRepo) -> bool {
    state.remote().is_some_and(|remote| state.ready().is_err() || remote.report().refused.is_some())
}
