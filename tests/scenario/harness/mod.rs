//! What every scenario uses.

mod git;
mod mcp;
mod registry;
mod server;

pub(crate) use git::{Git, as_operator};
pub(crate) use mcp::Mcp;
pub(crate) use registry::ImageRegistry;
pub(crate) use server::{Server, binary, text};

use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a condition may take to come true, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
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

/// Changes the site by `update_service`; returns the commit.
pub(crate) fn update(world: &mut World, change: &Value) -> String {
    let mut arguments = json!({"name": "site"});
    arguments.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let updated = world.agent.ok("update_service", arguments);
    updated["commit"].as_str().unwrap_or_else(|| panic!("no commit: {updated}")).to_owned()
}

/// A change that sets a variable.
pub(crate) fn set(key: &str, value: &str) -> Value {
    json!({"env_vars": [{"key": key, "value": value}]})
}

/// The site's variables with their values.
pub(crate) fn env(world: &mut World) -> Value {
    let shown = world.agent.ok("get_service", json!({"name": "site", "include_env": true}));
    let pairs = shown["env_vars"].as_array().unwrap().iter();
    pairs.map(|pair| (pair["key"].as_str().unwrap().to_owned(), pair["value"].clone())).collect()
}

/// Bytes of a file that take a moment to become an image.
const LARGE: usize = 24 * 1024 * 1024;

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
        Self::with(&[])
    }

    /// The same, with environment variables of the server.
    pub(crate) fn with(env: &[(&str, &str)]) -> Self {
        Self::of(Server::start_with(env))
    }

    /// The same, on a server that runs.
    pub(crate) fn of(server: Server) -> Self {
        let mut agent = Mcp::connect(&server);
        let repo = agent.ok("create_repo", json!({"name": "site"}));
        let remote = repo["git_remote"].as_str().unwrap().to_owned();
        let site = Git::init(&server.folder().join("site"));
        site.write("index.html", "<h1>one</h1>");
        site.commit("one");
        site.push(&remote);
        Self { server, agent, site, remote }
    }

    /// A new API key, made by the command with these options.
    pub(crate) fn key(&self, name: &str, options: &[&str]) -> String {
        let args: Vec<&str> =
            ["key", "create", name, "--json"].iter().chain(options).copied().collect();
        let made: serde_json::Value =
            serde_json::from_str(&self.server.inkstone_ok(&args)).unwrap();
        made["key"].as_str().unwrap().to_owned()
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

    /// Adds a file that takes long to be put into an image.
    pub(crate) fn write_large(&self) {
        let mut noise = 1_u32;
        let large: String = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + u8::try_from(noise >> 26).unwrap())
        })
        .take(LARGE)
        .collect();
        self.site.write("large.txt", &large);
    }

    /// The site's `service`, as `get_service` shows it.
    pub(crate) fn service(&mut self) -> Value {
        self.agent.ok("get_service", json!({"name": "site"}))
    }

    /// Waits until the deployment `id` of the site has ended.
    pub(crate) fn wait_for_end(&mut self, id: &Value) -> Value {
        wait_for("the end of the deployment", || {
            let deployment = self.service()["deployment"].clone();
            assert_eq!(&deployment["id"], id, "{deployment}");
            let pending = deployment["status"] == "queued" || deployment["status"] == "building";
            (!pending).then_some(deployment)
        })
    }

    /// The subjects of every deploy of the site, newest first.
    pub(crate) fn deploys(&self) -> Vec<String> {
        let grep = "--grep=Inkstone-Action: deploy";
        self.server.state().lines(&["log", "--format=%s", grep, "main"])
    }

    /// Starts the server without the database that it had; the agent gets the new key.
    pub(crate) fn lose_database(&mut self) {
        self.server.stop();
        for file in ["inkstone.db", "inkstone.db-wal", "inkstone.db-shm"] {
            let _ = std::fs::remove_file(self.server.data().join(file));
        }
        self.server.start_again();
        let key = std::fs::read_to_string(self.server.folder().join("key")).unwrap();
        key.trim().clone_into(&mut self.server.key);
        self.agent = Mcp::connect(&self.server);
        // Old remotes are gone with the old tokens.
        let token = self.agent.ok("get_git_token", json!({"name": "site"}));
        token["git_remote"].as_str().unwrap().clone_into(&mut self.remote);
    }

    /// Waits until the newest deployment waits, and says so in these words.
    pub(crate) fn wait_until_it_waits(&mut self, says: &str) -> Value {
        wait_for("a deployment that waits", || {
            let deployment = self.service()["deployment"].clone();
            assert_ne!(deployment["status"], "failed", "{deployment}");
            let waits = deployment["status"] == "queued"
                && deployment["step"].as_str().is_some_and(|step| step.contains(says));
            waits.then_some(deployment)
        })
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
