//! What every scenario uses.

mod git;
mod mcp;
mod server;

pub(crate) use git::Git;
pub(crate) use mcp::Mcp;
pub(crate) use server::{Server, binary};

use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(INTERVAL);
    }
}

/// A running server, an agent with its first key, and a site in a source repo.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) agent: Mcp,
    pub(crate) site: Git,
    pub(crate) remote: String,
}

impl World {
    /// A server with a repo `site` that has one commit.
    pub(crate) fn new() -> Self {
        let server = Server::start();
        let mut agent = Mcp::connect(&server);
        let repo = agent.ok("create_repo", json!({"name": "site"}));
        let remote = repo["git_remote"].as_str().unwrap().to_owned();
        let site = Git::init(&server.folder().join("site"));
        site.write("index.html", "<h1>one</h1>");
        site.commit("one");
        site.push(&remote);
        Self { server, agent, site, remote }
    }

    /// The same, with a service `site` that is deployed.
    pub(crate) fn deployed() -> Self {
        let mut world = Self::new();
        world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
        world.wait_for_head();
        world
    }

    /// Pushes a new version of the site; returns what the server said to the pusher.
    pub(crate) fn push(&self, text: &str) -> String {
        self.site.write("index.html", &format!("<h1>{text}</h1>"));
        self.site.commit(text);
        self.site.push(&self.remote)
    }

    /// Waits until the newest deployment is of the site's newest commit, and committed.
    pub(crate) fn wait_for_head(&mut self) -> Value {
        let head = self.site.head();
        let agent = &mut self.agent;
        wait_for("the deployment of the newest commit", || {
            let service = agent.ok("get_service", json!({"name": "site", "deploy_log_lines": 50}));
            let deployment = &service["deployment"];
            assert_ne!(deployment["status"], "failed", "{deployment}");
            let done =
                deployment["status"] == "committed" && deployment["source_commit"] == head.as_str();
            done.then_some(service)
        })
    }
}
