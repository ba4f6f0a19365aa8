//! A server on loopback with a simple authorizer and a sink that remembers, and a git client.

use axum::serve::ListenerExt as _;
use base64::Engine as _;
use inkstone_githost::{
    Access, Authorizer, Credential, Denied, HostedRepos, Limits, Operation, Push, PushSink,
    RepoPath, router,
};
use inkstone_spec::{CommitId, RepoRef};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Notify;

/// May read and push in the workspace `main`, and the state repo.
pub(crate) const WRITER: &str = "mlg_writer";
/// May read in the workspace `main`.
pub(crate) const READER: &str = "mlg_reader";
/// May read and push in the workspace `other`.
pub(crate) const RIVAL: &str = "mlg_rival";
/// Longer than anything here takes on a slow and busy machine, shorter than anyone waits.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) struct Gate {
    repos: HostedRepos,
    state: PathBuf,
    hooks: Option<PathBuf>,
}

impl Authorizer for Gate {
    type Actor = String;

    async fn authorize(
        &self,
        credential: Option<Credential>,
        repo: &RepoPath,
        operation: Operation,
    ) -> Result<Access<String>, Denied> {
        let token = credential.ok_or(Denied::Unauthenticated)?;
        let (workspace, may_write) = match token.expose() {
            WRITER => ("main", true),
            READER => ("main", false),
            RIVAL => ("other", true),
            "mlg_lost" => return Err(Denied::Unavailable),
            _ => return Err(Denied::Unauthenticated),
        };
        let git_dir = match repo {
            RepoPath::State if workspace == "main" => self.state.clone(),
            RepoPath::Hosted(repo) if repo.workspace.as_str() == workspace => self.repos.path(repo),
            _ => return Err(Denied::NotFound),
        };
        if operation == Operation::Write && !may_write {
            let message = "This token may only read: ask for one with the scope deploy.".into();
            return Err(Denied::Forbidden { message });
        }
        Ok(Access {
            git_dir,
            hooks_dir: self.hooks.clone(),
            hook_env: vec![("INKSTONE_ACTOR".into(), token.expose().into())],
            actor: token.expose().to_owned(),
        })
    }
}

#[derive(Default)]
pub(crate) struct Sink {
    pushes: Mutex<Vec<Push<String>>>,
    changed: Notify,
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) takes: Mutex<Duration>,
    pub(crate) panics: Mutex<bool>,
}

impl Sink {
    pub(crate) fn pushes(&self) -> Vec<Push<String>> {
        self.pushes.lock().unwrap().clone()
    }

    /// Waits until there was a push.
    pub(crate) async fn pushed(&self) -> Push<String> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if let Some(push) = self.pushes().first() {
                    return push.clone();
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the sink is told")
    }

    /// The updates of the last push as `(name, old, new)`.
    pub(crate) fn last(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let text = |id: Option<CommitId>| id.map(String::from);
        let push = self.pushes().pop().expect("there was a push");
        push.updates.into_iter().map(|u| (u.name, text(u.old), text(u.new))).collect()
    }
}

impl PushSink<String> for Sink {
    async fn pushed(&self, push: Push<String>) -> Vec<String> {
        let takes = *self.takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        assert!(!*self.panics.lock().unwrap(), "told to");
        self.pushes.lock().unwrap().push(push);
        self.changed.notify_waiters();
        self.lines.lock().unwrap().clone()
    }
}

pub(crate) struct Server {
    pub(crate) dir: TempDir,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) repos: HostedRepos,
    pub(crate) sink: Arc<Sink>,
    pub(crate) app: axum::Router,
}

impl Server {
    /// A server with default limits, no hooks and the empty repositories `main/site` and
    /// `other/secret`, and an empty state repo.
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), |_| None).await
    }

    /// The same with these limits, and with the hooks that `hooks` makes in the directory it gets.
    pub(crate) async fn with(limits: Limits, hooks: impl FnOnce(&Path) -> Option<PathBuf>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repos = HostedRepos::open(dir.path().join("repos")).await.unwrap();
        for name in ["main/site", "other/secret"] {
            assert!(repos.create(&repo(name)).await.unwrap());
        }
        let state = dir.path().join("state.git");
        let init = ["init", "-q", "--bare", "--initial-branch=main"];
        Client::new().ok(dir.path(), &[&init[..], &[state.to_str().unwrap()]].concat()).await;
        let hooks = hooks(dir.path());
        let gate = Gate { repos: repos.clone(), state, hooks };
        let sink = Arc::new(Sink::default());
        let app = router(gate, Arc::clone(&sink), limits);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(axum::serve(listener, app.clone()).into_future());
        Self { dir, address, repos, sink, app }
    }

    pub(crate) fn url(&self, token: &str, path: &str) -> String {
        format!("http://x-git-token:{token}@{}/{path}", self.address)
    }

    /// The remote of `main/site` for a writer.
    pub(crate) fn site(&self) -> String {
        self.url(WRITER, "git/main/site.git")
    }

    /// The repository `main/site` on disk.
    pub(crate) fn site_dir(&self) -> PathBuf {
        self.repos.path(&repo("main/site"))
    }

    /// Where `main` of `main/site` points.
    pub(crate) async fn main(&self) -> Option<String> {
        let branch = "main".parse().unwrap();
        self.repos.branch_head(&repo("main/site"), &branch).await.unwrap().map(String::from)
    }
}

/// The header by which a client shows a token.
pub(crate) fn authorization(token: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("x-git-token:{token}"));
    format!("Basic {pair}")
}

pub(crate) fn repo(name: &str) -> RepoRef {
    name.parse().unwrap()
}

/// A git client with a home of its own.
pub(crate) struct Client {
    pub(crate) home: TempDir,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home.path())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, dir: &Path, args: &[&str]) -> Output {
        let output = self.command(dir, args).output();
        tokio::time::timeout(PATIENCE, output).await.expect("git ends").unwrap()
    }

    /// Runs git, which must succeed; returns its output trimmed.
    pub(crate) async fn ok(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.run(dir, args).await;
        assert!(output.status.success(), "git {args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs git, which must fail; returns what it said.
    pub(crate) async fn fails(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.run(dir, args).await;
        assert!(!output.status.success(), "git {args:?} succeeded: {}", stderr(&output));
        stderr(&output)
    }

    /// A new work tree on `main` with one commit of one file.
    pub(crate) async fn work_tree(&self, name: &str) -> PathBuf {
        let dir = self.home.path().join(name);
        self.ok(self.home.path(), &["init", "-q", "--initial-branch=main", name]).await;
        self.commit(&dir, "index.html", name.as_bytes()).await;
        dir
    }

    /// Commits one file; returns the commit.
    pub(crate) async fn commit(&self, dir: &Path, file: &str, content: &[u8]) -> String {
        std::fs::write(dir.join(file), content).unwrap();
        self.ok(dir, &["add", "--", file]).await;
        self.ok(dir, &["commit", "-q", "-m", file]).await;
        self.ok(dir, &["rev-parse", "HEAD"]).await
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes an executable hook.
pub(crate) fn hook(dir: &Path, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let hooks = dir.join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    std::fs::write(hooks.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(hooks.join(name), mode).unwrap();
    hooks
}

/// Waits for a condition that nothing announces.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Bytes that do not compress.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(length)
    .collect()
}
