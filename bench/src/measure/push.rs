//! From `git push` of a site to the deploy commit in the state repo, through the running server.

use super::Scope;
use super::site::Site;
use crate::client::{Client, text};
use crate::fleet::{Fleet, SEED};
use crate::git;
use crate::server::{ANYWHERE, Server};
use crate::table::Row;
use crate::times::{Times, ms};
use anyhow::Context as _;
use fastrand::Rng;
use serde_json::json;
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// How often a version is pushed.
const ROUNDS: usize = 30;
/// How often is looked for the commit.
const INTERVAL: Duration = Duration::from_millis(1);
/// How long one may take before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);
const GOAL: Duration = Duration::from_millis(300);

pub(super) async fn measure(fleet: &Fleet, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let project = fleet.projects.first().context("the fleet has no project")?;
    let (workspace, project) = (project.workspace.as_str(), project.project.as_str());
    let server = Server::start(&fleet.home, ANYWHERE, &[]).await?;
    let mut client = Client::connect(&server.address, &server.key).await?;
    let repo =
        client.call("create_repo", &json!({"workspace": workspace, "name": "pushed"})).await?;
    let remote = text(&repo, "/git_remote")?;
    let service = json!({
        "workspace": workspace, "project": project, "name": "pushed", "repo": "pushed",
    });
    client.call("create_service", &service).await?;
    let mut site = Site::init(&fleet.home.folder.join("pushed"), Rng::with_seed(SEED))?;
    // The first push makes the branch; it is not counted.
    push(fleet, &mut site, &remote).await?;
    let (mut pushed, mut committed) = (Vec::new(), Vec::new());
    for _ in 0..scope.rounds(ROUNDS) {
        let round = push(fleet, &mut site, &remote).await?;
        pushed.push(round.pushed);
        committed.push(round.committed);
    }
    server.stop().await?;
    let (pushed, committed) = (Times::new(pushed), Times::new(committed));
    Ok(vec![
        Row::told("push of a 100-file site, all of it new: until git returns", pushed.to_string()),
        Row::judged(
            "the same, until its commit is live in the state repo",
            committed.to_string(),
            format!("median < {}", ms(GOAL)),
            committed.median() < GOAL,
        ),
    ])
}

/// How long one push took, from the start of git.
struct Round {
    pushed: Duration,
    committed: Duration,
}

async fn push(fleet: &Fleet, site: &mut Site, remote: &str) -> anyhow::Result<Round> {
    let head = site.change()?;
    let state = fleet.home.state();
    let live = || fs::read_to_string(state.join("refs/heads/live")).unwrap_or_default();
    let before = live();
    let mut git = git::command(site.folder());
    git.args(["push", "--quiet", remote, "HEAD:main"]).stderr(Stdio::null());
    let start = Instant::now();
    let mut git = Command::from(git).spawn()?;
    let (mut pushed, mut committed) = (None, None);
    while pushed.is_none() || committed.is_none() {
        if pushed.is_none()
            && let Some(status) = git.try_wait()?
        {
            anyhow::ensure!(status.success(), "git push ended with {status}");
            pushed = Some(start.elapsed());
        }
        if committed.is_none() && live() != before {
            committed = Some(start.elapsed());
        }
        anyhow::ensure!(start.elapsed() < PATIENCE, "the push was not deployed");
        sleep(INTERVAL).await;
    }
    let source = ["log", "-1", "--format=%(trailers:key=Source-Commit,valueonly)", "live"];
    let deployed = git::run(&state, &source)?;
    anyhow::ensure!(deployed.trim() == head, "{} was deployed, not {head}", deployed.trim());
    let (pushed, committed) = (pushed.unwrap_or_default(), committed.unwrap_or_default());
    Ok(Round { pushed, committed })
}
