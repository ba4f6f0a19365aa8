//! Starts a cluster from nothing.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::home::Home;
use super::inside::Inside;
use super::wait::TICK;
use super::{down, image, programs};
use crate::build::{self, Profile};
use crate::workspace::Workspace;
use crate::{setup, step};

/// The configuration of the servers, from the root of the workspace.
const FILES: &str = "tests/e2e/cluster";
/// What a user gives their ArgoCD, from there.
const ARGOCD: &str = "argocd";

/// What is the cluster's own inside: nobody outside would see what is written there.
const HIDDEN: [&str; 2] = ["/run", "/var"];

/// How long a start may take, most of it ArgoCD's.
const START: Duration = Duration::from_mins(10);

/// Builds the product and starts a person's cluster, unless it is up, and returns when everything is ready.
pub(crate) fn up(workspace: &Workspace, isolated: bool) -> Result<()> {
    let home = Home::of(workspace);
    if !home.is_held()? {
        possible(workspace)?;
        build::build(workspace, Profile::Dev)?;
        start_as_built(workspace, &home, isolated, Profile::Dev)?;
    }
    // Of one that has been up for a while nobody wants to read how it began.
    if !home.ready().exists() {
        follow(&home)?;
    }
    step::say(&format!("\n{}", fs::read_to_string(home.ready())?));
    Ok(())
}

/// Starts a cluster in `home` with a product that is built already, and without a port of this machine.
pub(crate) fn up_as_built(workspace: &Workspace, home: &Home, profile: Profile) -> Result<()> {
    start_as_built(workspace, home, true, profile)?;
    follow(home)
}

fn start_as_built(
    workspace: &Workspace,
    home: &Home,
    isolated: bool,
    profile: Profile,
) -> Result<()> {
    setup::cluster_packages()?;
    let programs = programs::programs(workspace)?;
    down::down(home)?;
    home.make()?;
    symlink(programs.join("kubernetes"), home.commands().join("kubectl"))?;
    image::make(workspace, home)?;
    start(&Inside {
        home: home.clone(),
        files: workspace.root().join(FILES),
        programs,
        inkstone: workspace.target().join(profile.folder()).join("inkstone"),
        argocd: workspace.root().join(ARGOCD),
        isolated,
    })
}

/// Whether this machine can have a cluster.
///
/// # Errors
/// The message says what the machine or the caller lacks.
pub(crate) fn possible(workspace: &Workspace) -> Result<()> {
    let target = workspace.target();
    if let Some(hidden) = HIDDEN.iter().find(|hidden| target.starts_with(hidden)) {
        bail!(
            "inside a cluster {hidden} is another one than outside, and {} is in it: set CARGO_TARGET_DIR to a folder elsewhere",
            target.display()
        );
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--mount-proc"]);
    unshare.args(["mount", "--types", "tmpfs", "tmpfs", "/run"]);
    if !setup::is_root()? || !step::succeeds(&mut unshare) {
        bail!(
            "a cluster needs root on a Linux where it may make network, mount and process namespaces \
             (CAP_SYS_ADMIN and CAP_NET_ADMIN): run this as root, in a container with --privileged"
        );
    }
    Ok(())
}

/// Starts the keeper, which outlives this process.
fn start(inside: &Inside) -> Result<()> {
    let log = File::options().create(true).append(true).open(inside.home.progress())?;
    let mut keeper = Command::new(env::current_exe()?);
    keeper.args(["cluster", "keep"]);
    inside.pass_on(&mut keeper);
    keeper.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    let mut keeper = keeper.spawn()?;
    // Until then it might be taken for one that ended.
    while !inside.home.is_held()? && keeper.try_wait()?.is_none() {
        thread::sleep(TICK);
    }
    Ok(())
}

/// Shows what the keeper says until the cluster is ready.
fn follow(home: &Home) -> Result<()> {
    let mut log = File::open(home.progress()).context("the cluster has no log")?;
    let start = Instant::now();
    loop {
        // Asked before the log is read: what leads to the answer is in it.
        let (ready, held) = (home.ready().exists(), home.is_held()?);
        let mut news = String::new();
        log.read_to_string(&mut news)?;
        if !news.is_empty() {
            step::say(news.trim_end());
        }
        if !held {
            let logs = home.logs();
            bail!(
                "the cluster did not start: its logs are in {}, until `cargo xtask cluster down`",
                logs.display()
            );
        }
        if ready {
            return Ok(());
        }
        if start.elapsed() > START {
            bail!("the cluster is not ready within {} min", START.as_secs() / 60);
        }
        thread::sleep(TICK);
    }
}
