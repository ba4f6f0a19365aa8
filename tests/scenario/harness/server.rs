//! The real binary, serving a temporary directory.

use super::{Git, wait_for};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

pub(crate) struct Server {
    folder: TempDir,
    child: Child,
    log: Receiver<String>,
    pub(crate) url: String,
    pub(crate) key: String,
    /// Whether the data is on a disk that only the server has.
    own_disk: bool,
}

/// Mounts a small disk on its first argument, then becomes the rest of them.
const ON_A_SMALL_DISK: &str = r#"mount -t tmpfs -o size=48m none "$0" && exec "$@""#;

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with environment variables.
    pub(crate) fn start_with(env: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("inkstone-test-").tempdir().unwrap();
        let mut program = binary();
        program.envs(env.iter().copied());
        Self::spawned(folder, program, false)
    }

    /// One whose data directory is on a disk of 48 MiB that ends with it.
    pub(crate) fn start_on_a_small_disk() -> Self {
        let folder = tempfile::Builder::new().prefix("inkstone-test-").tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut program = Command::new("unshare");
        program.args(["--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK]);
        program.arg(data).arg(binary().get_program());
        Self::spawned(folder, program, true)
    }

    fn spawned(folder: TempDir, program: Command, own_disk: bool) -> Self {
        let (child, log, url) = spawn(program, folder.path(), "127.0.0.1:0", &[]);
        let key = std::fs::read_to_string(folder.path().join("key")).unwrap().trim().to_owned();
        Self { folder, child, log, url, key, own_disk }
    }

    /// Runs a command where the server is, with its disk.
    pub(crate) fn inside(&self, args: &[&str]) {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--mount", "--preserve-credentials", "--target"]);
        let output = command.arg(self.child.id().to_string()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        let data = self.folder.path().join("data");
        if self.own_disk {
            // What the server sees, and nobody else does.
            PathBuf::from(format!("/proc/{}/root{}", self.child.id(), data.display()))
        } else {
            data
        }
    }

    /// The first line of the log that has `text`; lines before it are dropped.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        loop {
            let line =
                self.log.recv_timeout(super::PATIENCE).expect("the log ended or fell silent");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Drops what the log said so far.
    pub(crate) fn forget_log(&self) {
        while self.log.try_recv().is_ok() {}
    }

    /// What the log said since it was last looked at.
    pub(crate) fn log_so_far(&self) -> String {
        self.log.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the server as an operator does; it must end well.
    pub(crate) fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let child = &mut self.child;
        let status = wait_for("the server's end", || child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }

    /// What the log said since it was last looked at, to its end.
    pub(crate) fn rest_of_log(&self) -> String {
        self.log.iter().collect::<Vec<_>>().join("\n")
    }

    /// Starts the server again on the same directory and address.
    pub(crate) fn start_again(&mut self) {
        self.start_again_with(&[]);
    }

    /// The same, with environment variables.
    pub(crate) fn start_again_with(&mut self, env: &[(&str, &str)]) {
        let address = self.url.strip_prefix("http://").unwrap().to_owned();
        let (child, log, url) = spawn(binary(), self.folder.path(), &address, env);
        self.child = child;
        self.log = log;
        assert_eq!(url, self.url);
    }

    /// A clone of the state repo, for an operator.
    pub(crate) fn clone_state(&self, name: &str) -> Git {
        Git::clone(&self.with_credential(&self.key, "/state.git"), &self.folder().join(name))
    }

    pub(crate) fn with_credential(&self, credential: &str, path: &str) -> String {
        format!("{}{path}", self.url.replacen("://", &format!("://x-git-token:{credential}@"), 1))
    }

    /// The state repo on disk, to look at with git.
    pub(crate) fn state(&self) -> Git {
        Git::at(&self.data().join("state.git"))
    }

    /// Another command of the binary, on this server's directory.
    pub(crate) fn inkstone(&self, args: &[&str]) -> Output {
        binary().args(args).env("INKSTONE_DATA", self.data()).output().unwrap()
    }

    /// What a command of the binary prints; it must do well.
    pub(crate) fn inkstone_ok(&self, args: &[&str]) -> String {
        let output = self.inkstone(args);
        let (said, failed) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "inkstone {args:?}: {said}{failed}");
        said
    }

    /// The body of a page, without a credential.
    pub(crate) fn get(&self, path: &str) -> String {
        self.request(path).1
    }

    /// The status of a page, without a credential.
    pub(crate) fn status(&self, path: &str) -> u16 {
        self.request(path).0
    }

    fn request(&self, path: &str) -> (u16, String) {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    pub(crate) fn verify(&self) -> String {
        self.inkstone_ok(&[
            "verify",
            "--repo",
            &self.data().join("state.git").display().to_string(),
        ])
    }
}

impl Drop for Server {
    /// Whatever a scenario did, the laws hold over all of history.
    fn drop(&mut self) {
        if self.own_disk && !std::thread::panicking() {
            let state = self.folder.path().join("data/state.git").display().to_string();
            let binary = env!("CARGO_BIN_EXE_inkstone");
            self.inside(&[binary, "verify", "--repo", &state]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.own_disk && !std::thread::panicking() {
            self.verify();
        }
    }
}

pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_inkstone"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(clippy::zombie_processes, reason = "whoever gets the child waits for it")]
fn spawn(
    mut program: Command,
    folder: &Path,
    listen: &str,
    env: &[(&str, &str)],
) -> (Child, Receiver<String>, String) {
    let mut child = program
        .args(["serve", "--listen", listen, "--data"])
        .arg(folder.join("data"))
        .arg("--bootstrap-key-file")
        .arg(folder.join("key"))
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let (sender, log) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // Captured by the test runner; shown when the test fails.
            say(&line);
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut said = Vec::new();
    loop {
        let line = log.recv_timeout(super::PATIENCE).unwrap_or_else(|_| {
            panic!("the server did not start (is `cargo xtask build` done?):\n{}", said.join("\n"))
        });
        if let Some((_, url)) = line.split_once("listening on ") {
            let url = url.trim().to_owned();
            return (child, log, url);
        }
        said.push(line);
    }
}

#[expect(clippy::print_stderr, reason = "the test runner captures it")]
fn say(line: &str) {
    eprintln!("server: {line}");
}
