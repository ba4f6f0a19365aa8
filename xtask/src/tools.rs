//! The outside programs that check and judge the work, each at one exact version, under
//! `tools/` of the target directory. What is there already is used as it is.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// Opens what Inkstone seals: the format's own implementation is the judge.
const SOPS: &str = "3.13.3";
/// What the bench measures beside ours.
const HELM: &str = "3.22.0";
const KUSTOMIZE: &str = "5.7.1";
/// The Go that they ask for.
const GO: &str = "1.25.8";
/// Dependencies: licences, sources, bans.
const CARGO_DENY: &str = "0.20.2";
/// Dependencies that nothing uses.
const CARGO_MACHETE: &str = "0.9.2";
/// The Python packages of the MCP client, from the root of the workspace.
const PYTHON_PACKAGES: &str = "tests/client/requirements.txt";

/// Names a folder that holds programs of Go's which are compiled already.
const BROUGHT_ALONG: &str = "INKSTONE_E2E_BIN";

/// That folder, if there is one.
pub(crate) fn brought_along() -> Result<Option<PathBuf>> {
    let Some(folder) = env::var_os(BROUGHT_ALONG) else { return Ok(None) };
    let found = fs::canonicalize(&folder);
    found.map(Some).with_context(|| format!("{BROUGHT_ALONG}={}", folder.display()))
}

/// The real `sops`.
pub(crate) fn sops(workspace: &Workspace) -> Result<PathBuf> {
    go_program(workspace, "sops", SOPS, "github.com/getsops/sops/v3/cmd/sops")
}

/// What others render manifests with, to be measured beside ours.
pub(crate) fn helm(workspace: &Workspace) -> Result<PathBuf> {
    go_program(workspace, "helm", HELM, "helm.sh/helm/v3/cmd/helm")
}

/// The same.
pub(crate) fn kustomize(workspace: &Workspace) -> Result<PathBuf> {
    go_program(workspace, "kustomize", KUSTOMIZE, "sigs.k8s.io/kustomize/kustomize/v5")
}

/// A program of Go's, compiled from the module proxy.
fn go_program(workspace: &Workspace, name: &str, version: &str, path: &str) -> Result<PathBuf> {
    if let Some(program) = brought_along()?.map(|folder| folder.join(name)).filter(|it| it.exists())
    {
        let said = step::read(workspace.command(&program).arg("--version"))?;
        if !said.contains(version) {
            bail!("{} is not {version}, but says {}", program.display(), said.trim_end());
        }
        return Ok(program);
    }
    let folder = folder(workspace, &format!("{name}-{version}"));
    let program = folder.join(name);
    if !program.exists() {
        need_go(workspace, name, GO)?;
        let mut go = workspace.command("go");
        go.args(["install", "-trimpath", "-ldflags=-s -w"])
            .arg(format!("{path}@v{version}"))
            .env("GOBIN", &folder)
            .env("CGO_ENABLED", "0");
        step::run(&format!("install {name} {version}"), &mut go)?;
    }
    Ok(program)
}

/// # Errors
/// There is no Go, which compiles `name`. One that is older than `version` fetches that, unless it is forbidden, and
/// then says so.
pub(crate) fn need_go(workspace: &Workspace, name: &str, version: &str) -> Result<()> {
    if !step::succeeds(workspace.command("go").arg("version")) {
        bail!(
            "{name} is compiled from source: install Go {version} or newer, see https://go.dev/doc/install"
        );
    }
    Ok(())
}

/// A Python that has the official MCP client.
pub(crate) fn mcp_python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = folder(workspace, "python");
    let python = folder.join("bin/python");
    let wanted = workspace.root().join(PYTHON_PACKAGES);
    let installed = folder.join("requirements.txt");
    if fs::read(&installed).ok() == Some(fs::read(&wanted)?) {
        return Ok(python);
    }
    let mut create = workspace.command("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    step::run("make a Python environment", &mut create)?;
    let mut pip = workspace.command(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement", PYTHON_PACKAGES]);
    step::run("install the MCP client", &mut pip)?;
    fs::copy(&wanted, &installed)?;
    Ok(python)
}

/// `cargo-deny`.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    cargo_tool(workspace, "cargo-deny", CARGO_DENY)
}

/// `cargo-machete`.
pub(crate) fn cargo_machete(workspace: &Workspace) -> Result<PathBuf> {
    cargo_tool(workspace, "cargo-machete", CARGO_MACHETE)
}

/// Compiled without optimisation: it runs for a second, and would compile for minutes.
fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    let folder = folder(workspace, &format!("{name}-{version}"));
    let program = folder.join("bin").join(name);
    if !program.exists() {
        let mut install = workspace.cargo("install");
        install
            .args(["--locked", "--debug", "--no-default-features", "--root"])
            .arg(&folder)
            .arg(format!("{name}@{version}"))
            .env("CARGO_TARGET_DIR", folder.join("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "false");
        step::run(&format!("install {name} {version}"), &mut install)?;
        fs::remove_dir_all(folder.join("build"))?;
    }
    Ok(program)
}

/// Where a tool of that name is kept.
pub(crate) fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target().join("tools").join(name)
}
