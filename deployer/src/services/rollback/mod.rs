//! Undoing: taking a service back to an earlier release or state, or undoing one commit of it, in one
//! commit that keeps what was changed beside it.

mod conflict;
mod points;

use self::conflict::explain;
use self::points::Points;
use super::fields::changed;
use super::hold::refuse_on_hold;
use super::{env, existing_service, names_in, release_view, short};
use crate::projects::{existing_project, existing_workspace, within_quota};
use crate::{Action, Caller, Deployer, Refusal, RolledBack, now_ms};
use inkstone_secrets::{EnvFile, Identities};
use inkstone_spec::{CommitPrefix, DeploymentId, RepoRef, Revision, Service, ServiceRef};
use inkstone_state::undo::{Conflict, EnvMerge, Field, Merged, Policy, Sides, edits, merge};
use inkstone_state::{
    Action as StateAction, Committed, Message, Proposal, Released, ServiceFiles, Snapshot,
    StateRepo,
};
use std::cell::RefCell;
use std::sync::Arc;

/// Where a service should go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// The release before the one that it has.
    Previous,
    /// The release that a deployment made.
    ToDeployment(DeploymentId),
    /// How it was at a commit of the state repo that touched it.
    ToCommit(CommitPrefix),
    /// How it would be without one of these commits.
    Undo(CommitPrefix),
}

impl Deployer {
    /// Takes a service back. What was changed since in another way stays; what was changed since in the
    /// same field is a conflict, for which `on_conflict` decides.
    pub async fn rollback_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        to: Rollback,
        on_conflict: Policy,
    ) -> Result<RolledBack, Refusal> {
        caller.may(Action::Deploy, &name.workspace)?;
        let undoing = Undoing {
            caller: caller.clone(),
            name: name.clone(),
            // History is looked through before anybody has to wait for it.
            points: self.points(name, &to).await?,
            to,
            on_conflict,
            identities: self.identities()?,
        };
        let (committed, before, after) =
            self.with_state(move |state| undoing.commit(state)).await?;
        match &after {
            // What is still being built finds its service gone.
            None => drop(self.inner.store.cancel_service(name, now_ms()).await?),
            Some(_) => self.intent_changed(name).await?,
        }
        let missed = match (&before, &after) {
            (None, Some(files)) => self.deploy_missed(caller, files).await,
            _ => None,
        };
        let service = after.as_ref().map(|files| &*files.service);
        let fields = changed(before.as_ref(), after.as_ref());
        let next = self.next_after_rollback(name, &committed, &fields, service).await?;
        Ok(RolledBack {
            service: short(name),
            changed: committed.changed,
            next: [missed, Some(next)].into_iter().flatten().collect::<Vec<_>>().join(" "),
            fields,
            commit: committed.changed.then(|| committed.commit.to_string()),
            release: service.and_then(release_view),
        })
    }

    /// Queues what was pushed while the service was not there to follow; says so.
    async fn deploy_missed(&self, caller: &Caller, files: &ServiceFiles) -> Option<String> {
        let queued = async {
            let Some((files, missed)) = self.missed_by(&files.service).await? else {
                return Ok(None);
            };
            let event = self.event(caller.into(), &files, missed.clone()).await?;
            Ok::<_, Refusal>(event.ok().map(|deployment| (deployment, missed)))
        };
        match queued.await {
            Ok(queued) => queued.map(|(deployment, missed)| {
                let (id, status) = (deployment.id, deployment.status);
                match missed {
                    Revision::Commit { commit, .. } => format!(
                        "Source commit {} was pushed while it was gone: deployment {id} is {status}.",
                        commit.short()
                    ),
                    Revision::Image(image) => {
                        format!("The image {image} was never deployed: deployment {id} is {status}.")
                    }
                }
            }),
            Err(refusal) => {
                tracing::error!(%refusal, "a lost push was not queued");
                self.inner.missed.notify_one();
                None
            }
        }
    }

    async fn next_after_rollback(
        &self,
        name: &ServiceRef,
        committed: &Committed,
        fields: &[String],
        service: Option<&Service>,
    ) -> Result<String, Refusal> {
        if !committed.changed {
            return Ok("It is so already: nothing was left to undo.".to_owned());
        }
        let back =
            format!("rollback_service with undo_commit \"{}\" takes this back.", committed.commit);
        let Some(service) = service else {
            return Ok(format!("The service is gone, as it was before that commit; {back}"));
        };
        if let Some(repo) = service.spec.source.repo() {
            let repo = RepoRef { workspace: name.workspace.clone(), repo: repo.clone() };
            if !self.inner.repos.exists(&repo).await? {
                return Ok(format!(
                    "Its repo {} is gone: create_repo makes one to push to again; {back}",
                    repo.repo
                ));
            }
        }
        if !fields.contains(&Field::Release.to_string()) {
            return Ok(format!("The release stays; {back}"));
        }
        if service.spec.source.image().is_some() {
            return Ok(format!(
                "The image that was undone comes back only when it is asked for; {back}"
            ));
        }
        Ok(format!(
            "Pushes of source commits that were undone here are not deployed again, newer ones are; {back}"
        ))
    }
}

/// One wish to undo something.
struct Undoing {
    caller: Caller,
    name: ServiceRef,
    to: Rollback,
    points: Points,
    on_conflict: Policy,
    identities: Arc<Identities>,
}

/// Why nothing is committed.
enum Stop {
    Refused(Refusal),
    /// Somebody has to decide; who changed what is looked up when nobody has to wait for it.
    Conflicts(Vec<Conflict>),
}

impl<E: Into<Refusal>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What was committed, and the service before and after.
type Undone = (Committed, Option<ServiceFiles>, Option<ServiceFiles>);

impl Undoing {
    fn commit(&self, state: &StateRepo) -> Result<Undone, Refusal> {
        let points = &self.points;
        let before = RefCell::new(None);
        let plan = |snapshot: &Snapshot| -> Result<_, Stop> {
            let base = points.base.as_ref().unwrap_or(snapshot);
            let sides = Sides::read(&self.name, Some(base), points.theirs.as_ref(), snapshot)?;
            let sides = self.without_holds(sides);
            let merged = self.merge(snapshot, &sides)?;
            let env = self.env(snapshot, &sides, merged.as_ref())?;
            let theirs = points.theirs.as_ref();
            before.replace(sides.ours);
            Ok(Some(Proposal {
                message: self.message(merged.as_ref()),
                edits: edits(snapshot, theirs, &self.name, merged.as_ref(), env.as_ref())?,
            }))
        };
        let committed = match state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::or_reason)
        {
            Ok(committed) => committed,
            Err(Stop::Refused(refusal)) => return Err(refusal),
            Err(Stop::Conflicts(found)) => {
                return Err(explain(&state.main()?, &self.name, points, &found)?);
            }
        };
        let after = state.at(&committed.commit)?.service(&self.name)?;
        Ok((committed, before.into_inner(), after))
    }

    /// A hold is no part of how a service was: only undoing the commit that lifted it brings it back.
    fn without_holds(&self, mut sides: Sides) -> Sides {
        if matches!(self.to, Rollback::Undo(_)) {
            return sides;
        }
        for files in [&mut sides.base, &mut sides.theirs].into_iter().flatten() {
            Arc::make_mut(&mut files.service).spec.hold = None;
        }
        sides
    }

    /// What the service becomes, if the caller may have it so.
    fn merge(&self, snapshot: &Snapshot, sides: &Sides) -> Result<Option<Merged>, Stop> {
        let workspace = &self.name.workspace;
        let (_, limits) = existing_workspace(snapshot, workspace)?;
        if sides.ours.is_none() && sides.theirs.is_none() && sides.base.is_none() {
            existing_service(snapshot, &self.name)?;
        }
        if let Some(ours) = &sides.ours {
            refuse_on_hold(&ours.service)?;
            self.points.refuse_newer_release(&ours.service)?;
        }
        let merged = merge(sides, self.on_conflict).map_err(Stop::Conflicts)?;
        match (&sides.ours, &merged) {
            (Some(_), None) => self.caller.may(Action::Delete, workspace)?,
            (None, Some(_)) => {
                existing_project(snapshot, &self.name.project_ref())?;
                let count = names_in(snapshot, workspace)?.len();
                within_quota("services", count, limits.spec.quota.services)?;
            }
            _ => {}
        }
        Ok(merged)
    }

    /// The env file that the service gets, for whoever can open it now.
    fn env(
        &self,
        snapshot: &Snapshot,
        sides: &Sides,
        merged: Option<&Merged>,
    ) -> Result<Option<EnvFile>, Refusal> {
        let Some(Merged { region, env: how, .. }) = merged else { return Ok(None) };
        let [ours, theirs] = [&sides.ours, &sides.theirs]
            .map(|side| side.as_ref().and_then(|files| files.env.as_deref()));
        let keep = match how {
            EnvMerge::Ours => return Ok(ours.cloned()),
            EnvMerge::Absent => return Ok(None),
            EnvMerge::Theirs => theirs,
            EnvMerge::Mixed { .. } => ours,
        };
        let open = |file| env::open(file, &self.identities);
        let values = match how {
            EnvMerge::Mixed { .. } => how.values(open(ours)?, open(theirs)?),
            _ => open(theirs)?,
        };
        env::seal(snapshot, region, keep, theirs, &values, &self.identities)
    }

    fn message(&self, merged: Option<&Merged>) -> Message {
        let (service, release) = (
            self.name.clone(),
            merged.and_then(|merged| merged.service.release.as_ref()).map(Released::from),
        );
        let commit = self.points.to.clone();
        let action = match &self.to {
            Rollback::Undo(_) => StateAction::Revert { service, commit, release },
            _ => StateAction::Rollback { service, to: commit, release },
        };
        Message { action, actor: self.caller.actor().clone(), tool: self.caller.tool.clone() }
    }
}
