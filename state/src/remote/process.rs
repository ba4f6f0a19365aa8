//! The `git` processes that speak with the remote: what they are told, and how they end.

use super::RemoteUrl;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a process may still take once nobody wants to wait any more.
const LAST_TIME: Duration = Duration::from_secs(3);
/// How often is looked whether that is so.
const TICK: Duration = Duration::from_millis(100);
/// What is kept of what git says, in bytes, of each stream.
const MAX_SAID_BYTES: u64 = 64 * 1024;
/// How long git has to clear up once it was asked to stop.
const GRACE: Duration = Duration::from_secs(2);

/// What git may see of this process's environment: where programs are, how the network is reached, and
/// the operator's ssh keys.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Asks for nothing, leaves nothing running, and says when the other side is silent.
const SSH: &str = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 \
                   -o ServerAliveCountMax=2 -o ControlMaster=no -o ControlPath=none";

/// Settings of every command. The command line outranks the repository's own configuration.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=committed,reference",
    "core.fsyncMethod=batch",
    "core.askPass=",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",
    "gc.auto=0",
    // The state goes to the host that was named, and to no other that it names.
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=10",
    "maintenance.auto=false",
    "pack.threads=1",
    "protocol.allow=never",
    "push.gpgSign=false",
];

/// How far a command may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long it may take.
    pub(crate) time: Duration,
    /// The size of the largest file that it may write: what it fetches is one.
    pub(super) max_bytes: u64,
}

impl Bounds {
    /// For a command that writes no large file.
    pub(super) fn time(time: Duration) -> Self {
        Self { time, max_bytes: u64::MAX }
    }

    /// The same, in no more than `time`.
    pub(crate) fn within(self, time: Duration) -> Self {
        Self { time: self.time.min(time), ..self }
    }
}

/// Whether this process is about to end, and since when.
#[derive(Default)]
pub(super) struct Ending(OnceLock<Instant>);

impl Ending {
    pub(super) fn begin(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Until when something may take that began at `start` and has `time`.
    fn end(&self, start: Instant, time: Duration) -> Instant {
        let end = start + time;
        self.0.get().map_or(end, |since| end.min(start.max(*since) + LAST_TIME))
    }
}

/// What a command came to.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A git command in a bare repository that reads nobody's configuration but that repository's, runs no
/// hook and asks nobody.
pub(super) fn local(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSH_COMMAND", SSH)
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .current_dir("/");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    let mut safe = std::ffi::OsString::from("safe.directory=");
    safe.push(git_dir);
    command.arg("-c").arg(safe).arg("--git-dir").arg(git_dir);
    command
}

/// The same, for a command that speaks with `url` alone, with the credentials of a file in the format of
/// git-credential-store(1). The file is only read: what a host refuses is not erased from it.
pub(super) fn remote(git_dir: &Path, url: &RemoteUrl, credentials: Option<&Path>) -> Command {
    let mut command = local(git_dir);
    command.args(["-c", &format!("protocol.{}.allow=always", url.protocol())]);
    if let Some(file) = credentials {
        let file = file.display().to_string().replace('\'', r"'\''");
        let get = format!("test \"$1\" = get && git credential-store --file='{file}' get");
        command.args(["-c", &format!("credential.helper=!f() {{ {get}; }}; f")]);
    }
    command
}

/// Runs a command to its end, within `bounds`; otherwise, or where it cannot be run, says why not. What it
/// started ends with it.
pub(super) fn run(mut command: Command, bounds: Bounds, ending: &Ending) -> Result<Ended, String> {
    let failed = |error: std::io::Error| format!("git could not be run: {error}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    if bounds.max_bytes < u64::MAX {
        // It has asked nobody for anything yet. Where it has ended already there is nothing to bound.
        let limit = Rlimit { current: Some(bounds.max_bytes), maximum: Some(bounds.max_bytes) };
        let _ = prlimit(pid(&child), Resource::Fsize, limit);
    }
    let stdout = child.stdout.take().map(read_apart);
    let stderr = child.stderr.take().map(read_apart);
    let start = Instant::now();
    let said = |stream: Option<Receiver<String>>| {
        let Some(stream) = stream else { return Some(String::new()) };
        loop {
            let end = ending.end(start, bounds.time);
            let left = end.saturating_duration_since(Instant::now());
            match stream.recv_timeout(left.min(TICK)) {
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                said => return said.ok(),
            }
        }
    };
    let (Some(stdout), Some(stderr)) = (said(stdout), said(stderr)) else {
        let waited = start.elapsed().as_secs();
        stop(&mut child).map_err(failed)?;
        return Err(format!("no answer within {waited} seconds"));
    };
    // Both streams are closed: it has ended, or is about to.
    let status = child.wait().map_err(failed)?;
    Ok(Ended { code: status.code(), stdout, stderr })
}

/// Reads a stream to its end in a thread of its own; what is too long is dropped.
fn read_apart(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut start = Vec::new();
        // A stream that breaks off has said what it has said.
        let _ = (&mut stream).take(MAX_SAID_BYTES).read_to_end(&mut start);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        let _ = sender.send(String::from_utf8_lossy(&start).into_owned());
    });
    receiver
}

/// Ends the process and its group. First politely: git then removes its lock files.
fn stop(child: &mut Child) -> std::io::Result<()> {
    let group = pid(child);
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(group) = group {
            // A group that is gone already is what we want.
            let _ = kill_process_group(group, signal);
        }
        let end = Instant::now() + GRACE;
        while Instant::now() < end {
            if child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(GRACE / 100);
        }
    }
    Ok(())
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
