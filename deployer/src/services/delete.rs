//! Deleting a service: one commit, which a revert undoes.

use super::hold::refuse_on_hold;
use super::short;
use crate::projects::existing_workspace;
use crate::{Action, Caller, Deployer, Refusal, ServiceDeleted, now_ms};
use inkstone_spec::ServiceRef;
use inkstone_state::{Action as StateAction, Message, Proposal, Snapshot, plan};

impl Deployer {
    /// Deletes a service. One that is gone already stays gone: the answer says so and is no error.
    pub async fn delete_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
    ) -> Result<ServiceDeleted, Refusal> {
        caller.may(Action::Delete, &name.workspace)?;
        let (caller, wanted) = (caller.clone(), name.clone());
        let committed = self
            .with_state(move |state| {
                let plan = |snapshot: &Snapshot| {
                    existing_workspace(snapshot, &wanted.workspace)?;
                    let Some(files) = snapshot.service(&wanted)? else { return Ok(None) };
                    refuse_on_hold(&files.service)?;
                    Ok(Some(Proposal {
                        message: Message {
                            action: StateAction::DeleteService(wanted.clone()),
                            actor: caller.actor().clone(),
                            tool: caller.tool.clone(),
                        },
                        edits: plan::delete_service(snapshot, &wanted)?,
                    }))
                };
                state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)
            })
            .await?;
        // After the commit: what is still being built finds its service gone.
        let pending = self.inner.store.cancel_service(name, now_ms()).await?;
        let cancelled = pending.cancelled.iter().chain(&pending.requested);
        Ok(ServiceDeleted {
            service: short(name),
            deleted: committed.changed,
            commit: committed.changed.then(|| committed.commit.to_string()),
            cancelled: cancelled.map(ToString::to_string).collect(),
            next: if committed.changed {
                "`git revert` of this commit in the state repo brings the service back.".to_owned()
            } else {
                "There was no such service; call list_services for those that exist.".to_owned()
            },
        })
    }
}
