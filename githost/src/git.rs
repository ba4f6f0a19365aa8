//! The `git` processes: what they may read, what they are told, and how they end.

use rustix::process::{
    Pid, Resource, Rlimit, Signal, kill_process_group, prlimit, setpriority_pgrp,
};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// What is kept of a process's standard error, for the log.
const MAX_STDERR_BYTES: u64 = 16 * 1024;
/// How long the end of standard error is waited for once the process has ended: something that it
/// started may hold it open.
const STDERR_TIME: Duration = Duration::from_secs(1);

/// The address space of one git process. Packs and large files are read through windows much smaller
/// than this.
const MAX_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// The niceness of work that nobody waits for (nice(1)).
const NICE: i32 = 10;

/// Settings for every git process. The command line outranks a repository's own configuration.
const SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "core.packedGitWindowSize=32m",
    "core.packedGitLimit=256m",
    "core.bigFileThreshold=16m",
    "receive.unpackLimit=1",
    "protocol.allow=never",
];

/// What git repeats of the system's words (strerror(3), in the C locale), and what they mean.
const DISK_SAYS: &[(&str, io::ErrorKind)] = &[
    ("No space left on device", io::ErrorKind::StorageFull),
    ("Disk quota exceeded", io::ErrorKind::QuotaExceeded),
    ("Read-only file system", io::ErrorKind::ReadOnlyFilesystem),
];

/// A git command that reads no configuration but the repository's own, runs no hook (unless
/// `core.hooksPath` is set again), knows no home and inherits nothing from this process but `PATH`.
pub(crate) fn command(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    setting(&mut command, "safe.directory", git_dir);
    setting(&mut command, "core.hooksPath", Path::new("/dev/null"));
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
}

/// Adds `-c key=value`; the last one of a key counts.
pub(crate) fn setting(command: &mut Command, key: &str, value: impl AsRef<OsStr>) {
    let mut argument = std::ffi::OsString::from(key);
    argument.push("=");
    argument.push(value);
    command.arg("-c").arg(argument);
}

/// Runs a git command that prints little, to its end, and returns what it printed.
pub(crate) async fn output(command: Command, time: Duration) -> io::Result<Vec<u8>> {
    let output = run(command, time).await?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed(&output)) }
}

/// The same, of a command that ends with 1 where it finds nothing: then `None`.
pub(crate) async fn find(command: Command, time: Duration) -> io::Result<Option<Vec<u8>>> {
    let output = run(command, time).await?;
    match output.status.code() {
        Some(0) => Ok(Some(output.stdout)),
        Some(1) => Ok(None),
        _ => Err(failed(&output)),
    }
}

async fn run(mut command: Command, time: Duration) -> io::Result<Output> {
    tokio::time::timeout(time, command.output()).await?
}

fn failed(output: &Output) -> io::Error {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = DISK_SAYS.iter().find(|(words, _)| stderr.contains(words));
    let kind = said.map_or(io::ErrorKind::Other, |(_, kind)| *kind);
    io::Error::new(kind, format!("git ended with {}: {}", output.status, stderr.trim()))
}

/// A running git service. It leads a process group of its own, so that stopping it stops what it
/// started: index-pack, pack-objects, hooks.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: JoinHandle<String>,
}

impl Process {
    /// Starts the command with all three standard streams piped.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        bound_memory(&child);
        let missing = || io::Error::other("a standard stream of git is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        Ok(Self { child, stdin, stdout, stderr: tokio::spawn(keep_start(stderr)) })
    }
}

/// The number of the process, and of the group that it leads, until it has ended.
fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Keeps the process and what it starts from taking all memory: a small pack may hold an object of
/// gigabytes. Nothing has been sent to it yet, so it has started nothing.
fn bound_memory(child: &Child) {
    let limit = Rlimit { current: Some(MAX_MEMORY_BYTES), maximum: Some(MAX_MEMORY_BYTES) };
    if let Some(pid) = pid(child)
        && let Err(error) = prlimit(Some(pid), Resource::As, limit)
    {
        tracing::warn!(%error, "the memory of a git process could not be bounded");
    }
}

/// Lets the process, and what it starts from now on, have the processor when nobody else wants it.
pub(crate) fn lower_priority(child: &Child) {
    if let Some(group) = pid(child)
        && let Err(error) = setpriority_pgrp(Some(group), NICE)
    {
        tracing::warn!(%error, "the priority of a git process could not be lowered");
    }
}

/// Ends the process and its group. First politely: git then removes its lock files, which nobody else
/// would.
pub(crate) async fn stop(child: &mut Child, grace: Duration) -> io::Result<ExitStatus> {
    let Some(group) = pid(child) else { return child.wait().await };
    // A group that is gone already is what we want.
    let _ = kill_process_group(group, Signal::TERM);
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status;
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().await
}

/// What the process said on standard error, to be logged and never shown to a client.
pub(crate) async fn stderr(mut handle: JoinHandle<String>) -> String {
    let said = tokio::time::timeout(STDERR_TIME, &mut handle).await;
    handle.abort();
    said.map_or_else(|_| String::new(), Result::unwrap_or_default)
}

async fn keep_start(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut start = Vec::new();
    let _ = (&mut stderr).take(MAX_STDERR_BYTES).read_to_end(&mut start).await;
    // The rest is read and dropped: a full pipe would stall git.
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&start).trim().to_owned()
}
