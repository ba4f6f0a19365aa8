//! Ends a cluster, or what is left of one, and leaves nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::process::{Signal, kill_process};

use super::home::Home;
use super::namespace;
use super::wait;
use crate::step;
use crate::workspace::Workspace;

/// How long the kernel may take to end the processes and to take down mounts and network.
const END: Duration = Duration::from_secs(30);

/// Ends every cluster of the workspace: also one of a run that was cut off.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    let homes = [Home::of(workspace), Home::of_a_run(workspace)];
    homes.iter().map(down).fold(Ok(()), Result::and)
}

/// Ends everything in `home`; fine where there is nothing.
pub(crate) fn down(home: &Home) -> Result<()> {
    if !home.root().exists() {
        return Ok(());
    }
    step::timed("down", || {
        if home.is_held()? {
            match kill_process(home.keeper()?, Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => return Err(error).context("cannot end the cluster's keeper"),
            }
            wait::until("the end of the cluster's keeper", END, || Ok(!home.is_held()?))?;
        }
        if let Some((_, network)) = home.namespaces() {
            wait::until("the end of the cluster's processes", END, || Ok(!is_used(&network)?))?;
        }
        for hierarchy in namespace::hierarchies()? {
            let cgroup = hierarchy.join(home.cgroup());
            wait::until("the end of the pods", END, || Ok(remove_cgroup(&cgroup).is_ok()))?;
        }
        fs::remove_dir_all(home.root()).with_context(|| home.root().display().to_string())
    })
}

/// Whether a process is in the network that the kernel calls `network`.
fn is_used(network: &str) -> Result<bool> {
    for process in fs::read_dir("/proc")? {
        // One that ended in between has none.
        let theirs = fs::read_link(process?.path().join("ns/net")).unwrap_or_default();
        if theirs == Path::new(network) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a cgroup and those below it. Their files are the kernel's and go with them.
fn remove_cgroup(cgroup: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(cgroup) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}
