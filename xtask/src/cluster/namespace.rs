//! The inside: mounts and a network that nobody else sees, made by the first process in it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::inside::Inside;
use crate::step;

/// What the cluster keeps in memory.
pub(crate) const MEMORY: &str = "/run/inkstone";
/// The node's address. The kubelet refuses a loopback one.
pub(crate) const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1));
/// Where the network addresses of Services come from; also in the API server's certificate.
pub(crate) const SERVICES: &str = "10.96.0.0/16";
/// Where those of pods come from: see `cni/pods.conflist`.
pub(crate) const PODS: &str = "10.244.0.0/16";

const CGROUPS: &str = "/sys/fs/cgroup";

/// What the kubelet would set for the whole machine, and the values it wants to see.
const TUNABLES: &[(&str, &str)] = &[
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// An address that only the node itself reaches.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// Makes mounts, network and cgroups.
pub(crate) fn prepare(inside: &Inside) -> Result<()> {
    mounts()?;
    // The servers' files name each other by this path.
    symlink(&inside.files, Path::new(MEMORY).join("files"))?;
    network()?;
    for hierarchy in hierarchies()? {
        fs::create_dir_all(hierarchy.join(inside.home.cgroup()))?;
    }
    Ok(())
}

/// Nothing is written below /run and /var of the machine, whoever would.
fn mounts() -> Result<()> {
    run("mount --types tmpfs --options mode=755 tmpfs /run")?;
    for folder in ["netns", "inkstone/tmp", "inkstone/var", "inkstone/work", "inkstone/tunables"] {
        fs::create_dir_all(Path::new("/run").join(folder))?;
    }
    run(
        "mount --types overlay --options lowerdir=/var,upperdir=/run/inkstone/var,workdir=/run/inkstone/work overlay /var",
    )?;
    for (name, value) in TUNABLES {
        let shown = format!("{MEMORY}/tunables/{}", name.replace('/', "-"));
        fs::write(&shown, format!("{value}\n"))?;
        run(&format!("mount --bind {shown} /proc/sys/{name}"))?;
    }
    Ok(())
}

fn network() -> Result<()> {
    run("ip link set lo up")?;
    run("ip link add node type bridge")?;
    run(&format!("ip address add {NODE}/24 dev node"))?;
    run("ip link set node up")?;
    // Without a route a connection to a Service fails before kube-proxy's rules are asked.
    run(&format!("ip route add {SERVICES} dev node"))?;
    Ok(fs::write("/proc/sys/net/ipv4/ip_forward", "1")?)
}

/// The roots of the machine's cgroups: one, or one for each controller.
pub(crate) fn hierarchies() -> Result<Vec<PathBuf>> {
    let is_root = |folder: &Path| folder.join("cgroup.procs").exists();
    if is_root(Path::new(CGROUPS)) {
        return Ok(vec![CGROUPS.into()]);
    }
    let mut roots = Vec::new();
    for entry in fs::read_dir(CGROUPS)? {
        roots.extend(Some(entry?.path()).filter(|folder| is_root(folder)));
    }
    Ok(roots)
}

/// Runs a line of words without spaces in them.
fn run(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    step::read(command.args(words)).map(drop)
}
