//! Services that are there and do nothing: what a cluster has to look through beside the one that changes.

use super::PATIENCE;
use crate::client::{Client, text};
use crate::git;
use inkstone_cluster::Observer;
use inkstone_spec::ServiceRef;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many share a project.
const PER_PROJECT: usize = 50;
/// How many are made before those are waited for: the queue of a workspace is bounded.
const BATCH: usize = 50;
/// How often is looked whether they are there.
const INTERVAL: Duration = Duration::from_millis(100);
/// The repository that all of them follow.
const REPO: &str = "stand-in";

/// Stand-ins, each stopped.
#[derive(Default)]
pub(super) struct Fleet {
    services: Vec<ServiceRef>,
}

impl Fleet {
    /// Makes more until there are `size`, and waits until `ArgoCD` has applied them all.
    pub(super) async fn grow(
        &mut self,
        client: &mut Client,
        observer: &Observer,
        size: usize,
    ) -> anyhow::Result<()> {
        if self.services.is_empty() {
            push_source(client).await?;
        }
        while self.services.len() < size {
            let number = self.services.len();
            let project = format!("fleet-{}", number / PER_PROJECT);
            if number.is_multiple_of(PER_PROJECT) {
                client.call("create_project", &json!({"name": project})).await?;
            }
            let name = format!("s{number}");
            let service = json!({"name": name, "project": project, "repo": REPO, "replicas": 0});
            client.call("create_service", &service).await?;
            self.services.push(format!("main/{project}/{name}").parse()?);
            if self.services.len().is_multiple_of(BATCH) || self.services.len() == size {
                self.settle(observer).await?;
                crate::measure::say(&format!("  {} applied", self.services.len()));
            }
        }
        Ok(())
    }

    async fn settle(&self, observer: &Observer) -> anyhow::Result<()> {
        let start = Instant::now();
        let is_applied = |service: &ServiceRef| {
            let seen = observer.observed(service);
            seen.application.is_some_and(|it| it.synced) && seen.deployment.is_some()
        };
        while let Some(waits) = self.services.iter().find(|service| !is_applied(service)) {
            anyhow::ensure!(start.elapsed() < PATIENCE, "{waits} is not applied");
            sleep(INTERVAL).await;
        }
        Ok(())
    }
}

async fn push_source(client: &mut Client) -> anyhow::Result<()> {
    let repo = client.call("create_repo", &json!({"name": REPO})).await?;
    let folder = tempfile::tempdir()?;
    git::run(folder.path(), &["init", "--quiet", "--initial-branch=main"])?;
    std::fs::write(folder.path().join("index.html"), "here\n")?;
    git::run(folder.path(), &["add", "--all"])?;
    git::run(folder.path(), &["commit", "--quiet", "--message", "Stand in"])?;
    git::run(folder.path(), &["push", "--quiet", &text(&repo, "/git_remote")?, "HEAD:main"])?;
    Ok(())
}
