//! This very binary, serving a temporary directory.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the start and the stop may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the server logs when it is ready.
const READY: &str = "listening on ";

/// The server's process. Dropping it ends it, at once.
pub(crate) struct Server {
    binary: PathBuf,
    key_file: PathBuf,
    child: Child,
}

/// Where a server that is ready is, and the key to it.
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Server {
    pub(crate) fn spawn(folder: &Path) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?;
        let key_file = folder.join("key");
        let child = Command::new(&binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--bootstrap-key-file")
            .arg(&key_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { binary, key_file, child })
    }

    /// Waits until the server listens.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<Address> {
        let log = self.child.stderr.take().context("the server has no log")?;
        let mut lines = BufReader::new(log).lines();
        let mut said = Vec::new();
        let url = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, url)) = line.split_once(READY) {
                    return Ok(url.trim().to_owned());
                }
                said.push(line);
            }
            bail!("the server did not start:\n{}", said.join("\n"))
        })
        .await
        .context("the server took too long to start")??;
        // The log is read on, so that the server never waits for its reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let key = std::fs::read_to_string(&self.key_file)?.trim().to_owned();
        Ok(Address { url, key })
    }

    /// Runs another command of this binary and returns what it printed.
    pub(crate) async fn inkstone(&self, args: &[&str]) -> anyhow::Result<String> {
        super::shell::run(Command::new(&self.binary).args(args)).await
    }

    /// Stops the server as an operator does, and ends it where that does not help.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw).context("the server is gone")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            self.child.kill().await?;
            bail!("the server did not stop and was killed");
        };
        let status = status?;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Address {
    /// The state repo's address, with the key in it.
    pub(crate) fn state_url(&self) -> String {
        self.url.replacen("://", &format!("://x-git-token:{}@", self.key), 1) + "/state.git"
    }
}
