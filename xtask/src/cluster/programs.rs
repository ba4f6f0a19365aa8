//! The servers that come from Go: compiled once from pinned modules, or brought along.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{setup, step, tools};

/// The Go that ArgoCD's module asks for, the newest of all.
const GO: &str = "1.26.3";
/// One Go module for each program, from the root of the workspace: their dependencies conflict.
const MODULES: &str = "tests/e2e/programs";
/// How many hexadecimal digits of a hash name a folder.
const DIGITS: usize = 12;

struct Program {
    name: &'static str,
    package: &'static str,
    /// The module whose version the program is to report, and the variable that takes it.
    version: Option<(&'static str, &'static str)>,
}

const PROGRAMS: &[Program] = &[
    Program { name: "etcd", package: ".", version: None },
    Program {
        name: "kubernetes",
        package: ".",
        version: Some(("k8s.io/kubernetes", "k8s.io/component-base/version.gitVersion")),
    },
    Program { name: "argocd", package: "github.com/argoproj/argo-cd/v3/cmd", version: None },
    Program {
        name: "traefik",
        package: "github.com/traefik/traefik/v3/cmd/traefik",
        version: None,
    },
    Program { name: "network-policies", package: ".", version: None },
];

/// What of the module of ArgoCD is no program, and what it is called beside them.
const ARGOCD_FILES: &[(&str, &str)] = &[
    ("manifests/crds", "argocd-manifests/crds"),
    ("manifests/base/config", "argocd-manifests/config"),
    ("hack/git-verify-wrapper.sh", "git-verify-wrapper.sh"),
];

/// Installs what a cluster takes.
pub(crate) fn setup(workspace: &Workspace) -> Result<()> {
    setup::cluster_packages()?;
    programs(workspace).map(drop)
}

/// The folder with all of them.
///
/// # Errors
/// There is no Go, something does not compile, or a folder that was brought along lacks something.
pub(crate) fn programs(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(folder) = tools::brought_along()? {
        return match missing(&folder) {
            None => Ok(folder),
            Some(name) => bail!("{}, which was brought along, has no {name}", folder.display()),
        };
    }
    let folder = tools::folder(workspace, &format!("e2e-{}", hash(workspace)?));
    if missing(&folder).is_some() {
        build(workspace, &folder)?;
    }
    Ok(folder)
}

fn missing(folder: &Path) -> Option<&'static str> {
    let programs = PROGRAMS.iter().map(|program| program.name);
    let files = ARGOCD_FILES.iter().map(|(_, name)| *name);
    programs.chain(files).find(|name| !folder.join(name).exists())
}

fn build(workspace: &Workspace, folder: &Path) -> Result<()> {
    tools::need_go(workspace, "the cluster", GO)?;
    fs::create_dir_all(folder)?;
    for program in PROGRAMS {
        let version = match program.version {
            None => String::new(),
            Some((module, variable)) => {
                let version = list(workspace, program.name, "{{.Version}}", module)?;
                format!(" -X {variable}={version}")
            }
        };
        let mut go = go(workspace, program.name);
        go.args(["build", "-trimpath", &format!("-ldflags=-s -w{version}"), "-o"])
            .arg(folder.join(program.name));
        step::run(&format!("compile {}", program.name), go.arg(program.package))?;
    }
    let module = list(workspace, "argocd", "{{.Dir}}", "github.com/argoproj/argo-cd/v3")?;
    for (from, to) in ARGOCD_FILES {
        let to = folder.join(to);
        fs::create_dir_all(to.parent().context("a name of a file")?)?;
        let mut copy = Command::new("cp");
        // Go keeps its modules read-only, and what is removed one day has to be writable.
        copy.args(["--recursive", "--no-preserve=mode", "--no-target-directory"]);
        step::read(copy.arg(Path::new(&module).join(from)).arg(&to))?;
    }
    let mut executable = Command::new("chmod");
    step::read(executable.arg("+x").arg(folder.join("git-verify-wrapper.sh"))).map(drop)
}

/// One word of what Go knows of a module.
fn list(workspace: &Workspace, program: &str, format: &str, module: &str) -> Result<String> {
    let mut list = go(workspace, program);
    Ok(step::read(list.args(["list", "-m", "-f", format, module]))?.trim().to_owned())
}

fn go(workspace: &Workspace, program: &str) -> Command {
    let mut go = Command::new("go");
    go.current_dir(workspace.root().join(MODULES).join(program)).env("CGO_ENABLED", "0");
    go
}

/// Of everything that the programs are made from.
fn hash(workspace: &Workspace) -> Result<String> {
    let mut sum = workspace.command("sh");
    sum.args([
        "-c",
        "cat \"$0\"/*/go.* \"$0\"/*/*.go xtask/src/cluster/programs.rs | sha256sum",
        MODULES,
    ]);
    step::read(&mut sum)?.get(..DIGITS).map(str::to_owned).context("sha256sum printed no hash")
}
