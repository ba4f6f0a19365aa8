//! Ten services, each with its own repository and site.

use crate::client::{Client, text};
use crate::git;
use crate::server::{ANYWHERE, Home, Server};
use anyhow::Context as _;
use fastrand::Rng;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many services there are.
const SERVICES: usize = 10;
/// How long the queue may take to drain at the end.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked whether it has.
const INTERVAL: Duration = Duration::from_millis(50);
/// The workspace of all of them.
const WORKSPACE: &str = "main";

/// A service's source, as the person who works on it has it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The name of the service and of its repository.
    pub(super) name: String,
    /// The clone.
    pub(super) folder: PathBuf,
    /// Where it is pushed to, with a token.
    pub(super) remote: String,
    /// The repository on the server.
    pub(super) hosted: PathBuf,
}

impl Site {
    /// Commits a new version; returns the commit.
    pub(super) fn change(&self, rng: &mut Rng) -> anyhow::Result<String> {
        let page = format!("<!doctype html><title>{:x}</title>\n", rng.u128(..));
        fs::write(self.folder.join("index.html"), page)?;
        git::run(&self.folder, &["add", "--all"])?;
        git::run(&self.folder, &["commit", "--quiet", "--message", "a new version"])?;
        git::rev_parse(&self.folder, "HEAD")
    }

    /// Pushes; returns what the server said, or nothing when the push broke off.
    pub(super) fn push(&self) -> anyhow::Result<Option<String>> {
        let mut push = git::command(&self.folder);
        let output = push.args(["push", &self.remote, "HEAD:main"]).output()?;
        Ok(output.status.success().then(|| git::text(&output)))
    }
}

/// What the storm rages over.
pub(super) struct World {
    /// Where every server of the storm listens.
    pub(super) address: String,
    pub(super) sites: Vec<Site>,
}

impl World {
    /// Makes the services on a new server, which goes on running.
    pub(super) async fn make(home: &Home, rng: &mut Rng) -> anyhow::Result<(Self, Server)> {
        let server = Server::start(home, ANYWHERE, &[]).await?;
        let mut client = Client::connect(&server.address, &server.key).await?;
        let mut sites = Vec::new();
        for number in 0..SERVICES {
            let name = format!("site-{number}");
            let repo = client.call("create_repo", &json!({"name": name})).await?;
            let service = json!({"name": name, "repo": name});
            client.call("create_service", &service).await?;
            let site = Site {
                folder: init(&home.folder, &name)?,
                hosted: home.repo(WORKSPACE, &name),
                remote: text(&repo, "/git_remote")?,
                name,
            };
            site.change(rng)?;
            site.push()?.context("the first push was refused")?;
            sites.push(site);
        }
        Ok((Self { address: server.address.clone(), sites }, server))
    }

    /// Pushes what is not there yet and waits until every service runs what its branch has. Returns
    /// what never comes about.
    pub(super) async fn push_and_drain(&self, server: &Server) -> anyhow::Result<Vec<String>> {
        let mut findings = Vec::new();
        for site in &self.sites {
            if site.push()?.is_none() {
                findings.push(format!("{} takes no pushes any more", site.name));
            }
        }
        let mut client = Client::connect(&server.address, &server.key).await?;
        let end = Instant::now() + PATIENCE;
        for site in &self.sites {
            let head = git::rev_parse(&site.hosted, "main")?;
            loop {
                let service = client.call("get_service", &json!({"name": site.name})).await?;
                let released = service.pointer("/release/source_commit");
                let status = service.pointer("/deployment/status");
                if released.is_some_and(|commit| *commit == head.as_str())
                    && status.is_some_and(|status| status == "committed")
                {
                    break;
                }
                if Instant::now() > end {
                    findings.push(format!("{} is not at its branch, {head}: {service}", site.name));
                    break;
                }
                sleep(INTERVAL).await;
            }
        }
        Ok(findings)
    }
}

fn init(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    git::run(&folder, &["init", "--quiet", "--initial-branch", "main"])?;
    Ok(folder)
}
