//! `inkstone serve`, as an operator starts, stops and loses it.

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the server logs when it is ready.
const READY: &str = "listening on http://";
/// Listen wherever there is room.
pub(crate) const ANYWHERE: &str = "127.0.0.1:0";

/// The program `name` in the directory of this one: cargo builds them side by side.
pub fn beside_this_program(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let path = this.parent().unwrap_or(Path::new("/")).join(name);
    anyhow::ensure!(
        path.is_file(),
        "{} is missing: `cargo xtask build --release` makes it",
        path.display()
    );
    Ok(path)
}

/// Where a server lives: its binary, and a folder with its data and its first key.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
}

impl Home {
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.data().join("state.git")
    }

    /// The hosted repository `name` of a workspace.
    pub(crate) fn repo(&self, workspace: &str, name: &str) -> PathBuf {
        self.data().join("repos").join(workspace).join(format!("{name}.git"))
    }
}

/// A server that runs.
pub(crate) struct Server {
    /// `127.0.0.1:8787`.
    pub(crate) address: String,
    /// The key of the first start.
    pub(crate) key: String,
    /// From the start of the process until it listened.
    pub(crate) took: Duration,
    child: Child,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(home: &Home, listen: &str, options: &[&str]) -> anyhow::Result<Self> {
        let key_file = home.folder.join("key");
        let started = Instant::now();
        let mut child = Command::new(&home.binary)
            .args(["serve", "--listen", listen, "--data"])
            .arg(home.data())
            .arg("--bootstrap-key-file")
            .arg(&key_file)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let log = child.stderr.take().context("the server has no log")?;
        let mut lines = BufReader::new(log).lines();
        let mut said = Vec::new();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(READY) {
                    return Ok(address.trim().to_owned());
                }
                said.push(line);
            }
            bail!("the server did not start:\n{}", said.join("\n"))
        })
        .await
        .context("the server took too long to start")??;
        let took = started.elapsed();
        // The log is read on, so that the server never waits for its reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let key = std::fs::read_to_string(&key_file)?.trim().to_owned();
        Ok(Self { address, key, took, child })
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server is gone")
    }

    /// Ends it as a power cut would; an error if it had ended by itself.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended by itself: {status}");
        }
        Ok(self.child.kill().await?)
    }

    /// Stops it as an operator does; it must end well.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()?)?).context("the server is gone")?;
        kill_process(pid, Signal::TERM)?;
        let status =
            timeout(PATIENCE, self.child.wait()).await.context("the server did not stop")??;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}
