//! The process outside that the cluster lives by: it makes the namespaces and holds the ports. Whatever ends
//! it ends everything, because each process dies with the one that started it.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::control_plane::API;
use super::inside::Inside;
use super::namespace::local;
use super::product::{INGRESS, SERVE};
use super::wait;

/// The ports of the machine that lead to the same ones inside.
const PORTS: [u16; 3] = [SERVE, INGRESS, API];

/// How long the kernel may take to make namespaces.
const NAMESPACES: Duration = Duration::from_secs(10);

/// How often is looked whether the cluster still is, and still is to be.
const LOOK: Duration = Duration::from_secs(1);

/// The first process in the namespace of processes: it runs the one that it is given, and buries those
/// whose parents died.
const INIT: &str = r#""$@"; exit $?"#;

/// Keeps the cluster for as long as the process that supervises it lives.
pub(crate) fn keep(inside: &Inside) -> Result<()> {
    let held = inside.home.hold()?;
    let ports = if inside.isolated { Vec::new() } else { listeners()? };
    let this = env::current_exe()?;
    let mut unshare = dies_with_this("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    unshare.args(["sh", "-c", INIT, "init"]).arg(&this).args(["cluster", "supervise"]);
    inside.pass_on(&mut unshare);
    let mut child = unshare.stdin(Stdio::null()).spawn().context("cannot start setpriv")?;
    let network = network_of(child.id())?;
    inside.home.name_namespaces(child.id(), &network)?;
    for (listener, address) in ports {
        let mut forward = dies_with_this("nsenter");
        forward.arg(format!("--net=/proc/{}/ns/net", child.id())).arg(&this);
        forward.args(["cluster", "forward", &address.to_string()]);
        forward.stdin(OwnedFd::from(listener)).spawn()?;
    }
    loop {
        if let Some(status) = child.try_wait()? {
            drop(held);
            bail!("the cluster ended ({status})");
        }
        if !inside.home.is_of(&held) {
            // Nobody could find it any more, to end it.
            child.kill()?;
        }
        thread::sleep(LOOK);
    }
}

/// Listens on the machine's ports.
fn listeners() -> Result<Vec<(TcpListener, SocketAddr)>> {
    let listen = |port| {
        let listener = TcpListener::bind(local(port)).with_context(|| {
            format!(
                "port {port} of this machine is taken: free it, or `cargo xtask cluster up --isolated` \
                 and reach the cluster by `cargo xtask cluster exec`"
            )
        })?;
        Ok((listener, local(port)))
    };
    PORTS.into_iter().map(listen).collect()
}

/// `program`, which the kernel kills when this process is gone.
fn dies_with_this(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]);
    command
}

/// How the kernel calls the network of process `process`, once that has left ours.
fn network_of(process: u32) -> Result<String> {
    let name = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
    let ours = name("self")?;
    let mut theirs = ours.clone();
    wait::until("namespaces of its own", NAMESPACES, || {
        theirs = name(&process.to_string()).context("the cluster ended at once")?;
        Ok(theirs != ours)
    })?;
    Ok(theirs.display().to_string())
}
