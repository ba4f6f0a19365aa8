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

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) key: String,
    binary: PathBuf,
    child: Child,
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?;
        let key_file = folder.join("key");
        let mut child = Command::new(&binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--bootstrap-key-file")
            .arg(&key_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let log = child.stderr.take().context("the server has no log")?;
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
        let key = std::fs::read_to_string(&key_file)?.trim().to_owned();
        Ok(Self { url, key, binary, child })
    }

    /// The state repo's address, with the key in it.
    pub(crate) fn state_url(&self) -> String {
        self.url.replacen("://", &format!("://x-git-token:{}@", self.key), 1) + "/state.git"
    }

    /// Runs another command of this binary and returns what it printed.
    pub(crate) fn inkstone(&self, args: &[&str]) -> anyhow::Result<String> {
        super::shell::run(std::process::Command::new(&self.binary).args(args))
    }

    /// Stops the server as an operator does.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw).context("the server is gone")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status =
            timeout(PATIENCE, self.child.wait()).await.context("the server did not stop")??;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}
