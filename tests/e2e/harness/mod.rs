//! What every test uses.

#[expect(dead_code, reason = "shared with the scenario tests, which use all of it")]
#[path = "../../scenario/harness/git.rs"]
mod git;
mod image;
mod in_cluster;
#[path = "../../scenario/harness/mcp.rs"]
mod mcp;
mod outage;
mod policies;
mod reconciler;
mod server;
mod turns;
mod visitor;

pub(crate) use git::Git;
pub(crate) use image::workload_of_user;
pub(crate) use in_cluster::ReconcilerPod;
pub(crate) use mcp::Mcp;
pub(crate) use outage::Outage;
pub(crate) use policies::{End, Policies, Way};
pub(crate) use reconciler::reconcile_plan;
pub(crate) use server::{Server, text};
pub(crate) use turns::Turn;
use visitor::PORT;
pub(crate) use visitor::{Answer, Visitor, get, get_from, get_path};

use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a condition may take to come true, on a slow and busy machine. ArgoCD looks by itself after three
/// minutes where it missed that it was told: of two words within a second it may hear one.
const PATIENCE: Duration = Duration::from_mins(4);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

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

/// Runs kubectl as the cluster's administrator.
pub(crate) fn try_kubectl(args: &[&str]) -> Output {
    Command::new("kubectl").args(args).output().unwrap()
}

/// The same; it must do well. Returns what it printed.
pub(crate) fn kubectl(args: &[&str]) -> String {
    let output = try_kubectl(args);
    assert!(output.status.success(), "kubectl {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// An object, if it is there.
pub(crate) fn object(namespace: &str, name: &str) -> Option<Value> {
    let output = try_kubectl(&["get", name, "-n", namespace, "-o", "json"]);
    if !output.status.success() {
        let said = text(&output.stderr);
        assert!(said.contains("(NotFound)"), "{name}: {said}");
        return None;
    }
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A project of one's own, and an agent who works on it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) agent: Mcp,
    pub(crate) project: String,
    folder: TempDir,
    _turn: Turn,
}

impl World {
    /// One with a namespace that pods can be started in.
    pub(crate) fn new(project: &str) -> Self {
        Self::in_turn(project, Turn::shared())
    }

    /// The same while no other test runs: for those that take parts of the cluster down.
    pub(crate) fn alone(project: &str) -> Self {
        Self::in_turn(project, Turn::alone())
    }

    fn in_turn(project: &str, turn: Turn) -> Self {
        let server = Server::of_the_cluster();
        let mut agent = Mcp::connect(&server);
        agent.ok("create_project", json!({"name": project}));
        let folder = tempfile::Builder::new().prefix("inkstone-e2e-").tempdir().unwrap();
        let world = Self { server, agent, project: project.to_owned(), folder, _turn: turn };
        let namespace = format!("namespace/{}", world.namespace());
        wait_for("the namespace", || object("default", &namespace));
        world
    }

    /// Connects as whoever has the server's first key now.
    pub(crate) fn connect_again(&mut self) {
        self.server = Server::of_the_cluster();
        self.agent = Mcp::connect(&self.server);
    }

    pub(crate) fn namespace(&self) -> String {
        format!("dp-main-{}", self.project)
    }

    /// A static site `name` that shows `text`, its repo and where it is served.
    pub(crate) fn site(&mut self, name: &str, text: &str) -> Site {
        let repo = format!("{}-{name}", self.project);
        let made = self.agent.ok("create_repo", json!({"name": repo}));
        let remote = made["git_remote"].as_str().unwrap().to_owned();
        let git = Git::init(&self.folder.path().join(&repo));
        let made = self
            .agent
            .ok("create_service", json!({"name": name, "project": self.project, "repo": repo}));
        let host = host_of(&made);
        let site = Site { host, repo, remote, git };
        site.push(text);
        site
    }

    /// A service `name` that is the workload, behaving as these variables say; returns its host.
    pub(crate) fn workload(&mut self, name: &str, variables: &[(&str, &str)]) -> String {
        self.workload_with(name, variables, &json!({}))
    }

    /// The same, with more arguments of `create_service`.
    pub(crate) fn workload_with(
        &mut self,
        name: &str,
        variables: &[(&str, &str)],
        more: &Value,
    ) -> String {
        let pairs = variables.iter().map(|(key, value)| json!({"key": key, "value": value}));
        let pairs: Vec<_> = pairs.collect();
        let image = self.server.workload();
        let mut arguments =
            json!({"name": name, "project": self.project, "image": image, "env_vars": pairs});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.agent.ok("create_service", arguments);
        host_of(&made)
    }

    /// The answer of a tool that is told of service `name` and more.
    pub(crate) fn ask(&mut self, tool: &str, name: &str, more: &Value) -> Value {
        let mut arguments = json!({"name": name, "project": self.project});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.agent.ok(tool, arguments)
    }

    /// Waits until service `name` runs as the state repo has it; fails if it is ever said to have failed.
    pub(crate) fn wait_until_active(&mut self, name: &str) -> Value {
        wait_for(&format!("{name} active"), || {
            let service = self.service(name);
            let status = &service["runtime"]["status"];
            for status in [&service["deployment"]["status"], status] {
                assert_ne!(status, "failed", "{service}");
            }
            (status == "active").then_some(service)
        })
    }

    /// The service `name`, as an agent is shown it.
    pub(crate) fn service(&mut self, name: &str) -> Value {
        self.ask("get_service", name, &json!({}))
    }

    /// Waits until the release of the service `name` is of the source commit `commit`.
    pub(crate) fn wait_until_released(&mut self, name: &str, commit: &str) {
        wait_for("the release", || {
            (self.service(name)["release"]["source_commit"] == commit).then_some(())
        });
    }

    /// Waits until the service `name` is what a word says.
    pub(crate) fn wait_until_is(&mut self, name: &str, status: &str) {
        wait_for(&format!("{name} {status}"), || {
            (self.service(name)["runtime"]["status"] == status).then_some(())
        });
    }

    /// Undoes the newest commit whose message has `text`, as an operator would.
    pub(crate) fn revert(&self, text: &str) {
        self.change_state(|state| {
            let found = state.run(&["log", "-1", "--format=%H", "--fixed-strings", "--grep", text]);
            state.run(&["revert", "--no-edit", found.trim()]);
        });
    }

    /// Pushes a change of the state repo, as an operator would, beside others who push.
    pub(crate) fn change_state(&self, change: impl FnOnce(&Git)) {
        let folder = self.folder.path().join("state");
        let state = Git::clone(&self.server.with_key("/state.git"), &folder);
        change(&state);
        wait_for("a push that nobody was ahead of", || {
            state.run(&["pull", "--quiet", "--rebase"]);
            state
                .try_run(&["push", "--quiet", "origin", "HEAD:main"])
                .status
                .success()
                .then_some(())
        });
    }
}

/// Waits until a visitor of `host` sees `text`.
pub(crate) fn wait_until_shows(host: &str, text: &str) {
    wait_for(&format!("{text:?} on {host}"), || {
        get(host).is_ok_and(|answer| answer == Answer::ok(text)).then_some(())
    });
}

/// The host of a service that was made: visitors come in by the port that it says.
fn host_of(made: &Value) -> String {
    let url = made["url"].as_str().unwrap();
    let host = url.strip_prefix("http://").and_then(|it| it.strip_suffix(&format!(":{PORT}")));
    host.unwrap_or_else(|| panic!("{url} is not where visitors come in")).to_owned()
}

/// A site that is served, and its source.
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) repo: String,
    pub(crate) remote: String,
    git: Git,
}

impl Site {
    /// Pushes a version that shows `text`.
    pub(crate) fn push(&self, text: &str) {
        self.git.write("index.html", text);
        self.git.commit(text);
        self.git.push(&self.remote);
    }

    /// The commit that was pushed last.
    pub(crate) fn head(&self) -> String {
        self.git.head()
    }

    /// Waits until a visitor sees `text`.
    pub(crate) fn wait_until_shows(&self, text: &str) {
        wait_until_shows(&self.host, text);
    }
}
