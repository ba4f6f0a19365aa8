//! What the process that runs everything inside was given from outside.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use super::home::Home;
use super::namespace::MEMORY;
use crate::step;

#[derive(Args)]
pub(crate) struct Inside {
    /// The cluster's directory.
    #[arg(long)]
    pub(crate) home: Home,
    /// The configuration files of the servers.
    #[arg(long)]
    pub(crate) files: PathBuf,
    /// The servers that come from Go.
    #[arg(long)]
    pub(crate) programs: PathBuf,
    /// The product.
    #[arg(long)]
    pub(crate) inkstone: PathBuf,
    /// What a user gives their ArgoCD.
    #[arg(long)]
    pub(crate) argocd: PathBuf,
    /// Use no port of the machine.
    #[arg(long)]
    pub(crate) isolated: bool,
}

impl Inside {
    /// The same, for another process.
    pub(crate) fn pass_on(&self, command: &mut Command) {
        command.arg("--home").arg(self.home.root()).arg("--files").arg(&self.files);
        command.arg("--programs").arg(&self.programs).arg("--inkstone").arg(&self.inkstone);
        command.arg("--argocd").arg(&self.argocd);
        command.args(self.isolated.then_some("--isolated"));
    }

    /// A program whose temporary files are in memory.
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("TMPDIR", format!("{MEMORY}/tmp")).env("KUBECONFIG", self.home.kubeconfig());
        command
    }

    /// A program of Kubernetes: one file has all of them.
    pub(crate) fn kubernetes(&self, name: &str) -> Command {
        let mut command = self.program(self.programs.join("kubernetes"));
        command.arg0(name);
        command
    }

    pub(crate) fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut kubectl = self.kubernetes("kubectl");
        kubectl.args(arguments);
        kubectl
    }

    /// Has the API server take what `kubectl apply` is told by `arguments`.
    pub(crate) fn apply<const N: usize>(&self, arguments: [&str; N]) -> Result<()> {
        let mut apply = self.kubectl(["apply", "--server-side", "--force-conflicts"]);
        step::quietly(apply.args(arguments))
    }
}
