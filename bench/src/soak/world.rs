//! Services, each with its own repository and site, and how they are reached.

use crate::client::Client;
use crate::git;
use crate::server::{ANYWHERE, Home, Server};
use anyhow::Context as _;
use fastrand::Rng;
use inkstone_spec::ServiceRef;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the queue may take to drain at the end.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often is looked whether it has.
const INTERVAL: Duration = Duration::from_millis(50);
/// The workspace of all of them.
const WORKSPACE: &str = "main";

/// How a server is reached: where every server of a storm listens, and the key of the last one.
pub(super) struct Door {
    address: String,
    key: RwLock<String>,
    /// How many servers there were before this one.
    before: AtomicUsize,
}

impl Door {
    pub(super) fn to(server: &Server) -> Arc<Self> {
        let (address, key) = (server.address.clone(), RwLock::new(server.key.clone()));
        Arc::new(Self { address, key, before: AtomicUsize::new(0) })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// From now on the key of this server counts: it may have a database of its own.
    pub(super) fn is_of(&self, server: &Server) {
        server.key.clone_into(&mut self.key.write().unwrap_or_else(PoisonError::into_inner));
        self.before.fetch_add(1, Ordering::Relaxed);
    }

    /// How many servers there were before this one: none knows what its predecessor promised.
    pub(super) fn before(&self) -> usize {
        self.before.load(Ordering::Relaxed)
    }

    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone();
        Client::connect(&self.address, &key).await
    }

    /// A URL for git.
    pub(super) fn url(&self, path: &str) -> String {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        format!("http://x-git-token:{key}@{}{path}", self.address)
    }
}

/// A service's source, as the person who works on it has it.
#[derive(Clone)]
pub(super) struct Site {
    /// The service.
    pub(super) service: ServiceRef,
    /// Its name, and that of its repository.
    pub(super) name: String,
    /// The clone.
    pub(super) folder: PathBuf,
    /// The repository on the server.
    pub(super) hosted: PathBuf,
    door: Arc<Door>,
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
        self.move_branch("HEAD")
    }

    /// Has the branch point at any commit.
    pub(super) fn move_branch(&self, commit: &str) -> anyhow::Result<Option<String>> {
        let remote = self.door.url(&format!("/git/{WORKSPACE}/{}.git", self.name));
        let mut push = git::command(&self.folder);
        push.args(["push", "--force", &remote, &format!("{commit}:refs/heads/main")]);
        let output = push.output()?;
        Ok(output.status.success().then(|| git::text(&output)))
    }
}

/// What a storm rages over.
pub(super) struct World {
    pub(super) door: Arc<Door>,
    pub(super) sites: Vec<Site>,
}

impl World {
    /// Makes services on a new server, which goes on running.
    pub(super) async fn make(
        home: &Home,
        services: usize,
        options: &[&str],
    ) -> anyhow::Result<(Self, Server)> {
        let server = Server::start(home, ANYWHERE, options).await?;
        let door = Door::to(&server);
        let mut client = door.client().await?;
        let mut sites = Vec::new();
        for number in 0..services {
            let name = format!("site-{number}");
            client.call("create_repo", &json!({"name": name})).await?;
            client.call("create_service", &json!({"name": name, "repo": name})).await?;
            sites.push(Site {
                service: format!("{WORKSPACE}/default/{name}").parse()?,
                folder: init(&home.folder, &name)?,
                hosted: home.repo(WORKSPACE, &name),
                door: Arc::clone(&door),
                name,
            });
        }
        Ok((Self { door, sites }, server))
    }

    /// Gives each service its first version.
    pub(super) fn push_all(&self, rng: &mut Rng) -> anyhow::Result<()> {
        for site in &self.sites {
            site.change(rng)?;
            site.push()?.context("the first push was refused")?;
        }
        Ok(())
    }

    /// Pushes what is not there yet and waits until every service runs what its branch has. Returns
    /// what never comes about.
    pub(super) async fn push_and_drain(&self) -> anyhow::Result<Vec<String>> {
        let mut findings = Vec::new();
        for site in &self.sites {
            if site.push()?.is_none() {
                findings.push(format!("{} takes no pushes any more", site.name));
            }
        }
        let mut client = self.door.client().await?;
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
