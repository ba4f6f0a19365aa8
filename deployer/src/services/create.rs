//! Creating a service: one commit with its intent, sealed env and host claims; then its first
//! deployment, if its branch has a commit.

use super::{arguments, coherent, env, existing_service, short, summary, url};
use crate::projects::{existing_project, existing_workspace, within_quota};
use crate::services::names_in;
use crate::{Action, Caller, Deployer, Refusal, ServiceCreated};
use inkstone_spec::{
    ApiVersion, BranchName, Build, EnvKey, EnvValue, Memory, Port, Region, Replicas, RepoRef,
    Resources, Revision, Service, ServiceKind, ServiceMetadata, ServiceRef, ServiceSpec,
    ServiceUid, Source, Trigger, Vcpus,
};
use inkstone_state::{Action as StateAction, Message, Proposal, Snapshot, plan};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a new service should be.
#[derive(Clone, Debug)]
pub struct CreateService {
    /// Its full name.
    pub service: ServiceRef,
    /// The region it is for; absent: the workspace's.
    pub region: Option<Region>,
    /// Where what it runs comes from: a branch of a repository of the same workspace, or an image.
    pub source: Source,
    /// How it is built.
    pub build: Build,
    /// The port it listens on; absent: the one found in the image.
    pub port: Option<Port>,
    /// How many pods it runs.
    pub replicas: Replicas,
    /// Memory of each pod.
    pub memory: Memory,
    /// CPU of each pod.
    pub vcpus: Vcpus,
    /// Its environment.
    pub env: BTreeMap<EnvKey, EnvValue>,
}

impl CreateService {
    fn intent(&self) -> Service {
        Service {
            api_version: ApiVersion::V1,
            kind: ServiceKind::Service,
            metadata: ServiceMetadata {
                workspace: self.service.workspace.clone(),
                project: self.service.project.clone(),
                name: self.service.service.clone(),
                uid: ServiceUid::from(Uuid::now_v7()),
            },
            spec: ServiceSpec {
                source: self.source.clone(),
                build: self.build.clone(),
                port: self.port,
                replicas: self.replicas,
                resources: Resources { memory: self.memory, vcpus: self.vcpus },
                hosts: Vec::new(),
                hold: None,
            },
            release: None,
        }
    }
}

impl Deployer {
    /// Creates a service and, if its branch has a commit, deploys it.
    pub async fn create_service(
        &self,
        caller: &Caller,
        request: CreateService,
    ) -> Result<ServiceCreated, Refusal> {
        let name = request.service.clone();
        caller.may(Action::Deploy, &name.workspace)?;
        self.read_state(|snapshot| existing_workspace(snapshot, &name.workspace).map(drop))?;
        let stays = self.inner.repo_names.read().await;
        if let Some(repo) = request.source.repo() {
            let repo = RepoRef { workspace: name.workspace.clone(), repo: repo.clone() };
            self.existing_repo(&repo).await?;
        }
        coherent(&request.intent().spec)?;
        self.refuse_duplicate(&name).await?;
        env::check(&request.env)?;

        let (caller_, identities) = (caller.clone(), self.identities()?);
        let deployer = self.clone();
        let (commit, files, url) = self
            .with_state(move |state| {
                let intent = request.intent();
                let name = intent.metadata.service_ref();
                let plan = |snapshot: &Snapshot| {
                    let (region, workspace) = existing_workspace(snapshot, &name.workspace)?;
                    refuse_other_region(request.region.as_ref(), &region)?;
                    existing_project(snapshot, &name.project_ref())?;
                    deployer.allow_image(snapshot, &region, intent.spec.source.image())?;
                    if snapshot.service(&name)?.is_some() {
                        return Err(taken(&name));
                    }
                    let count = names_in(snapshot, &name.workspace)?.len();
                    within_quota("services", count, workspace.spec.quota.services)?;
                    for host in plan::hosts(snapshot, &region, &intent)? {
                        if snapshot.host(&host)?.is_some() {
                            return Err(Refusal::host_taken(&host));
                        }
                    }
                    let env = env::seal(snapshot, &region, None, None, &request.env, &identities)?;
                    Ok(Some(Proposal {
                        message: Message {
                            action: StateAction::CreateService(name.clone()),
                            actor: caller_.actor().clone(),
                            tool: caller_.tool.clone(),
                        },
                        edits: plan::create_service(snapshot, &region, &intent, env.as_ref())?,
                    }))
                };
                let committed =
                    state.commit(jiff::Timestamp::now(), plan).map_err(Refusal::from_commit)?;
                let snapshot = state.at(&committed.commit)?;
                let files = existing_service(&snapshot, &name)?;
                let url = url(&snapshot, &files.region, &files.service)?;
                Ok((committed.commit, files, url))
            })
            .await?;
        drop(stays);

        let queued = async {
            let revision = match &files.service.spec.source {
                Source::Image { image } => Revision::Image(image.clone()),
                Source::Branch(source) => {
                    let workspace = name.workspace.clone();
                    let repo = RepoRef { workspace, repo: source.repo.clone() };
                    match self.inner.repos.branch_head(&repo, &source.branch).await? {
                        Some(commit) => Revision::Commit { branch: source.clone(), commit },
                        None => {
                            return Ok((None, self.without_a_branch(&repo, &source.branch).await?));
                        }
                    }
                }
            };
            let deployment = self.enqueue(caller, &files, Trigger::Api, revision).await?.0;
            let asked = arguments(&name);
            let end = self.end_of_a_deployment();
            let next = format!("Call get_service with {asked} until its deployment is {end}.");
            Ok::<_, Refusal>((Some(summary(&deployment)), next))
        };
        // The service is there by now, so this is an answer and no refusal.
        let (deployment, next) = queued.await.unwrap_or_else(|refusal| {
            self.inner.missed.notify_one();
            let next = format!(
                "The service is created, but its deployment is not queued yet: {} It is tried again by itself; call get_service with {} to see it.",
                refusal.message,
                arguments(&name)
            );
            (None, next)
        });
        let service = short(&name);
        Ok(ServiceCreated { service, commit: commit.to_string(), url, deployment, next })
    }

    /// What to do about a service whose branch has no commit.
    async fn without_a_branch(
        &self,
        repo: &RepoRef,
        branch: &BranchName,
    ) -> Result<String, Refusal> {
        let others = self.inner.repos.branches(repo).await?;
        Ok(match others.first() {
            None => format!("Push to {} branch {branch}: that deploys it.", repo.repo),
            Some((other, _)) => format!(
                "Repo {} has no branch {branch}, but {other}: push HEAD:{branch}, or call update_service with branch \"{other}\".",
                repo.repo
            ),
        })
    }

    /// Answers a duplicate with what is there, before anything is planned.
    async fn refuse_duplicate(&self, name: &ServiceRef) -> Result<(), Refusal> {
        if !self.read_state(|snapshot| Ok(snapshot.intent(name)?.is_some()))? {
            return Ok(());
        }
        let latest = self.inner.store.latest(name).await?;
        let state = serde_json::json!({
            "service": short(name),
            "deployment": latest.as_ref().map(summary),
        });
        Err(taken(name).with_state(Some(state)))
    }
}

fn taken(name: &ServiceRef) -> Refusal {
    Refusal::new(
        "service_exists",
        format!("Service {} exists already.", short(name)),
        "Call get_service to see it, push to its branch or call redeploy_service to deploy it again, or choose another name.",
    )
}

fn refuse_other_region(wanted: Option<&Region>, region: &Region) -> Result<(), Refusal> {
    match wanted {
        Some(wanted) if wanted != region => Err(Refusal::new(
            "unknown_region",
            format!("The workspace does not run in {wanted}."),
            format!("Leave region out, or use {region}."),
        )),
        _ => Ok(()),
    }
}
