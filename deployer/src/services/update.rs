//! Changing a service: one commit, and a build only where the source or how it is built changed.

use super::fields::{changed, edited};
use super::hold::refuse_on_hold;
use super::{arguments, coherent, env, existing_service, short, summary};
use crate::{Action, Caller, Deployer, DeploymentSummary, Refusal, ServiceUpdated};
use inkstone_secrets::{EnvFile, Identities};
use inkstone_spec::{
    BranchName, Build, EnvKey, EnvValue, Hold, HoldReason, ImageReference, Memory, Pack, Port,
    RelativeDir, Replicas, RepoName, RepoRef, Revision, ServiceRef, ServiceSpec, Source,
    SourceBranch, SourceHost, Trigger, UtcTime, Vcpus,
};
use inkstone_state::plan::{Change, ServiceChange};
use inkstone_state::undo::differing;
use inkstone_state::{
    Action as StateAction, Actor, Message, Proposal, ServiceFiles, Snapshot, plan,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The branch that is meant when none is named.
const DEFAULT_BRANCH: &str = "main";

/// What should be different about a service; everything else stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateService {
    /// Its source repository.
    pub repo: Option<RepoName>,
    /// The branch that is deployed when it moves.
    pub branch: Option<BranchName>,
    /// A ready image, in place of a branch.
    pub image: Option<ImageReference>,
    /// The build pack.
    pub pack: Option<Pack>,
    /// The directory that is built.
    pub root_directory: Change<RelativeDir>,
    /// The directory that is published.
    pub publish_directory: Change<RelativeDir>,
    /// The port it listens on.
    pub port: Change<Port>,
    /// How many pods it runs.
    pub replicas: Option<Replicas>,
    /// Memory of each pod.
    pub memory: Option<Memory>,
    /// CPU of each pod.
    pub vcpus: Option<Vcpus>,
    /// Variables that get these values.
    pub env: BTreeMap<EnvKey, EnvValue>,
    /// Variables that go.
    pub unset_env: BTreeSet<EnvKey>,
    /// Whether it is on hold, and why.
    pub hold: Change<HoldReason>,
}

impl UpdateService {
    /// Whether it concerns nothing but the hold.
    fn is_about_hold(&self) -> bool {
        *self == Self { hold: self.hold.clone(), ..Self::default() }
    }

    /// The change that this is to a service as it is now.
    fn change(
        &self,
        snapshot: &Snapshot,
        files: &ServiceFiles,
        actor: &Actor,
        identities: &Identities,
    ) -> Result<ServiceChange, Refusal> {
        let spec = &files.service.spec;
        let (source, build) = self.source(spec)?;
        let hold = match &self.hold {
            Change::Set(reason) if spec.hold.as_ref().map(|h| &h.reason) == Some(reason) => {
                Change::Keep
            }
            Change::Set(reason) => Change::Set(Hold {
                reason: reason.clone(),
                by: actor.clone(),
                since: UtcTime::at(jiff::Timestamp::now())?,
            }),
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
        };
        Ok(ServiceChange {
            source: Some(source),
            build: Some(build),
            port: self.port.clone(),
            replicas: self.replicas,
            memory: self.memory,
            vcpus: self.vcpus,
            hosts: None,
            hold,
            env: self.env_change(snapshot, files, identities)?,
        })
    }

    /// Where what it runs comes from, and how that becomes an image. Of another kind of source nothing
    /// stays: how a branch was built says nothing of an image.
    fn source(&self, spec: &ServiceSpec) -> Result<(Source, Build), Refusal> {
        let (source, mut build) = match (&self.image, &self.repo, &spec.source) {
            (Some(_), Some(_), _) => return Err(image_or_branch()),
            (Some(_), None, _) if self.branch.is_some() => return Err(image_or_branch()),
            (Some(image), None, _) => (Source::Image { image: image.clone() }, Build::image()),
            (None, repo, Source::Branch(branch)) => {
                let mut branch = branch.clone();
                branch.repo = repo.clone().unwrap_or(branch.repo);
                branch.branch = self.branch.clone().unwrap_or(branch.branch);
                (Source::Branch(branch), spec.build.clone())
            }
            (None, Some(repo), Source::Image { .. }) => {
                let branch = match &self.branch {
                    Some(branch) => branch.clone(),
                    None => BranchName::new(DEFAULT_BRANCH)?,
                };
                let (host, repo) = (SourceHost::Inkstone, repo.clone());
                let source = Source::Branch(SourceBranch { host, repo, branch });
                (source, Build { pack: Pack::Static, ..Build::image() })
            }
            (None, None, Source::Image { .. }) if self.branch.is_some() => {
                return Err(image_or_branch());
            }
            (None, None, source @ Source::Image { .. }) => (source.clone(), spec.build.clone()),
        };
        build.pack = self.pack.unwrap_or(build.pack);
        self.root_directory.clone().apply(&mut build.root_directory);
        self.publish_directory.clone().apply(&mut build.publish_directory);
        let (wanted, had) = (ServiceSpec { source, build, ..spec.clone() }, spec);
        // What was so before is not this call's to refuse.
        if (&wanted.source, &wanted.build) != (&had.source, &had.build) {
            coherent(&wanted)?;
        }
        Ok((wanted.source, wanted.build))
    }

    /// The env file anew, if any value of it changes.
    fn env_change(
        &self,
        snapshot: &Snapshot,
        files: &ServiceFiles,
        identities: &Identities,
    ) -> Result<Change<EnvFile>, Refusal> {
        if self.env.is_empty() && self.unset_env.is_empty() {
            return Ok(Change::Keep);
        }
        let previous = files.env.as_deref();
        let before = env::open(previous, identities)?;
        let mut values = before.clone();
        values.retain(|key, _| !self.unset_env.contains(key));
        values.extend(self.env.clone());
        if values == before {
            return Ok(Change::Keep);
        }
        let sealed = env::seal(snapshot, &files.region, previous, None, &values, identities)?;
        Ok(sealed.map_or(Change::Clear, Change::Set))
    }
}

impl Deployer {
    /// Changes a service in one commit. A change of its source or build queues a deployment of its
    /// branch; any other keeps the release that it has.
    pub async fn update_service(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        request: UpdateService,
    ) -> Result<ServiceUpdated, Refusal> {
        caller.may(Action::Deploy, &name.workspace)?;
        self.read_state(|snapshot| existing_service(snapshot, name).map(drop))?;
        if let Some(key) = request.unset_env.iter().find(|key| request.env.contains_key(*key)) {
            return Err(Refusal::new(
                "invalid_argument",
                format!("{key} is both in env_vars and in unset_env."),
                "Name it in one of them; nothing was changed.",
            ));
        }
        let stays = self.inner.repo_names.read().await;
        if let Some(repo) = &request.repo {
            let repo = RepoRef { workspace: name.workspace.clone(), repo: repo.clone() };
            self.existing_repo(&repo).await?;
        }
        let (wanted, actor, tool) = (name.clone(), caller.actor().clone(), caller.tool.clone());
        let identities = self.identities()?;
        let deployer = self.clone();
        let (committed, before, after) = self
            .with_state(move |state| {
                let before = RefCell::new(None);
                let plan = |snapshot: &Snapshot| {
                    let files = existing_service(snapshot, &wanted)?;
                    if !request.is_about_hold() && request.hold != Change::Clear {
                        refuse_on_hold(&files.service)?;
                    }
                    let change = request.change(snapshot, &files, &actor, &identities)?;
                    deployer.allow_image(snapshot, &files.region, request.image.as_ref())?;
                    let edits = plan::update_service(snapshot, &wanted, change)?;
                    let fields = differing(Some(&files), Some(&edited(&files, &edits)?));
                    before.replace(Some(files));
                    let action = StateAction::UpdateService { service: wanted.clone(), fields };
                    let message = Message { action, actor: actor.clone(), tool: tool.clone() };
                    Ok(Some(Proposal { message, edits }))
                };
                let committed =
                    state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)?;
                let after = existing_service(&state.at(&committed.commit)?, &wanted)?;
                Ok((committed, before.into_inner(), after))
            })
            .await?;

        drop(stays);
        self.intent_changed(name).await?;
        let fields = changed(before.as_ref(), Some(&after));
        let (was, is) = (before.as_ref().map(|files| &files.service.spec), &after.service.spec);
        let builds = was.is_some_and(|was| was.source != is.source || was.build != is.build);
        let (deployment, next) = if builds {
            self.build_after_update(caller, &after).await
        } else {
            let was_on_hold = was.is_some_and(|was| was.hold.is_some());
            let is_watched = self.inner.cluster.is_some();
            (None, next(&after, committed.changed, was_on_hold, is_watched))
        };
        Ok(ServiceUpdated {
            service: short(name),
            changed: committed.changed,
            fields,
            commit: committed.changed.then(|| committed.commit.to_string()),
            deployment,
            next,
        })
    }

    /// Queues the image, or what the branch points at, or, where that was undone, what runs. The change is
    /// committed by now: what fails here is told as what is left to do.
    async fn build_after_update(
        &self,
        caller: &Caller,
        files: &ServiceFiles,
    ) -> (Option<DeploymentSummary>, String) {
        let name = files.service.metadata.service_ref();
        let queued = async {
            let trigger = Trigger::Api;
            let revision = match &files.service.spec.source {
                Source::Image { image } => Revision::Image(image.clone()),
                Source::Branch(source) => {
                    let workspace = name.workspace.clone();
                    let repo = RepoRef { workspace, repo: source.repo.clone() };
                    match self.inner.repos.branch_head(&repo, &source.branch).await? {
                        Some(head) => self.to_build(files, head, source, trigger).await?,
                        None => return Ok(Err(source)),
                    }
                }
            };
            let queued = self.enqueue(caller, files, trigger, revision).await?;
            Ok::<_, Refusal>(Ok(summary(&queued.0)))
        };
        match queued.await {
            Ok(Ok(deployment)) => {
                let next = format!(
                    "Call get_service with {} until its deployment is {}.",
                    arguments(&name),
                    self.end_of_a_deployment()
                );
                (Some(deployment), next)
            }
            Ok(Err(source)) => (
                None,
                format!("Push to {} branch {}: that deploys it.", source.repo, source.branch),
            ),
            Err(refusal) => {
                (None, format!("The change is committed, but nothing was queued: {refusal}"))
            }
        }
    }
}

fn image_or_branch() -> Refusal {
    Refusal::new(
        "invalid_argument",
        "A service deploys an image or a branch of a repo, not both.",
        "Name an image alone, or a repo, with a branch if it is not main; nothing was changed.",
    )
}

fn next(files: &ServiceFiles, changed: bool, was_on_hold: bool, is_watched: bool) -> String {
    let called = arguments(&files.service.metadata.service_ref());
    if files.service.spec.hold.is_some() {
        format!(
            "It is on hold: nothing is deployed until update_service with {called} and hold null."
        )
    } else if was_on_hold {
        format!(
            "The hold is lifted: what waited for that goes on; call get_service with {called} to follow it."
        )
    } else if !changed {
        format!("It was so already; call get_service with {called} to see all of it.")
    } else if files.service.release.is_some() && is_watched {
        format!(
            "Call get_service with {called} until runtime.status is active or failed; rollback_service with {called} and undo_commit undoes the change."
        )
    } else if files.service.release.is_some() {
        format!(
            "What it runs has the change; rollback_service with {called} and undo_commit undoes it."
        )
    } else {
        "Its first deployment will have the change.".to_owned()
    }
}
