//! The real git, in a folder of the demo, with an identity of the demo's own.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use tokio::process::Command;

pub(crate) struct Git {
    folder: PathBuf,
}

impl Git {
    pub(crate) async fn init(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let git = Self { folder: folder.to_owned() };
        git.run(&["init", "--quiet", "--initial-branch", "main"]).await?;
        git.introduce("An agent", "agent@example.com").await
    }

    pub(crate) async fn clone(url: &str, folder: &Path) -> anyhow::Result<Self> {
        run(Command::new("git").args(["clone", "--quiet", url]).arg(folder)).await?;
        Self { folder: folder.to_owned() }.introduce("An operator", "operator@example.com").await
    }

    async fn introduce(self, name: &str, email: &str) -> anyhow::Result<Self> {
        self.run(&["config", "user.name", name]).await?;
        self.run(&["config", "user.email", email]).await?;
        self.run(&["config", "commit.gpgsign", "false"]).await?;
        Ok(self)
    }

    pub(crate) async fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        run(Command::new("git").arg("-C").arg(&self.folder).args(args)).await
    }

    /// Pushes the branch and returns what the server said.
    pub(crate) async fn push(&self, remote: &str) -> anyhow::Result<String> {
        let said = self.run(&["push", remote, "HEAD:main"]).await?;
        let remote: Vec<&str> = said.lines().filter(|line| line.starts_with("remote:")).collect();
        Ok(remote.join("\n"))
    }

    pub(crate) async fn head(&self) -> anyhow::Result<String> {
        Ok(self.run(&["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    pub(crate) fn join(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    pub(crate) fn path(&self) -> String {
        self.folder.display().to_string()
    }
}

/// Runs a command to its end and returns what it printed, errors too.
pub(crate) async fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_PAGER", "cat")
        .env("LC_ALL", "C")
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run a command: is git installed?")?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // What is run may have a token in its arguments, so only what it said is told.
        bail!("a command failed ({}):\n{said}", output.status);
    }
    Ok(said)
}
