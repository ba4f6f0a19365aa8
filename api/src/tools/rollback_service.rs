//! `rollback_service`.

use super::arguments::{Argument, Fault, arguments};
use super::values::{schema, string};
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Policy, Refusal, Rollback, RolledBack};
use inkstone_spec::{CommitPrefix, DeploymentId, ProjectName, ServiceName, WorkspaceName};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// The words for what becomes of conflicts.
const POLICIES: [(&str, Policy); 3] =
    [("ask", Policy::Ask), ("restore", Policy::Restore), ("keep", Policy::Keep)];

arguments! {
    /// Takes a service back in one commit, image, settings and env: to an earlier release (default: the
    /// previous), a state commit, or without one commit, also a delete. Changes after the last deploy stay.
    /// Example: {"name": "site"}
    pub(crate) struct RollbackService {
        /// The service.
        name: ServiceName,
        /// Its project.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// To the release of this deployment.
        to_deployment: Option<DeploymentId>,
        /// To how it was at this state commit of its history.
        to_commit: Option<CommitPrefix>,
        /// Undo this state commit alone.
        undo_commit: Option<CommitPrefix>,
        /// Fields that were changed again since: ask, restore them too, or keep them.
        on_conflict: Policy = "ask",
    }
}

impl Tool for RollbackService {
    const NAME: &'static str = "rollback_service";
    const TITLE: &'static str = "Roll back service";
    const EFFECT: Effect = Effect::Undoes;
    type Answer = RolledBack;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<RolledBack, Refusal> {
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        let to = match (self.to_deployment, self.to_commit, self.undo_commit) {
            (None, None, None) => Rollback::Previous,
            (Some(deployment), None, None) => Rollback::ToDeployment(deployment),
            (None, Some(commit), None) => Rollback::ToCommit(commit),
            (None, None, Some(commit)) => Rollback::Undo(commit),
            _ => {
                return Err(Refusal::new(
                    "invalid_argument",
                    "More than one of to_deployment, to_commit and undo_commit is given.",
                    "Give one of them, or none for the previous release; nothing was changed.",
                ));
            }
        };
        deployer.rollback_service(caller, &service, to, self.on_conflict).await
    }
}

impl Argument for Policy {
    fn schema() -> JsonObject {
        let words = POLICIES.iter().map(|(word, _)| *word).collect();
        schema([("type", json!("string")), ("enum", words)])
    }

    fn allowed() -> String {
        "Use ask, restore or keep, for example \"ask\".".to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        let text = string::<Self>(given)?;
        let known = POLICIES.iter().find(|(word, _)| *word == text);
        known
            .map(|(_, policy)| *policy)
            .ok_or_else(|| Fault::not_allowed("is none of the words for it", Self::allowed()))
    }
}
