//! A large state repo with everything around it: what `serve` finds after years of use.
//!
//! The server itself founds the data directory, workspaces and projects are commits like any other, and
//! what would take too long one by one comes in at once: the services by `git fast-import`, their source
//! repositories as files, their deployments through the store.

mod repos;
mod rows;
mod services;

use crate::git;
use crate::server::{ANYWHERE, Home, Server};
use anyhow::Context as _;
use inkstone_spec::{Digest, Isolation, KeyName, ProjectRef, Region, WorkspaceName};
use inkstone_state::{Action, Message, Proposal, Signer, StateError, StateRepo, Tool, plan};
use jiff::Timestamp;
pub(crate) use services::{Member, release};
use std::path::Path;
use tempfile::TempDir;

/// How many workspaces the fleet has that most is measured on, beside the first one.
const WORKSPACES: usize = 20;
/// How many projects each has.
const PROJECTS: usize = 5;
/// How many services each project has.
const SERVICES: usize = 100;
/// How many services a workspace has.
const WORKSPACE: usize = PROJECTS * SERVICES;
/// What follows from chance follows from this.
pub(crate) const SEED: u64 = 0x1175;

/// A data directory with many services.
pub(crate) struct Fleet {
    pub(crate) home: Home,
    /// The template set of the next deploys.
    pub(crate) templates: Digest,
    pub(crate) projects: Vec<ProjectRef>,
    pub(crate) members: Vec<Member>,
    _folder: TempDir,
}

impl Fleet {
    /// One of 10,000 services, with a deployment of each in the store.
    pub(crate) async fn found(binary: &Path) -> anyhow::Result<Self> {
        let fleet = Self::of(binary, WORKSPACES * WORKSPACE).await?;
        let state_commit = git::rev_parse(&fleet.home.state(), "main")?.parse()?;
        rows::fill(&fleet.home, &fleet.members, &state_commit).await?;
        Ok(fleet)
    }

    /// One of so many services: all of a workspace, or all of a project, or fewer.
    pub(crate) async fn of(binary: &Path, services: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("inkstone-bench-").tempdir()?;
        let home = Home { binary: binary.to_owned(), folder: folder.path().to_owned() };
        Server::start(&home, ANYWHERE, &[]).await?.stop().await?;
        let state = open(&home)?;
        let region = state.main()?.regions()?.pop().context("the state repo has no cluster")?;
        let mut projects = projects(&state, &region, services.div_ceil(WORKSPACE))?;
        projects.truncate(services.div_ceil(SERVICES));
        let source_commit = repos::template(&home)?;
        let members = services::import(&home, &state, &region, &projects, &source_commit)?;
        // As garbage collection leaves what came in one by one: fast-import packs loosely.
        git::run(&home.state(), &["repack", "-a", "-d", "-f", "--quiet"])?;
        git::run(&home.state(), &["pack-refs", "--all"])?;
        for member in &members {
            repos::place(&home, member)?;
        }
        let cluster = state.main()?.cluster(&region)?.context("no cluster")?;
        let templates = cluster.spec.templates.clone();
        Ok(Self { home, templates, projects, members, _folder: folder })
    }
}

/// The state repo of a server that does not run.
pub(crate) fn open(home: &Home) -> anyhow::Result<StateRepo> {
    let signer = Signer::load(&home.data().join("signing-key"))?;
    Ok(StateRepo::open(&home.state(), signer)?)
}

/// Who acts here.
pub(crate) fn actor() -> anyhow::Result<KeyName> {
    Ok("bench".parse()?)
}

/// Adds every workspace and project, a commit each.
fn projects(
    state: &StateRepo,
    region: &Region,
    workspaces: usize,
) -> anyhow::Result<Vec<ProjectRef>> {
    let actor = actor()?;
    let message = |action| Message { action, actor: actor.clone(), tool: Tool::new("bench") };
    let mut all = Vec::new();
    for team in 1..=workspaces {
        let workspace: WorkspaceName = format!("team{team}").parse()?;
        state.commit(Timestamp::now(), |_| {
            Ok::<_, StateError>(Some(Proposal {
                message: message(Action::AddWorkspace(workspace.clone())),
                edits: plan::add_workspace(region, &workspace)?,
            }))
        })?;
        for number in 1..=PROJECTS {
            let project = ProjectRef {
                workspace: workspace.clone(),
                project: format!("shop-{number}").parse()?,
            };
            state.commit(Timestamp::now(), |snapshot| {
                Ok::<_, StateError>(Some(Proposal {
                    message: message(Action::CreateProject(project.clone())),
                    edits: plan::create_project(snapshot, region, &project, Isolation::default())?,
                }))
            })?;
            all.push(project);
        }
    }
    Ok(all)
}
