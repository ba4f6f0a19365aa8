//! Installs what the tests need and the toolchain does not bring.

use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{cluster, step, tools};

/// A package of the system, by Debian's name for it, and a command that works once it is there.
struct Package {
    name: &'static str,
    probe: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package { name: "binutils", probe: &["readelf", "--version"] },
    Package { name: "docker-registry", probe: &["docker-registry", "--version"] },
    Package { name: "git", probe: &["git", "--version"] },
    Package { name: "openssh-client", probe: &["ssh", "-V"] },
    Package { name: "python3-venv", probe: &["python3", "-c", "import ensurepip"] },
    Package { name: "runc", probe: &["runc", "--version"] },
    Package { name: "skopeo", probe: &["skopeo", "--version"] },
    Package { name: "umoci", probe: &["umoci", "--version"] },
];

/// What a cluster is made of, beside what comes from Go.
const CLUSTER_PACKAGES: &[Package] = &[
    Package {
        name: "ca-certificates",
        probe: &["test", "-e", "/etc/ssl/certs/ca-certificates.crt"],
    },
    Package { name: "conntrack", probe: &["conntrack", "--version"] },
    Package { name: "containerd", probe: &["containerd", "--version"] },
    Package { name: "containernetworking-plugins", probe: &["test", "-x", "/usr/lib/cni/ptp"] },
    Package { name: "docker-registry", probe: &["docker-registry", "--version"] },
    Package { name: "iproute2", probe: &["ip", "-Version"] },
    Package { name: "ipset", probe: &["ipset", "--version"] },
    Package { name: "iptables", probe: &["iptables", "--version"] },
    Package { name: "openssl", probe: &["openssl", "version"] },
    Package { name: "redis-server", probe: &["redis-server", "--version"] },
    Package { name: "skopeo", probe: &["skopeo", "--version"] },
    Package { name: "util-linux", probe: &["setpriv", "--version"] },
];

/// Installs everything that any task needs.
pub(crate) fn everything(workspace: &Workspace) -> Result<()> {
    system_packages()?;
    tools::sops(workspace)?;
    tools::mcp_python(workspace)?;
    tools::cargo_machete(workspace)?;
    tools::cargo_deny(workspace)?;
    match cluster::possible(workspace) {
        Ok(()) => cluster::setup(workspace)?,
        Err(lacks) => {
            step::say(&format!("✗ nothing was installed for the tests on a cluster: {lacks}"));
        }
    }
    step::say("✓ everything else that the tests need is installed");
    Ok(())
}

/// Installs the packages of the system that the tests need and that are missing.
pub(crate) fn system_packages() -> Result<()> {
    install(PACKAGES)
}

/// Installs those that a cluster needs.
pub(crate) fn cluster_packages() -> Result<()> {
    install(CLUSTER_PACKAGES)
}

/// # Errors
/// It takes someone else: the message names the packages and, where there is one, the command.
fn install(packages: &[Package]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !step::succeeds(Command::new("apt-get").arg("--version")) {
        bail!("these are missing: {list} (Debian's names). Install them, then run this again");
    }
    if !is_root()? {
        bail!(
            "these are missing: {list}. Run this, then try again:\n  sudo apt-get install {list}"
        );
    }
    let mut update = Command::new("apt-get");
    step::run("update the package lists", update.args(["update", "--quiet=2"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "--quiet=2", "--yes", "--no-install-recommends"]).args(missing);
    step::run(&format!("install {list}"), install.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn missing(packages: &[Package]) -> Vec<&'static str> {
    let absent = |package: &&Package| match package.probe {
        [program, arguments @ ..] => !step::succeeds(Command::new(program).args(arguments)),
        [] => false,
    };
    packages.iter().filter(absent).map(|package| package.name).collect()
}

/// Whether this process may do anything.
pub(crate) fn is_root() -> Result<bool> {
    Ok(step::read(Command::new("id").arg("--user"))?.trim() == "0")
}
