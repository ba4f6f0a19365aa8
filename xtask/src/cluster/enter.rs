//! What one does with a cluster that is up: run something in it, stop and start a part of it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::component::{READY, STOPPED};
use super::home::Home;
use super::wait;
use crate::step;
use crate::workspace::Workspace;

/// How long a component may take to stop or to be ready.
const CHANGE: Duration = Duration::from_mins(2);

/// Runs a command inside, here, with `kubectl` at hand.
pub(crate) fn exec(workspace: &Workspace, command: &[OsString]) -> Result<()> {
    let home = up(workspace)?;
    step::run_last("exec", inside(&home)?.args(command))
}

/// `nsenter`, to be given a command.
pub(crate) fn inside(home: &Home) -> Result<Command> {
    let Some((process, _)) = home.namespaces() else { bail!("the cluster is not up") };
    let mut path = vec![home.commands()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut nsenter = Command::new("nsenter");
    nsenter.arg(format!("--net=/proc/{process}/ns/net"));
    nsenter.arg(format!("--mount=/proc/{process}/ns/mnt"));
    // The process itself is outside; those that it starts are inside.
    nsenter.arg(format!("--pid=/proc/{process}/ns/pid_for_children"));
    // A folder that is opened before would be one of the mounts outside.
    nsenter.arg("env").arg("--chdir").arg(env::current_dir()?);
    nsenter.env("KUBECONFIG", home.kubeconfig()).env("INKSTONE_CLUSTER", home.root());
    nsenter.env("PATH", env::join_paths(path)?);
    Ok(nsenter)
}

/// Has a component stand still until [`start`].
pub(crate) fn stop(workspace: &Workspace, name: &str) -> Result<()> {
    let home = with_component(workspace, name)?;
    fs::write(home.stopped(name), "")?;
    await_state(&home, name, STOPPED)
}

/// Has it run again, and returns when it is ready.
pub(crate) fn start(workspace: &Workspace, name: &str) -> Result<()> {
    let home = with_component(workspace, name)?;
    if home.stopped(name).exists() {
        fs::remove_file(home.stopped(name))?;
    }
    await_state(&home, name, READY)
}

fn await_state(home: &Home, name: &str, state: &str) -> Result<()> {
    let what = format!("{name} {state}");
    wait::until(&what, CHANGE, || Ok(fs::read_to_string(home.state(name))? == state))?;
    step::say(&format!("✓ {what}"));
    Ok(())
}

fn with_component(workspace: &Workspace, name: &str) -> Result<Home> {
    let home = up(workspace)?;
    if !home.state(name).exists() {
        let mut names = Vec::new();
        for entry in fs::read_dir(home.states())? {
            names.push(entry?.file_name().display().to_string());
        }
        names.sort();
        bail!("no component is called {name}; there are {}", names.join(", "));
    }
    Ok(home)
}

/// The directory of the cluster that is up.
pub(crate) fn up(workspace: &Workspace) -> Result<Home> {
    let home = Home::of(workspace);
    if !home.is_held()? || !home.ready().exists() {
        bail!("the cluster is not up: `cargo xtask cluster up` starts it");
    }
    Ok(home)
}
